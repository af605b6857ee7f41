/* SPDX-License-Identifier: MIT */
/*
 * Pyroscope takes all sample types in one profile, with allocations since the last one: since version 2 it makes no
 * differences itself. Parca takes a profile with a duration for the amount of an interval, and one without for a state,
 * so allocations and live blocks are two profiles.
 */
#include "push/receiver.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory_stream.h"
#include "wire/otlp.h"
#include "wire/wire.h"
#include "write/packed.h"
#include "write/put_json.h"

#define SECOND_NS UINT64_C(1000000000)

static struct ct_wire wire_of(const struct ct_reading *reading, unsigned parts)
{
	return (struct ct_wire){
		.parts = parts,
		.first = parts & CT_PPROF_LIVE ? CT_METRIC_END_BYTES : CT_METRIC_TOTAL_BYTES,
		.recent = reading->recent,
		.time_ns = reading->time_ns,
		.duration_ns = parts & CT_PPROF_ALLOCATED ? reading->duration_ns : 0,
	};
}

/* Write text with %XX for all that has a meaning in a URL. */
static void put_encoded(FILE *out, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
			putc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
}

/* The service's name and the other labels, "app{host=a,exe=b}": its syntax has no way to quote. */
static void put_key(FILE *out, const struct ct_labels *labels)
{
	char *key = NULL;
	size_t length;
	FILE *text = open_memstream(&key, &length);
	if (!text)
		return;
	for (size_t i = 0, count = 0; i <= labels->count; i++) {
		const char *name = i ? labels->rows[i - 1].name : "service_name";
		const char *value = ct_labels_value(labels, name);
		if (i && !strcmp(name, "service_name"))
			continue;
		if (i)
			fprintf(text, "%c%s=", count++ ? ',' : '{', name);
		for (; *value; value++)
			putc(strchr("{},=\"", *value) ? '_' : *value, text);
	}
	fprintf(text, labels->count > 1 ? "}" : "{}");
	if (ct_memory_close(text, &key))
		put_encoded(out, key);
	free(key);
}

static int request_ingest(const struct ct_reading *reading, struct ct_push_request *request,
			  struct ct_error_text *error)
{
	const struct ct_wire wire = wire_of(reading, CT_PPROF_ALL);
	struct ct_wire_message message;
	size_t length;
	int code = ct_wire_write(reading->profile, &wire, &message, error);
	FILE *path = code ? NULL : open_memstream(&request->path, &length);
	if (code)
		return code;
	request->content_type = "application/octet-stream";
	request->body = message.data;
	request->length = message.length;
	request->empty = !message.samples;
	if (!path)
		return ct_error_no_memory(error);
	fputs("/ingest?name=", path);
	put_key(path, reading->labels);
	fprintf(path, "&from=%" PRIu64 "&until=%" PRIu64 "&format=pprof&spyName=ctrace",
		(reading->time_ns - reading->duration_ns) / SECOND_NS, reading->time_ns / SECOND_NS);
	return ct_memory_close(path, &request->path) ? CT_OK : ct_error_no_memory(error);
}

/* Write [{"name":"__name__","value":"memory"},...]. */
static void put_labels(FILE *out, const struct ct_labels *labels)
{
	fputs("[{\"name\":\"__name__\",\"value\":\"memory\"}", out);
	for (size_t i = 0; i < labels->count; i++) {
		fputs(",{\"name\":", out);
		ct_put_text(out, labels->rows[i].name);
		ct_put_text_member(out, "value", labels->rows[i].value);
		putc('}', out);
	}
	putc(']', out);
}

/*
 * Write a series with these parts, whose labels are in an object of their own if `wrapped`. A series without a sample
 * is left out.
 */
static int put_series(FILE *out, const struct ct_reading *reading, unsigned parts, bool wrapped, bool *any,
		      struct ct_error_text *error)
{
	const struct ct_wire wire = wire_of(reading, parts);
	struct ct_wire_message message;
	int code = ct_wire_write(reading->profile, &wire, &message, error);
	if (code || !message.samples) {
		free(code ? NULL : message.data);
		return code;
	}
	fprintf(out, "%s{\"labels\":%s", *any ? "," : "", wrapped ? "{\"labels\":" : "");
	put_labels(out, reading->labels);
	fprintf(out, "%s,\"samples\":[{\"rawProfile\":\"", wrapped ? "}" : "");
	FILE *encoded = ct_base64_open(out);
	if (encoded)
		fwrite(message.data, 1, message.length, encoded);
	if (!encoded || fclose(encoded))
		code = ct_error_no_memory(error);
	fputs("\"}]}", out);
	free(message.data);
	*any = true;
	return code;
}

/* A request in JSON with a series for each of the parts. */
static int request_json(const struct ct_reading *reading, const char *path, const unsigned *parts, size_t count,
			bool wrapped, struct ct_push_request *request, struct ct_error_text *error)
{
	bool any = false;
	int code = CT_OK;
	request->path = strdup(path);
	request->content_type = "application/json";
	FILE *out = request->path ? open_memstream(&request->body, &request->length) : NULL;
	if (!out)
		return ct_error_no_memory(error);
	fputs("{\"series\":[", out);
	for (size_t i = 0; i < count && !code; i++)
		code = put_series(out, reading, parts[i], wrapped, &any, error);
	fputs("]}", out);
	if (!ct_memory_close(out, &request->body) && !code)
		code = ct_error_no_memory(error);
	request->empty = !any;
	return code;
}

static int request_connect(const struct ct_reading *reading, struct ct_push_request *request,
			   struct ct_error_text *error)
{
	static const unsigned parts[] = {CT_PPROF_ALL};
	return request_json(reading, "/push.v1.PusherService/Push", parts, 1, false, request, error);
}

static int request_parca(const struct ct_reading *reading, struct ct_push_request *request, struct ct_error_text *error)
{
	static const unsigned parts[] = {CT_PPROF_LIVE | CT_PPROF_PEAK, CT_PPROF_ALLOCATED};
	return request_json(reading, "/api/profiles/writeraw", parts, 2, true, request, error);
}

static int request_otlp(const struct ct_reading *reading, struct ct_push_request *request, struct ct_error_text *error)
{
	struct ct_otlp_attribute attributes[CT_LABELS_MAX];
	struct ct_wire wire = wire_of(reading, CT_PPROF_ALL);
	struct ct_wire_message message;
	const struct ct_labels *labels = reading->labels;
	wire.plain = true;
	int code = ct_wire_write(reading->profile, &wire, &message, error);
	if (code)
		return code;
	for (size_t i = 0; i < labels->count; i++)
		attributes[i] = (struct ct_otlp_attribute){labels->rows[i].attribute, labels->rows[i].value};
	request->path = strdup("/v1development/profiles");
	request->content_type = "application/x-protobuf";
	request->empty = !message.samples;
	code = request->path ? ct_otlp_write(&wire, &message, attributes, labels->count, &request->body,
					     &request->length, error)
			     : ct_error_no_memory(error);
	free(message.data);
	return code;
}

const struct ct_receiver ct_receivers[] = {
	{"pyroscope", "Grafana Pyroscope, and Alloy's pyroscope.receive_http (/ingest)", request_ingest, NULL},
	{"push.v1", "the newer interface of Grafana Pyroscope (Connect, JSON)", request_connect, NULL},
	{"parca", "Parca (WriteRaw, JSON)", request_parca, NULL},
	{"otlp", "OpenTelemetry's profiles over HTTP; experimental, as the protocol is", request_otlp, ct_otlp_accepts},
	{NULL, NULL, NULL, NULL},
};

const struct ct_receiver *ct_receiver_find(const char *name)
{
	for (const struct ct_receiver *at = ct_receivers; at->name; at++)
		if (!strcmp(name, at->name))
			return at;
	return NULL;
}

void ct_push_request_free(struct ct_push_request *request)
{
	free(request->path);
	free(request->body);
	*request = (struct ct_push_request){0};
}

/* SPDX-License-Identifier: MIT */
#include "wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory_stream.h"

/* What the worth of a site is made from. */
struct scale {
	const struct ct_wire *wire;
	const struct ct_counters *totals;
	uint64_t live_bytes; /* of all sites; of changes, without their signs */
};

/* A share of a total, in billionths. */
static uint64_t share(uint64_t number, uint64_t total)
{
	return total ? (uint64_t)((double)number / (double)total * 1e9) : 0;
}

static uint64_t live_of(const struct ct_wire *wire, const struct ct_counters *site)
{
	bool less = wire->live_change && site->end_bytes > INT64_MAX;
	return less ? 0 - site->end_bytes : site->end_bytes;
}

/* A site is worth the sum of its shares. One without bytes but with blocks is not left out. */
static uint64_t worth_of(const struct ct_counters *site, const void *argument)
{
	const struct scale *scale = argument;
	const struct ct_counters *totals = scale->totals;
	uint64_t worth = 0, any = 0;
	if (scale->wire->parts & CT_PPROF_ALLOCATED) {
		bool recent = scale->wire->recent;
		worth += recent ? share(site->recent_bytes, totals->recent_bytes)
				: share(site->total_bytes, totals->total_bytes);
		any |= recent ? site->recent_blocks | site->recent_bytes : site->total_blocks | site->total_bytes;
	}
	if (scale->wire->parts & CT_PPROF_LIVE) {
		worth += share(live_of(scale->wire, site), scale->live_bytes);
		any |= site->end_blocks | site->end_bytes;
	}
	if (scale->wire->parts & CT_PPROF_PEAK) {
		worth += share(site->peak_bytes, totals->peak_bytes);
		any |= site->peak_bytes;
	}
	return any ? worth + 1 : 0;
}

int ct_wire_shorten(const struct ct_profile *profile, const struct ct_wire *wire, size_t most,
		    struct ct_short_sites *sites, struct ct_error_text *error)
{
	struct scale scale = {wire, &profile->totals, 0};
	for (size_t i = 0; i < profile->site_count; i++)
		scale.live_bytes += live_of(wire, &profile->sites[i].counters);
	return ct_shorten_sites(profile, worth_of, &scale, most, sites) ? ct_error_no_memory(error) : CT_OK;
}

/* Write at most `most` samples. *bytes gets the size before compression. */
static int write_samples(const struct ct_profile *profile, const struct ct_wire *wire, size_t most,
			 struct ct_wire_message *message, size_t *bytes, struct ct_error_text *error)
{
	struct ct_short_sites sites;
	FILE *out = NULL;
	*message = (struct ct_wire_message){0};
	int code = ct_wire_shorten(profile, wire, most, &sites, error);
	if (!code && !(out = open_memstream(&message->data, &message->length)))
		code = ct_error_no_memory(error);
	if (!code) {
		const struct ct_pprof_message pprof = {
			.sites = sites.rows,
			.site_count = sites.count,
			.shortened = sites.shortened,
			.parts = wire->parts,
			.first = wire->first,
			.recent = wire->recent,
			.live_change = wire->live_change,
			.begins = wire->begins,
			.processes = wire->processes,
			.process_count = wire->process_count,
			.missing = wire->missing,
			.time_ns = wire->time_ns,
			.duration_ns = wire->duration_ns,
			.plain = wire->plain,
		};
		code = ct_write_pprof_message(profile, &pprof, out, bytes, error);
		message->samples = sites.count;
		message->shortened = sites.shortened;
	}
	if (out && !ct_memory_close(out, &message->data) && !code)
		code = ct_error_no_memory(error);
	if (code) {
		free(message->data);
		message->data = NULL;
	}
	free(sites.rows);
	return code;
}

int ct_wire_write(const struct ct_profile *profile, const struct ct_wire *wire, struct ct_wire_message *message,
		  struct ct_error_text *error)
{
	size_t most = wire->most_samples ? wire->most_samples : CT_WIRE_SAMPLES;
	size_t limit = wire->most_bytes ? wire->most_bytes : CT_WIRE_BYTES, bytes;
	for (;;) {
		int code = write_samples(profile, wire, most, message, &bytes, error);
		if (code || bytes <= limit)
			return code;
		free(message->data);
		message->data = NULL;
		if (message->samples <= 1)
			return ct_error_set(error, CT_ERR_USAGE,
					    "the profile needs %zu bytes at least, and the limit is %zu", bytes, limit);
		/* The size is nearly in proportion to the number of samples; a tenth less, so that one more round is
		 * enough. */
		size_t fewer = (size_t)((double)message->samples * (double)limit / (double)bytes * 0.9);
		most = fewer < 1 ? 1 : fewer < message->samples ? fewer : message->samples - 1;
	}
}

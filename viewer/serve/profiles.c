/* SPDX-License-Identifier: MIT */
/* Gperftools' URLs, names of addresses, and every format of `ctrace export`. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "load/store/store_builder.h"
#include "model/threads.h"
#include "serve/answer.h"
#include "serve/pprof.h"
#include "write/format.h"

static void answer_text(struct ct_server *server, const struct ct_request *request, struct ct_answer *answer,
			enum ct_pprof_kind kind)
{
	struct ct_served *served = ct_answer_profile(server, request, answer);
	struct ct_error_text error;
	const struct ct_pprof_ask ask = {.kind = kind};
	int code = served ? ct_pprof_write_text(served, &ask, false, answer->out, &error) : CT_OK;
	if (code)
		ct_answer_failure(answer, code, &error);
}

CT_ANSWER(text_heap)
{
	answer_text(server, request, answer, CT_PPROF_ALLOCS);
}

CT_ANSWER(text_growth)
{
	answer_text(server, request, answer, CT_PPROF_GROWTH);
}

/* Readers drop ?pid= when they ask for names, and mean the process whose addresses they have just got. */
CT_ANSWER(symbol)
{
	struct ct_served *latest = NULL;
	struct ct_error_text error;
	if (strcmp(request->method, "POST")) {
		fputs("num_symbols: 1\n", answer->out);
		return;
	}
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (served->builder && (!latest || served->used_ns > latest->used_ns))
			latest = served;
	}
	if (request->pid || request->parameter(request->context, "pid"))
		latest = ct_answer_profile(server, request, answer);
	if (answer->status != 200 || !latest)
		return;
	int code = ct_pprof_write_symbols(latest, request->body, request->body_bytes, answer->out, &error);
	if (code)
		ct_answer_failure(answer, code, &error);
}

/* Arguments may hold secrets. Perl's pprof needs at least a name. */
CT_ANSWER(cmdline)
{
	struct ct_served *served = ct_answer_process(server, request, answer);
	char room[4096];
	ssize_t got;
	if (!served)
		return;
	int fd = served->process.folder < 0 || !server->fleet.arguments
			 ? -1
			 : openat(served->process.folder, "cmdline", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (got = read(fd, room, sizeof(room))) > 0)
		fwrite(room, 1, (size_t)got, answer->out);
	if (fd >= 0)
		close(fd);
	else
		fputs(served->exe, answer->out);
}

static const char *type_of(const struct ct_format *format)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".html", "text/html; charset=utf-8"},
		     {".gz", "application/octet-stream"},
		     {".svg", "image/svg+xml"},
		     {".json", "application/json"},
		     {".heapprofile", "application/json"},
		     {".parquet", "application/vnd.apache.parquet"},
		     {".jsonl", "application/x-ndjson"},
		     {"", "text/plain; charset=utf-8"}};
	size_t i = 0, length = strlen(format->suffix);
	while (strlen(types[i].suffix) > length ||
	       strcmp(format->suffix + length - strlen(types[i].suffix), types[i].suffix))
		i++;
	return types[i].type;
}

static int write_format(const struct ct_profile *profile, const struct ct_format *format, enum ct_metric metric,
			FILE *out, struct ct_error_text *error)
{
	struct ct_profile folded;
	enum ct_metric chosen = metric ? metric : format->metric;
	if (chosen && !ct_metric_exists(profile, chosen))
		chosen = ct_metric_main(profile);
	if (format->has_threads)
		return format->write(profile, chosen, out, error);
	int code = ct_threads_fold(profile, &folded, error);
	if (!code)
		code = format->write(&folded, chosen, out, error);
	ct_threads_fini(&folded);
	return code;
}

/* Should the answer have the process's ledger? The page has it unless memory=0, other formats with memory=1. */
static bool with_memory(const struct ct_request *request, const struct ct_format *format, struct ct_answer *answer,
			uint64_t *memory)
{
	return ct_answer_number(request, answer, "memory", !strcmp(format->name, "html"), 1, memory);
}

CT_ANSWER(export)
{
	const char *name = request->parameter(request->context, "format");
	const char *metric_name = request->parameter(request->context, "metric");
	const char *look = request->parameter(request->context, "view");
	const struct ct_format *format = ct_format_find(name ? name : "dhat");
	enum ct_metric metric = metric_name ? ct_metric_find(metric_name) : CT_METRIC_NONE;
	struct ct_error_text error;
	uint64_t memory = 0;
	if (!format || (metric_name && !metric)) {
		ct_answer_error(answer, 400, "%s; ctrace export --help lists the formats and metrics",
				format ? "unknown metric" : "unknown format");
		return;
	}
	struct ct_served *served = ct_answer_profile(server, request, answer);
	if (!served)
		return;
	struct ct_profile *profile = ct_store_builder_profile(served->builder);
	if (!with_memory(request, format, answer, &memory))
		return;
	const struct ct_ledger *ledger = memory ? ct_served_ledger(served) : NULL;
	profile->ledger = ledger ? *ledger : (struct ct_ledger){0};
	int code = ct_format_check(format, metric, profile, "the process", &error);
	if (!code)
		code = write_format(profile, format, metric, answer->out, &error);
	if (code) {
		ct_answer_failure(answer, code, &error);
		return;
	}
	answer->type = type_of(format);
	if (!strcmp(format->name, "html")) /* it names its script and style by hash */
		strcpy(answer->policy, "frame-ancestors 'self'");
	if (!look)
		ct_answer_file(answer, served, format->suffix);
}

/* SPDX-License-Identifier: MIT */
/* The processes as JSON, and as targets for Prometheus. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "names/names.h"
#include "serve/answer.h"
#include "util/clock.h"
#include "util/utf8.h"
#include "write/put_json.h"

/* Is it the process that ?pid= leads to? */
static bool is_shown(struct ct_server *server, struct ct_served *served)
{
	return ct_fleet_find(&server->fleet, served->pid) == served;
}

static void put_process(struct ct_served *served, FILE *out)
{
	const struct ct_store_numbers *numbers = &served->numbers;
	fprintf(out, "{\"pid\":%d", served->pid);
	ct_put_text_member(out, "state", ct_served_states[served->state]);
	ct_put_text_member(out, "name", served->name);
	ct_put_text_member(out, "exe", served->exe);
	ct_put_text_member(out, "service", served->service);
	ct_put_text_member(out, "store", served->store);
	if (served->known) {
		ct_put_number_member(out, "startUnixNs", numbers->start_unix_ns);
		ct_put_number_member(out, "readUnixNs", served->read_unix_ns);
		ct_put_number_member(out, "liveBytes", numbers->live_bytes);
		ct_put_number_member(out, "liveBlocks", numbers->live_blocks);
		ct_put_number_member(out, "peakBytes", numbers->peak_bytes);
		ct_put_number_member(out, "totalBytes", numbers->total_bytes);
		ct_put_number_member(out, "totalBlocks", numbers->total_blocks);
		ct_put_number_member(out, "sites", numbers->sites);
		ct_put_text_member(out, "mode", ct_served_mode(served));
		ct_put_number_member(out, "sampleBytes", numbers->sample_bytes);
		fprintf(out, ",\"paused\":%s", numbers->paused ? "true" : "false");
		ct_put_number_member(out, "segment", numbers->segment);
		ct_put_number_member(out, "request", numbers->request);
	}
	if (served->ended_ns)
		ct_put_text_member(out, "endCause",
				   served->oom                         ? "oom"
				   : served->state == CT_SERVED_KILLED ? "killed"
								       : "exit");
	if (served->report)
		ct_put_text_member(out, "report", served->report);
	if (*served->problem)
		ct_put_text_member(out, "problem", served->problem);
	putc('}', out);
}

/* A process that has been asleep since its start. */
static void put_asleep(const struct ct_fleet_seen *seen, FILE *out)
{
	char *exe = ct_fleet_exe(seen);
	fprintf(out, "{\"pid\":%d", seen->pid);
	ct_put_text_member(out, "state", "asleep");
	ct_put_text_member(out, "exe", exe ? exe : "");
	putc('}', out);
	free(exe);
}

CT_ANSWER(processes)
{
	bool any = false;
	(void)request;
	ct_fleet_scan(&server->fleet);
	fputs("{\"format\":\"ctrace-running\",\"version\":1,\"writtenBy\":\"ctrace " CTRACE_VERSION
	      "\",\"processes\":[",
	      answer->out);
	for (size_t i = 0; i < server->fleet.count; i++) {
		ct_served_look(server->fleet.rows[i]);
		fputs(any ? ",\n" : "\n", answer->out);
		put_process(server->fleet.rows[i], answer->out);
		any = true;
	}
	for (size_t i = 0; i < server->fleet.seen_count; i++) {
		if (!ct_fleet_is_asleep(&server->fleet.seen[i]))
			continue;
		fputs(any ? ",\n" : "\n", answer->out);
		put_asleep(&server->fleet.seen[i], answer->out);
		any = true;
	}
	fprintf(answer->out, "\n],\"notTaken\":%" PRIu64 ",\"notWatched\":%zu}\n", server->fleet.refused,
		server->fleet.folders.refused);
	answer->type = "application/json; charset=utf-8";
}

/*
 * Prometheus and Alloy add __param_pid to the URL that they scrape as ?pid=. Each target has labels of its own, since
 * two targets with equal labels would overwrite each other.
 */
CT_ANSWER(sd)
{
	const char *host = *request->host ? request->host : "127.0.0.1:6070";
	char pid[16], *address = ct_utf8_clean(host, strlen(host), NULL);
	bool any = false;
	if (!address) {
		ct_answer_error(answer, 503, "out of memory");
		return;
	}
	ct_fleet_scan(&server->fleet);
	putc('[', answer->out);
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (!served->known)
			ct_served_look(served); /* for its name */
		if (!is_shown(server, served) || (!served->ended_ns && ct_served_is_past(served, ct_now_ns())))
			continue;
		snprintf(pid, sizeof(pid), "%d", served->pid);
		fprintf(answer->out, "%s\n{\"targets\":[", any ? "," : "");
		ct_put_text(answer->out, address);
		fputs("],\"labels\":{\"__param_pid\":", answer->out);
		ct_put_text(answer->out, pid);
		if (server->tls)
			ct_put_text_member(answer->out, "__scheme__", "https");
		ct_put_text_member(answer->out, "pid", pid);
		ct_put_text_member(answer->out, "exe", ct_name_base(served->exe));
		ct_put_text_member(answer->out, "service_name", served->service);
		fputs("}}", answer->out);
		any = true;
	}
	free(address);
	fputs("\n]\n", answer->out);
	answer->type = "application/json";
}

CT_ANSWER(go_index)
{
	FILE *out = answer->out;
	(void)server;
	(void)request;
	fputs("/debug/pprof/\n\n"
	      "heap        live and allocated memory by call stack; ?pid=N chooses the process,\n"
	      "            ?seconds=N the change in N seconds, ?debug=1 text, ?top=N the largest N stacks\n"
	      "allocs      the same, allocated memory first\n"
	      "delta_heap  what was allocated since the last request of ?client=NAME, and what is live\n"
	      "symbol      names of addresses\n"
	      "cmdline     the program; its arguments only with ctrace serve --arguments\n",
	      out);
}

/* SPDX-License-Identifier: MIT */
/* The processes as JSON, as targets for Prometheus, and as a page. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "names/names.h"
#include "names/number.h"
#include "serve/answer.h"
#include "util/clock.h"
#include "util/utf8.h"
#include "write/put_json.h"
#include "write/put_xml.h"

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
		ct_put_number_member(out, "sampleBytes", numbers->sample_bytes);
	}
	if (*served->problem)
		ct_put_text_member(out, "problem", served->problem);
	putc('}', out);
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
	fprintf(answer->out, "\n],\"notTaken\":%" PRIu64 "}\n", server->fleet.refused);
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

/* Live bytes over the run, as a small curve. */
static void put_curve(const struct ct_store_numbers *numbers, FILE *out)
{
	uint64_t most = 1;
	for (size_t i = 0; i < numbers->curve_count; i++)
		most = numbers->curve[i] > most ? numbers->curve[i] : most;
	fputs("<svg width=\"128\" height=\"24\" viewBox=\"0 0 128 24\" role=\"img\"><title>live bytes since the start"
	      "</title><polyline fill=\"none\" stroke=\"currentColor\" points=\"",
	      out);
	for (size_t i = 0; i < numbers->curve_count; i++)
		fprintf(out, "%zu,%.1f ", i * 128 / (CT_CURVE_POINTS - 1),
			23 - 22.0 * (double)numbers->curve[i] / (double)most);
	fputs("\"/></svg>", out);
}

static void put_row(struct ct_served *served, FILE *out)
{
	char live[CT_NUMBER_ROOM], peak[CT_NUMBER_ROOM], total[CT_NUMBER_ROOM];
	fprintf(out, "<tr><td class=n>%d<td title=\"", served->pid);
	ct_put_xml(out, served->exe);
	fputs("\">", out);
	ct_put_xml(out, ct_name_base(served->exe));
	fprintf(out, "<td>%s", ct_served_states[served->state]);
	if (!served->known) {
		fputs("<td colspan=5>", out);
		ct_put_xml(out, served->problem);
		return;
	}
	fprintf(out, "<td class=n>%s<td>", ct_number_bytes(live, served->numbers.live_bytes));
	put_curve(&served->numbers, out);
	fprintf(out, "<td class=n>%s<td class=n>%s<td>", ct_number_bytes(peak, served->numbers.peak_bytes),
		ct_number_bytes(total, served->numbers.total_bytes));
	fprintf(out,
		"<a href=\"/page?pid=%d\">page</a> "
		"<a href=\"/debug/pprof/heap?pid=%d\">pprof</a> <a href=\"/debug/pprof/heap?pid=%d&amp;debug=1\">text</a> "
		"<a href=\"/metrics?pid=%d\">metrics</a>\n",
		served->pid, served->pid, served->pid, served->pid);
}

CT_ANSWER(index)
{
	FILE *out = answer->out;
	size_t shown = 0;
	(void)request;
	ct_fleet_scan(&server->fleet);
	fputs("<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
	      "<meta name=viewport content=\"width=device-width\"><title>ctrace serve</title><style>"
	      ":root{color-scheme:light dark}body{font:14px/1.4 system-ui,sans-serif;margin:1.5em}"
	      "table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:left}.n{text-align:right}"
	      "svg{vertical-align:middle}</style><h1>Recorded processes</h1>\n"
	      "<table><tr><th class=n>pid<th>program<th>state<th class=n>live<th><th class=n>peak<th class=n>total<th>\n",
	      out);
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		ct_served_look(served);
		if (is_shown(server, served)) {
			put_row(served, out);
			shown++;
		}
	}
	fputs("</table>\n", out);
	if (!shown)
		fputs("<p>None yet. Start one with <code>ctrace record ./app</code> or <code>LD_PRELOAD=libctrace.so</code>.\n",
		      out);
	fputs("<p><a href=\"/metrics\">/metrics</a> <a href=\"/processes\">/processes</a> <a href=\"/sd\">/sd</a> "
	      "<a href=\"/debug/pprof/\">/debug/pprof/</a></html>\n",
	      out);
	answer->type = "text/html; charset=utf-8";
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

/* SPDX-License-Identifier: MIT */
/* The processes as a page, which renews itself. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "names/number.h"
#include "serve/answer.h"
#include "write/put_xml.h"

static const char style[] =
	":root{color-scheme:light dark}body{font:14px/1.4 system-ui,sans-serif;margin:1em 1.5em}"
	"table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:left}.n{text-align:right;white-space:nowrap}"
	"svg{vertical-align:middle}button,input{font:inherit}.links a{margin-right:.4em}"
	"#compare{margin:.6em 0}#box{overflow-x:auto}"
	"@media(max-width:45em){body{margin:.5em}.wide{display:none}td,th{padding-right:.5em}}";

/* The rows are renewed in place, so that what was chosen, the focus and the scrolling stay. */
static const char script[] =
	"const body = document.querySelector('tbody'), compare = document.querySelector('#compare button');\n"
	"const state = document.querySelector('#state');\n"
	"const chosen = () => [...body.querySelectorAll('input:checked')].map((box) => box.value);\n"
	"function showChoice() { compare.disabled = chosen().length !== 2; }\n"
	"body.addEventListener('change', showChoice);\n"
	"compare.addEventListener('click', () => { const [a, b] = chosen(); location = `/page?pid=${b}&with=${a}`; });\n"
	"async function refresh() {\n"
	"  const page = new DOMParser().parseFromString(await (await fetch('/')).text(), 'text/html');\n"
	"  const old = new Map([...body.rows].map((row) => [row.dataset.process, row]));\n"
	"  const rows = [...page.querySelectorAll('tbody tr')];\n"
	"  rows.forEach((row, i) => {\n"
	"    let kept = old.get(row.dataset.process);\n"
	"    old.delete(row.dataset.process);\n"
	"    if (!kept) kept = document.adoptNode(row);\n"
	"    else if (kept.innerHTML !== row.innerHTML)\n"
	"      [...row.cells].forEach((cell, k) => { if (k && kept.cells[k].innerHTML !== cell.innerHTML) kept.cells[k].replaceWith(cell.cloneNode(true)); });\n"
	"    if (body.rows[i] !== kept) body.insertBefore(kept, body.rows[i] ?? null);\n"
	"  });\n"
	"  old.forEach((row) => row.remove());\n"
	"  document.querySelector('#none').hidden = rows.length > 0;\n"
	"  showChoice();\n"
	"  state.textContent = '';\n"
	"}\n"
	"async function run() {\n"
	"  if (!document.hidden) try { await refresh(); } catch { state.textContent = 'no answer; trying again'; }\n"
	"  setTimeout(run, 3000);\n"
	"}\n"
	"showChoice();\n"
	"setTimeout(run, 3000);\n";

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
	char report[64] = "";
	int pid = served->pid;
	fprintf(out, "<tr data-process=%" PRIu64 "><td><input type=checkbox value=%d aria-label=\"compare %d\">",
		served->serial, pid, pid);
	fprintf(out, "<td class=n>%d<td title=\"", pid);
	ct_put_xml(out, served->exe);
	fputs("\">", out);
	ct_put_xml(out, served->name);
	fprintf(out, "<td>%s", ct_served_states[served->state]);
	if (!served->known) {
		fputs("<td><td class=wide><td class=wide><td class=wide><td>", out);
		ct_put_xml(out, served->problem);
		putc('\n', out);
		return;
	}
	if (served->numbers.mode == CT_CONTROL_OFF || served->numbers.paused)
		fputs(served->numbers.paused ? ", paused" : ", off", out);
	fprintf(out, "<td class=n>%s<td class=wide>", ct_number_bytes(live, served->numbers.live_bytes));
	put_curve(&served->numbers, out);
	fprintf(out, "<td class=\"n wide\">%s<td class=\"n wide\">%s<td class=links>",
		ct_number_bytes(peak, served->numbers.peak_bytes), ct_number_bytes(total, served->numbers.total_bytes));
	if (served->report)
		snprintf(report, sizeof(report), "<a href=\"/report?pid=%d\">report</a>", pid);
	fprintf(out,
		"<a href=\"/page?pid=%d\">page</a>%s<span class=wide><a href=\"/debug/pprof/heap?pid=%d\">pprof</a>"
		"<a href=\"/debug/pprof/heap?pid=%d&amp;debug=1\">text</a><a href=\"/metrics?pid=%d\">metrics</a></span>\n",
		pid, report, pid, pid, pid);
}

/* A process that has been asleep since its start has nothing to compare, and no number. */
static void put_asleep(const struct ct_fleet_seen *seen, FILE *out)
{
	char *exe = ct_fleet_exe(seen);
	fprintf(out, "<tr data-process=\"asleep %d %" PRIu64 "\"><td><td class=n>%d<td title=\"", seen->pid,
		seen->start, seen->pid);
	ct_put_xml(out, exe ? exe : "");
	fputs("\">", out);
	ct_put_xml(out, exe ? ct_name_base(exe) : "");
	fputs("<td>asleep<td><td class=wide><td class=wide><td class=wide><td>\n", out);
	free(exe);
}

CT_ANSWER(index)
{
	FILE *out = answer->out;
	size_t shown = 0;
	uint64_t nonce;
	(void)request;
	if (!ct_answer_page_policy(answer, &nonce))
		return;
	ct_fleet_scan(&server->fleet);
	fprintf(out,
		"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
		"<noscript><meta http-equiv=refresh content=5></noscript><title>ctrace serve</title><style>%s</style>"
		"<h1>Recorded processes</h1>\n<div id=box><table><thead><tr><th><th class=n>pid<th>program<th>state<th class=n>live"
		"<th class=wide><th class=\"n wide\">peak<th class=\"n wide\">total<th></thead><tbody>\n",
		style);
	for (size_t i = 0; i < server->fleet.count; i++) {
		struct ct_served *served = server->fleet.rows[i];
		ct_served_look(served);
		if (ct_fleet_find(&server->fleet, served->pid) == served) {
			put_row(served, out);
			shown++;
		}
	}
	for (size_t i = 0; i < server->fleet.seen_count; i++) {
		if (!ct_fleet_is_asleep(&server->fleet.seen[i]))
			continue;
		put_asleep(&server->fleet.seen[i], out);
		shown++;
	}
	fprintf(out,
		"</tbody></table></div>\n<p id=none%s>None yet. Start one with <code>ctrace record ./app</code> or "
		"<code>LD_PRELOAD=libctrace.so</code>.</p>\n",
		shown ? " hidden" : "");
	fputs("<p id=compare><button disabled>compare</button> two processes <span id=state role=status></span>\n"
	      "<p><a href=\"/metrics\">/metrics</a> <a href=\"/processes\">/processes</a> <a href=\"/sd\">/sd</a> "
	      "<a href=\"/debug/pprof/\">/debug/pprof/</a>\n",
	      out);
	fprintf(out, "<script nonce=%016" PRIx64 ">%s</script></html>\n", nonce, script);
}

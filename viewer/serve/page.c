/* SPDX-License-Identifier: MIT */
/*
 * The page of `ctrace html` over a running process. It is a frame of this page, whose script fetches it again every few
 * seconds, unpacks its data and hands that to it, so that its reader's choices stay.
 */
#include <inttypes.h>
#include <string.h>

#include "names/names.h"
#include "serve/answer.h"
#include "write/put_xml.h"

static const char style[] =
	":root{color-scheme:light dark}html,body{height:100%;margin:0}body{display:flex;flex-direction:column;"
	"font:14px/1.4 system-ui,sans-serif}header{display:flex;flex-wrap:wrap;gap:.3em 1em;padding:.3em 1em;"
	"align-items:center}form{display:flex;flex-wrap:wrap;gap:.3em;align-items:center}input,button,select{font:inherit}"
	"iframe{flex:1;border:0;min-height:60%}#state{margin-left:auto}";

/*
 * A page that was made before it could take new data is loaded again. A difference over some seconds is asked for again
 * at once, since the answer takes that time.
 */
static const char script[] =
	"const frame = document.querySelector('iframe'), state = document.querySelector('#state');\n"
	"const live = document.querySelector('#live');\n"
	"let shown = '';\n"
	"async function dataOf(answer) {\n"
	"  if (!answer.ok) throw new Error((await answer.text()).trim());\n"
	"  const packed = /id=\"data\">([^<]*)</.exec(await answer.text())[1];\n"
	"  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));\n"
	"  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));\n"
	"  return new Response(unpacked).text();\n"
	"}\n"
	"async function refresh() {\n"
	"  const data = await dataOf(await fetch(frame.dataset.source));\n"
	"  const page = frame.contentWindow;\n"
	"  if (!live.checked) return;\n"
	"  if (data !== shown && page.ctrace) page.ctrace.show(JSON.parse(data));\n"
	"  else if (data !== shown) page.location.reload();\n"
	"  shown = data;\n"
	"  state.textContent = 'as of ' + new Date().toLocaleTimeString();\n"
	"}\n"
	"async function run() {\n"
	"  try { if (live.checked && !document.hidden) await refresh(); }\n"
	"  catch (error) { state.textContent = error.message; }\n"
	"  setTimeout(run, Number(frame.dataset.pause));\n"
	"}\n"
	"frame.addEventListener('load', run, { once: true });\n"
	"frame.src = frame.dataset.source;\n"
	"const control = document.querySelector('#control'), mode = document.querySelector('#mode');\n"
	"async function showMode() {\n"
	"  const { processes } = await (await fetch('/processes')).json();\n"
	"  const row = processes.filter((row) => row.pid === Number(control.dataset.pid)).pop();\n"
	"  if (!row) { mode.textContent = ''; return null; }\n"
	"  mode.textContent = row.state !== 'runs' && row.state !== 'unseen' ? row.state\n"
	"    : (row.mode === 'sampled' ? 'sample=' + row.sampleBytes : row.mode) + (row.paused ? ', paused' : '')\n"
	"    + (row.segment > 1 ? ', segment ' + row.segment : '');\n"
	"  return row;\n"
	"}\n"
	"async function ask(action) {\n"
	"  const form = new FormData(control), name = form.get('name').trim();\n"
	"  const query = new URLSearchParams({ pid: control.dataset.pid, action });\n"
	"  if (action === 'sample') query.set('action', 'sample=' + form.get('bytes').trim());\n"
	"  if (name && ['mark', 'reset', 'exact', 'sample'].includes(action)) query.set('name', name);\n"
	"  const answer = await fetch('/control?' + query, { method: 'POST', headers: { 'X-Ctrace-Key': control.dataset.key } });\n"
	"  if (!answer.ok) throw new Error((await answer.text()).trim());\n"
	"  const { request } = await answer.json();\n"
	"  for (let i = 0; i < 5; i++) {\n"
	"    await new Promise((done) => setTimeout(done, 1100));\n"
	"    const row = await showMode();\n"
	"    if (!row || row.request >= request) return action + ': done';\n"
	"  }\n"
	"  return action + ': the process does it at its next allocation';\n"
	"}\n"
	"if (control) {\n"
	"  control.addEventListener('submit', async (event) => {\n"
	"    event.preventDefault();\n"
	"    const said = document.querySelector('#said');\n"
	"    said.textContent = '...';\n"
	"    try { said.textContent = await ask(event.submitter.value); } catch (error) { said.textContent = error.message; }\n"
	"  });\n"
	"  const repeat = async () => {\n"
	"    if (!document.hidden) try { await showMode(); } catch { mode.textContent = 'no answer'; }\n"
	"    setTimeout(repeat, 3000);\n"
	"  };\n"
	"  repeat();\n"
	"}\n";

static void put_control(const struct ct_server *server, const struct ct_served *served, FILE *out)
{
	static const char *const buttons[] = {"off", "exact", "pause", "resume", "reset", "mark"};
	fprintf(out, "<form id=control data-pid=%d data-key=%s>recording <b id=mode></b>", served->pid, server->key);
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++)
		fprintf(out, "<button value=%s>%s</button>", buttons[i], buttons[i]);
	fputs("<input name=name size=10 maxlength=100 placeholder=\"name\" aria-label=\"name of the mark or segment\">"
	      "<span><button value=sample>sample</button> <input name=bytes size=5 value=512k aria-label=\"bytes between samples\"></span>"
	      "<span id=said role=status></span></form>",
	      out);
}

/* What the frame shows: the report, or the difference with another process or with some seconds ago. */
static void put_frame(const struct ct_served *served, uint64_t with, uint64_t seconds, FILE *out)
{
	fprintf(out, "<iframe title=report data-pause=%d data-source=\"", seconds ? 0 : 3000);
	if (with)
		fprintf(out, "/diff?pid=%d&amp;with=%" PRIu64, served->pid, with);
	else if (seconds)
		fprintf(out, "/diff?pid=%d&amp;seconds=%" PRIu64, served->pid, seconds);
	else
		fprintf(out, "/export?pid=%d&amp;format=html&amp;view=1", served->pid);
	fputs("\"></iframe>", out);
}

/* A form that leads to the same page over another time. */
static void put_choice(const struct ct_served *served, uint64_t with, uint64_t seconds, FILE *out)
{
	static const unsigned choices[] = {5, 10, 30, 60, 300};
	if (with)
		return;
	fprintf(out, "<form action=/page><input type=hidden name=pid value=%d><label>show <select name=seconds>",
		served->pid);
	fputs("<option value=0>all since the start</option>", out);
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		fprintf(out, "<option value=%u%s>the change in %u s</option>", choices[i],
			choices[i] == seconds ? " selected" : "", choices[i]);
	fputs("</select></label><button>show</button></form>", out);
}

CT_ANSWER(page)
{
	uint64_t nonce = 0, with, seconds;
	FILE *out = answer->out;
	if (!ct_answer_number(request, answer, "with", 0, INT32_MAX, &with) ||
	    !ct_answer_number(request, answer, "seconds", 0, CT_SECONDS_MAX, &seconds))
		return;
	struct ct_served *served = ct_answer_process(server, request, answer);
	if (!served)
		return;
	if (!ct_answer_page_policy(answer, &nonce))
		return;
	fputs("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>",
	      out);
	ct_put_xml(out, served->name);
	fprintf(out, " %d</title><style>%s</style><header><a href=\"/\">processes</a><b>", served->pid, style);
	ct_put_xml(out, served->name);
	fprintf(out, "</b> pid %d", served->pid);
	if (with)
		fprintf(out, " compared with %" PRIu64, with);
	fputs(" <label><input type=checkbox id=live checked> live</label>", out);
	put_choice(served, with, seconds, out);
	if (server->allow_control && !with)
		put_control(server, served, out);
	fputs("<span id=state role=status></span></header>", out);
	put_frame(served, with, seconds, out);
	fprintf(out, "<script nonce=%016" PRIx64 ">%s</script></html>\n", nonce, script);
}

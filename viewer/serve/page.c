/* SPDX-License-Identifier: MIT */
/*
 * The page of `ctrace html` over a running process. It is a frame of this page, whose script fetches it again every few
 * seconds, unpacks its data and hands that to it, so that its reader's choices stay.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "names/names.h"
#include "serve/answer.h"
#include "write/put_xml.h"

static const char style[] =
	":root{color-scheme:light dark}html,body{height:100%;margin:0}body{display:flex;flex-direction:column;"
	"font:14px/1.4 system-ui,sans-serif}header{display:flex;gap:1em;padding:.3em 1em;align-items:center}"
	"iframe{flex:1;border:0}#state{margin-left:auto}";

/* A page that was made before it could take new data is loaded again. */
static const char script[] =
	"const frame = document.querySelector('iframe'), state = document.querySelector('#state');\n"
	"const live = document.querySelector('#live');\n"
	"async function refresh() {\n"
	"  const answer = await fetch(frame.dataset.source);\n"
	"  if (!answer.ok) throw new Error((await answer.text()).trim());\n"
	"  const packed = /id=\"data\">([^<]*)</.exec(await answer.text())[1];\n"
	"  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));\n"
	"  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));\n"
	"  const data = await new Response(unpacked).json();\n"
	"  const page = frame.contentWindow;\n"
	"  if (page.ctrace) page.ctrace.show(data); else page.location.reload();\n"
	"  state.textContent = 'as of ' + new Date().toLocaleTimeString();\n"
	"}\n"
	"async function run() {\n"
	"  try { if (live.checked && !document.hidden) await refresh(); }\n"
	"  catch (error) { state.textContent = error.message; }\n"
	"  setTimeout(run, 3000);\n"
	"}\n"
	"frame.addEventListener('load', run, { once: true });\n"
	"frame.src = frame.dataset.source;\n";

CT_ANSWER(page)
{
	struct ct_served *served = ct_answer_process(server, request, answer);
	uint64_t random = 0;
	FILE *out = answer->out;
	if (!served)
		return;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		ct_answer_error(answer, 503, "no random numbers");
		return;
	}
	fputs("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>",
	      out);
	ct_put_xml(out, ct_name_base(served->exe));
	fprintf(out, " %d</title><style>%s</style><header><a href=\"/\">processes</a><b>", served->pid, style);
	ct_put_xml(out, ct_name_base(served->exe));
	fprintf(out,
		"</b> pid %d <label><input type=checkbox id=live checked> live</label><span id=state role=status></span></header>"
		"<iframe title=report data-source=\"/export?pid=%d&amp;format=html&amp;view=1\"></iframe>"
		"<script nonce=%016" PRIx64 ">%s</script></html>\n",
		served->pid, served->pid, random, script);
	answer->type = "text/html; charset=utf-8";
	snprintf(answer->policy, sizeof(answer->policy),
		 "default-src 'none'; script-src 'nonce-%016" PRIx64
		 "'; style-src 'unsafe-inline'; connect-src 'self'; "
		 "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'",
		 random);
}

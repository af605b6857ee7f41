/* SPDX-License-Identifier: MIT */
/* SARIF 2.1.0, as code scanning reads it: each broken rule is a result at the line of the user's code. */
#include "gate/gate.h"

#include <ctype.h>
#include <string.h>

#include "ctrace/version.h"
#include "util/utf8.h"
#include "write/put_json.h"

/* Write the path as a URI, relative or with file://. */
static void put_uri(const struct ct_gate_place *place, FILE *out)
{
	fputs(*place->file == '/' ? "\"file://" : "\"", out);
	for (const char *at = place->file; *at; at++) {
		if (isalnum((unsigned char)*at) || strchr("-._~/", *at))
			putc(*at, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*at);
	}
	putc('"', out);
}

static void put_location(const struct ct_gate_place *place, const char *message, FILE *out)
{
	fputs("{\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	put_uri(place, out);
	if (place->in_tree)
		fputs(",\"uriBaseId\":\"%SRCROOT%\"", out);
	putc('}', out);
	if (place->line)
		fprintf(out, ",\"region\":{\"startLine\":%u}", place->line);
	putc('}', out);
	if (message) {
		fputs(",\"message\":{\"text\":", out);
		ct_put_text(out, message);
		putc('}', out);
	}
	putc('}', out);
}

/*
 * The rule without its limit, so that a result keeps its identity when the limit changes. Rules that differ only in the
 * limit get a number.
 */
static void put_id(const struct ct_gate *gate, size_t index, FILE *out)
{
	const struct ct_budget_rule *rule = gate->rules[index].rule;
	size_t same = 0;
	for (size_t i = 0; i < index; i++) {
		const struct ct_budget_rule *other = gate->rules[i].rule;
		same += other->metric == rule->metric && other->growth == rule->growth && other->scope == rule->scope &&
			(!rule->scope || !strcmp(other->pattern, rule->pattern));
	}
	char id[CT_GATE_ROOM], number[32] = "";
	if (same)
		snprintf(number, sizeof(number), " #%zu", same + 1);
	snprintf(id, sizeof(id), "%s%s%.*s%s%s%s", rule->growth ? "growth " : "",
		 rule->scope == CT_SCOPE_FUNCTION ? "function "
		 : rule->scope == CT_SCOPE_MODULE ? "module "
						  : "",
		 rule->scope ? (int)ct_utf8_fit(rule->pattern, CT_GATE_ROOM / 2) : 0, rule->scope ? rule->pattern : "",
		 rule->scope ? " " : "", ct_metric_name(rule->metric), number);
	ct_put_text(out, id);
}

static void put_rules(const struct ct_gate *gate, FILE *out)
{
	char text[CT_GATE_ROOM];
	for (size_t i = 0; i < gate->count; i++) {
		fputs(i ? ",\n{\"id\":" : "\n{\"id\":", out);
		put_id(gate, i, out);
		fputs(",\"shortDescription\":{\"text\":", out);
		ct_put_text(out, ct_gate_title(&gate->rules[i], text));
		fputs("},\"defaultConfiguration\":{\"level\":\"error\"}}", out);
	}
}

static void put_message(const struct ct_gate *gate, const struct ct_gate_rule *rule, FILE *out)
{
	char title[CT_GATE_ROOM], sentence[CT_GATE_ROOM], text[2 * CT_GATE_ROOM + 2];
	snprintf(text, sizeof(text), "%s: %s", ct_gate_title(rule, title), ct_gate_sentence(gate, rule, sentence));
	fputs(",\"message\":{\"text\":", out);
	ct_put_text(out, text);
	putc('}', out);
}

static void put_result(const struct ct_gate *gate, size_t index, FILE *out)
{
	const struct ct_gate_rule *rule = &gate->rules[index];
	struct ct_gate_place place;
	char text[CT_GATE_ROOM];
	fputs("{\"ruleId\":", out);
	put_id(gate, index, out);
	fprintf(out, ",\"ruleIndex\":%zu,\"level\":\"error\"", index);
	put_message(gate, rule, out);
	if (ct_gate_place(gate, rule, &place)) {
		fputs(",\"locations\":[", out);
		put_location(&place, NULL, out);
		putc(']', out);
	}
	size_t related = 0;
	for (size_t i = 0; i < rule->suspect_count; i++) {
		if (!ct_gate_suspect_place(gate, &rule->suspects[i], &place))
			continue;
		fputs(related++ ? ",\n" : ",\n\"relatedLocations\":[", out);
		put_location(&place, ct_gate_suspect(gate, rule, &rule->suspects[i], text), out);
	}
	fputs(related ? "]}" : "}", out);
}

static void put_notes(const struct ct_gate *gate, FILE *out)
{
	char text[CT_GATE_ROOM];
	size_t count = 0;
	fputs("],\n\"invocations\":[{\"executionSuccessful\":true,\"toolExecutionNotifications\":[", out);
	for (size_t i = 0; i < gate->note_count; i++) {
		fputs(count++ ? ",\n" : "\n", out);
		fputs("{\"level\":\"warning\",\"message\":{\"text\":", out);
		ct_put_text(out, ct_gate_note(&gate->notes[i], text));
		fputs("}}", out);
	}
	if (gate->lossy) {
		fputs(count ? ",\n" : "\n", out);
		fputs("{\"level\":\"error\",\"message\":{\"text\":", out);
		ct_put_text(out, ct_gate_headline(gate, text));
		fputs("}}", out);
	}
	fputs("]}]}]}\n", out);
}

void ct_gate_sarif(const struct ct_gate *gate, FILE *out)
{
	size_t count = 0;
	fputs("{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json\",\n"
	      "\"version\":\"2.1.0\",\n"
	      "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"ctrace check\",\"semanticVersion\":\"" CTRACE_VERSION
	      "\",\"rules\":[",
	      out);
	put_rules(gate, out);
	fputs("]}},\n\"results\":[", out);
	for (size_t i = 0; i < gate->count; i++) {
		if (gate->rules[i].holds)
			continue;
		fputs(count++ ? ",\n" : "\n", out);
		put_result(gate, i, out);
	}
	put_notes(gate, out);
}

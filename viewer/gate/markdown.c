/* SPDX-License-Identifier: MIT */
/* Markdown: a table of the broken rules, or one line if all rules hold. Notes follow, one per line. */
#include "gate/gate.h"

#include "write/put_markdown.h"

static void put_suspects(const struct ct_gate *gate, const struct ct_gate_rule *rule, FILE *out)
{
	char text[CT_GATE_ROOM], number[CT_NUMBER_ROOM];
	for (size_t i = 0; i < rule->suspect_count; i++) {
		const struct ct_suspect *suspect = &rule->suspects[i];
		fputs(i ? ", " : " ", out);
		ct_put_code(ct_gate_suspect_name(gate, suspect, text), out);
		if (*ct_gate_suspect_rest(gate, suspect, text)) {
			fputs(text[0] == '<' ? " < " : " ", out);
			ct_put_code(text + (text[0] == '<' ? 2 : 0), out);
		}
		fputs(rule->rule->growth ? " +" : " ", out);
		ct_put_plain(ct_gate_amount(gate, rule, suspect->amount, number), out);
	}
}

static void put_rule(const struct ct_gate *gate, const struct ct_gate_rule *rule, FILE *out)
{
	char number[CT_NUMBER_ROOM];
	fputs(rule->rule->growth ? "| growth " : "| ", out);
	ct_put_code(rule->rule->text, out);
	fputs(" | ", out);
	ct_put_plain(ct_gate_amount(gate, rule, rule->verdict->limit, number), out);
	if (rule->rule->growth) {
		fputs(" (was ", out);
		ct_put_plain(ct_gate_amount(gate, rule, rule->verdict->old, number), out);
		putc(')', out);
	}
	fputs(" | ", out);
	ct_put_plain(ct_gate_amount(gate, rule, rule->verdict->actual, number), out);
	fputs(" | ", out);
	ct_put_plain(ct_gate_distance(gate, rule, number), out);
	fputs(" |", out);
	if (!rule->verdict->matched)
		fputs(" matches no site", out);
	else
		put_suspects(gate, rule, out);
	fputs(" |\n", out);
}

void ct_gate_markdown(const struct ct_gate *gate, FILE *out)
{
	char text[CT_GATE_ROOM];
	ct_put_plain(gate->name, out);
	fprintf(out, ": %s\n", ct_gate_headline(gate, text));
	if (gate->broken)
		fputs("\n| rule | limit | actual | off by | worst sites |\n| --- | ---: | ---: | ---: | --- |\n", out);
	for (size_t i = 0; i < gate->count; i++)
		if (!gate->rules[i].holds)
			put_rule(gate, &gate->rules[i], out);
	if (gate->broken)
		putc('\n', out);
	for (size_t i = 0; i < gate->note_count; i++) {
		const struct ct_gate_note *note = &gate->notes[i];
		fputs("warning: ", out);
		(note->is_rule ? ct_put_code : ct_put_plain)(note->subject, out);
		fprintf(out, "%s %s\n", note->is_rule ? "" : ":", note->text);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Workflow commands of GitHub's runner: an error at the line of the user's code for each broken rule. A line of output
 * that begins with :: is a command, so everything that comes from a file is escaped.
 */
#include "gate/gate.h"

#include <string.h>

/* Write text as the runner reads it: the message has three special characters, a property two more. */
static void put(const char *text, const char *special, FILE *out)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fprintf(out, "%%%02X", (unsigned char)*text);
		else
			putc(*text, out);
	}
}

static void put_message(const char *text, FILE *out)
{
	put(text, "%\r\n", out);
}

static void put_property(const char *text, FILE *out)
{
	put(text, "%\r\n:,", out);
}

static void put_broken(const struct ct_gate *gate, const struct ct_gate_rule *rule, FILE *out)
{
	struct ct_gate_place place;
	char text[CT_GATE_ROOM];
	fputs("::error ", out);
	if (ct_gate_place(gate, rule, &place)) {
		fputs("file=", out);
		put_property(place.file, out);
		if (place.line)
			fprintf(out, ",line=%u", place.line);
		putc(',', out);
	}
	fputs("title=", out);
	put_property("ctrace check: ", out);
	put_property(ct_gate_title(rule, text), out);
	fputs("::", out);
	put_message(gate->name, out);
	fputs(": ", out);
	put_message(ct_gate_title(rule, text), out);
	fputs(": ", out);
	put_message(ct_gate_sentence(gate, rule, text), out);
	for (size_t i = 0; i < rule->suspect_count; i++) {
		put_message("\n  ", out);
		put_message(ct_gate_suspect(gate, rule, &rule->suspects[i], text), out);
	}
	putc('\n', out);
}

void ct_gate_github(const struct ct_gate *gate, FILE *out)
{
	char text[CT_GATE_ROOM];
	for (size_t i = 0; i < gate->count; i++)
		if (!gate->rules[i].holds)
			put_broken(gate, &gate->rules[i], out);
	for (size_t i = 0; i < gate->note_count; i++) {
		fputs("::warning title=ctrace check::", out);
		put_message(ct_gate_note(&gate->notes[i], text), out);
		putc('\n', out);
	}
	if (gate->broken)
		return;
	fputs(gate->passes ? "::notice title=ctrace check::" : "::error title=ctrace check::", out);
	put_message(gate->name, out);
	fputs(": ", out);
	put_message(ct_gate_headline(gate, text), out);
	putc('\n', out);
}

/* SPDX-License-Identifier: MIT */
/* JUnit XML, as Jenkins and GitLab read it: each rule is a test case. */
#include "gate/gate.h"

#include "write/put_xml.h"

static void put_attribute(const char *name, const char *value, FILE *out)
{
	fprintf(out, " %s=\"", name);
	ct_put_xml(out, value);
	putc('"', out);
}

static void put_rule(const struct ct_gate *gate, const struct ct_gate_rule *rule, FILE *out)
{
	struct ct_gate_place place;
	char text[CT_GATE_ROOM];
	fputs("    <testcase", out);
	put_attribute("classname", gate->name, out);
	put_attribute("name", ct_gate_title(rule, text), out);
	if (!rule->holds && ct_gate_place(gate, rule, &place)) {
		put_attribute("file", place.file, out);
		if (place.line)
			fprintf(out, " line=\"%u\"", place.line);
	}
	fputs(" time=\"0\"", out);
	if (rule->holds) {
		fputs("/>\n", out);
		return;
	}
	fputs(">\n      <failure type=\"budget\"", out);
	put_attribute("message", ct_gate_sentence(gate, rule, text), out);
	putc('>', out);
	for (size_t i = 0; i < rule->suspect_count; i++) {
		putc('\n', out);
		ct_put_xml(out, ct_gate_suspect(gate, rule, &rule->suspects[i], text));
	}
	fputs("\n</failure>\n    </testcase>\n", out);
}

static void put_counts(const struct ct_gate *gate, FILE *out)
{
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" time=\"0\"", gate->count + gate->lossy,
		gate->broken + gate->lossy);
}

void ct_gate_junit(const struct ct_gate *gate, FILE *out)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ctrace check\"", out);
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"0\">\n  <testsuite",
		gate->count + gate->lossy, gate->broken + gate->lossy);
	put_attribute("name", gate->name, out);
	put_counts(gate, out);
	fputs(">\n", out);
	for (size_t i = 0; i < gate->count; i++)
		put_rule(gate, &gate->rules[i], out);
	if (gate->lossy) {
		fputs("    <testcase", out);
		put_attribute("classname", gate->name, out);
		fputs(" name=\"the recording is whole\" time=\"0\">\n"
		      "      <failure type=\"losses\" message=\"--strict does not allow losses\"/>\n"
		      "    </testcase>\n",
		      out);
	}
	char text[CT_GATE_ROOM];
	if (gate->note_count)
		fputs("    <system-out>", out);
	for (size_t i = 0; i < gate->note_count; i++) {
		fputs(i ? "\nwarning: " : "warning: ", out);
		ct_put_xml(out, ct_gate_note(&gate->notes[i], text));
	}
	if (gate->note_count)
		fputs("</system-out>\n", out);
	fputs("  </testsuite>\n</testsuites>\n", out);
}

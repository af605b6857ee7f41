/* SPDX-License-Identifier: MIT */
/* Text for a terminal or a log: a line for each broken rule, in columns, and below it the sites to look at first. */
#include "gate/gate.h"

#include <string.h>

#include "view/line.h"

enum { COLUMN_LIMIT, COLUMN_ACTUAL, COLUMN_OFF, COLUMNS };

#define GAP 2
#define INDENT 4
#define RULE_MAX 60 /* a longer rule moves its numbers to the next line */

static const char *const heads[COLUMNS] = {"LIMIT", "ACTUAL", "OFF BY"};

struct table {
	const struct ct_gate *gate;
	struct ct_line *line;
	int rule_width, amount_width;
	int widths[COLUMNS];
};

static char *cell(const struct ct_gate *gate, const struct ct_gate_rule *rule, int column, char out[CT_GATE_ROOM])
{
	char limit[CT_NUMBER_ROOM], old[CT_NUMBER_ROOM];
	switch (column) {
	case COLUMN_LIMIT:
		ct_gate_amount(gate, rule, rule->verdict->limit, limit);
		if (!rule->rule->growth)
			return strcpy(out, limit);
		snprintf(out, CT_GATE_ROOM, "%s (was %s)", limit, ct_gate_amount(gate, rule, rule->verdict->old, old));
		return out;
	case COLUMN_ACTUAL:
		return ct_gate_amount(gate, rule, rule->verdict->actual, out);
	default:
		return ct_gate_distance(gate, rule, out);
	}
}

static int larger(int one, int other)
{
	return one > other ? one : other;
}

static char *suspect_amount(const struct ct_gate *gate, const struct ct_gate_rule *rule, size_t index,
			    char out[CT_NUMBER_ROOM + 1])
{
	out[0] = '+';
	ct_gate_amount(gate, rule, rule->suspects[index].amount, out + 1);
	return out + !rule->rule->growth;
}

static void measure(struct table *table)
{
	const struct ct_terminal *terminal = table->line->terminal;
	char text[CT_GATE_ROOM];
	for (int column = 0; column < COLUMNS; column++)
		table->widths[column] = ct_line_width(terminal, heads[column]);
	for (size_t i = 0; i < table->gate->count; i++) {
		const struct ct_gate_rule *rule = &table->gate->rules[i];
		if (rule->holds)
			continue;
		int width = ct_line_width(terminal, ct_gate_title(rule, text));
		if (width <= RULE_MAX)
			table->rule_width = larger(table->rule_width, width);
		for (int column = 0; column < COLUMNS; column++)
			table->widths[column] = larger(table->widths[column],
						       ct_line_width(terminal, cell(table->gate, rule, column, text)));
		for (size_t j = 0; j < rule->suspect_count; j++)
			table->amount_width =
				larger(table->amount_width,
				       ct_line_width(terminal, suspect_amount(table->gate, rule, j, text)));
	}
}

static void put_heads(struct table *table)
{
	struct ct_line *line = table->line;
	table->rule_width = larger(table->rule_width, (int)sizeof("BROKEN RULE") - 1);
	ct_line_style(line, CT_STYLE_HEAD);
	ct_line_add(line, "BROKEN RULE");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, table->rule_width - line->columns);
	for (int column = 0; column < COLUMNS; column++) {
		int width = ct_line_width(line->terminal, heads[column]);
		ct_line_add_blanks(line, GAP + table->widths[column] - width);
		ct_line_style(line, CT_STYLE_HEAD);
		ct_line_add(line, heads[column]);
		ct_line_style(line, CT_STYLE_PLAIN);
	}
	ct_line_end(line);
}

static void put_suspects(const struct table *table, const struct ct_gate_rule *rule)
{
	struct ct_line *line = table->line;
	char text[CT_GATE_ROOM];
	for (size_t i = 0; i < rule->suspect_count; i++) {
		ct_line_add_blanks(line, INDENT);
		ct_line_add_right(line, suspect_amount(table->gate, rule, i, text), table->amount_width);
		ct_line_add_blanks(line, GAP);
		ct_line_add_rest(line, ct_gate_suspect_name(table->gate, &rule->suspects[i], text));
		if (*ct_gate_suspect_rest(table->gate, &rule->suspects[i], text)) {
			ct_line_add_rest(line, " ");
			ct_line_style(line, CT_STYLE_QUIET);
			ct_line_add_rest(line, text);
			ct_line_style(line, CT_STYLE_PLAIN);
		}
		ct_line_end(line);
	}
}

static void put_rule(const struct table *table, const struct ct_gate_rule *rule)
{
	struct ct_line *line = table->line;
	char text[CT_GATE_ROOM];
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add(line, ct_gate_title(rule, text));
	ct_line_style(line, CT_STYLE_PLAIN);
	if (line->columns > table->rule_width)
		ct_line_end(line);
	ct_line_add_blanks(line, table->rule_width - line->columns);
	for (int column = 0; column < COLUMNS; column++) {
		ct_line_add_blanks(line, GAP);
		if (column == COLUMN_OFF)
			ct_line_style(line, CT_STYLE_MORE);
		ct_line_add_right(line, cell(table->gate, rule, column, text), table->widths[column]);
		ct_line_style(line, CT_STYLE_PLAIN);
	}
	ct_line_end(line);
	if (!rule->verdict->matched) {
		ct_line_add_blanks(line, INDENT);
		ct_line_add(line, "matches no site");
		ct_line_end(line);
	}
	put_suspects(table, rule);
}

int ct_gate_text(const struct ct_gate *gate, const struct ct_terminal *terminal, FILE *out)
{
	struct ct_line line;
	struct table table = {.gate = gate, .line = &line};
	char text[CT_GATE_ROOM];
	ct_line_init(&line, terminal, out);
	ct_line_add(&line, gate->name);
	ct_line_add(&line, ": ");
	ct_line_style(&line, gate->passes ? CT_STYLE_LESS : CT_STYLE_MORE);
	ct_line_add(&line, ct_gate_headline(gate, text));
	ct_line_style(&line, CT_STYLE_PLAIN);
	ct_line_end(&line);
	if (gate->broken) {
		ct_line_end(&line);
		measure(&table);
		put_heads(&table);
	}
	for (size_t i = 0; i < gate->count; i++)
		if (!gate->rules[i].holds)
			put_rule(&table, &gate->rules[i]);
	if (gate->broken && gate->note_count)
		ct_line_end(&line);
	for (size_t i = 0; i < gate->note_count; i++) {
		ct_line_style(&line, CT_STYLE_LOSS);
		ct_line_add(&line, "warning: ");
		ct_line_style(&line, CT_STYLE_PLAIN);
		ct_line_add(&line, ct_gate_note(&gate->notes[i], text));
		ct_line_end(&line);
	}
	ct_line_fini(&line);
	return line.failed ? -1 : 0;
}

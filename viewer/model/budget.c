/* SPDX-License-Identifier: MIT */
#include "model/budget.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/array.h"
#include "util/utf8.h"

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static bool is_end(const char *at)
{
	return !*at || *at == '#';
}

/* "function" or "module" and a pattern, which may be quoted. Without a scope, the rule is about the process. */
static int parse_scope(const char **at, struct ct_budget_rule *rule, struct ct_error_text *error)
{
	static const char *const words[] = {[CT_SCOPE_FUNCTION] = "function", [CT_SCOPE_MODULE] = "module"};
	for (int i = CT_SCOPE_FUNCTION; i <= CT_SCOPE_MODULE; i++) {
		size_t length = strlen(words[i]);
		if (strncmp(*at, words[i], length) || !isspace((unsigned char)(*at)[length]))
			continue;
		const char *start = skip_blanks(*at + length);
		char quote = *start == '"' || *start == '\'' ? *start++ : '\0';
		length = quote ? strcspn(start, quote == '"' ? "\"" : "'") : strcspn(start, " \t\r\n");
		if (!length || (quote && start[length] != quote))
			return ct_error_set(error, CT_ERR_USAGE, quote ? "the %s's quote does not end" : "which %s?",
					    words[i]);
		rule->scope = (enum ct_scope)i;
		rule->pattern = ct_utf8_clean(start, length, NULL);
		*at = skip_blanks(start + length + (quote != 0));
		return rule->pattern ? CT_OK : ct_error_no_memory(error);
	}
	return CT_OK;
}

static int parse_metric(const char **at, struct ct_budget_rule *rule, struct ct_error_text *error)
{
	char name[32];
	size_t length = strcspn(*at, " \t\r\n<>=#0123456789");
	snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name) - 1), *at);
	rule->metric = ct_metric_find(name);
	if (!rule->metric)
		return ct_error_set(error, CT_ERR_USAGE,
				    "unknown metric '%s': total, blocks, max, peak, end, temporary and the others that "
				    "ctrace check --help lists",
				    name);
	*at = skip_blanks(*at + length);
	return CT_OK;
}

static int parse_operator(const char **at, struct ct_budget_rule *rule, struct ct_error_text *error)
{
	static const struct {
		const char *text;
		enum ct_operator operator;
	} operators[] = {{"<=", CT_AT_MOST},  {"<", CT_BELOW}, {"==", CT_EQUAL},
			 {">=", CT_AT_LEAST}, {">", CT_ABOVE}, {"=", CT_EQUAL}};
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i].text);
		if (strncmp(*at, operators[i].text, length))
			continue;
		rule->operator= operators[i].operator;
		*at = skip_blanks(*at + length);
		return CT_OK;
	}
	return ct_error_set(error, CT_ERR_USAGE, "expected <=, <, ==, >= or >, as in 'peak <= 64 MiB'");
}

/* The factor that a unit stands for; 0: the metric has no such unit. */
static uint64_t unit_factor(const char *unit, size_t length, bool is_bytes)
{
	static const char prefixes[] = "kmgt";
	uint64_t factor = 1;
	const char *prefix = length ? strchr(prefixes, tolower((unsigned char)*unit)) : NULL;
	bool binary = length == 1 ? is_bytes : length == 3 && !strncasecmp(unit + 1, "ib", 2);
	if (!length || (length == 1 && is_bytes && tolower((unsigned char)*unit) == 'b'))
		return 1;
	bool decimal = length == 1 ? !is_bytes : length == 2 && tolower((unsigned char)unit[1]) == 'b';
	if (!prefix || (!binary && !decimal) || (length > 1 && !is_bytes))
		return 0;
	for (const char *at = prefixes; at <= prefix; at++)
		factor *= binary ? 1024 : 1000;
	return factor;
}

/* A number with its unit, or a percentage in a growth rule. */
static int parse_limit(const char **at, struct ct_budget_rule *rule, struct ct_error_text *error)
{
	char *end;
	bool fraction = (*at)[strspn(*at, "0123456789")] == '.';
	errno = 0;
	long double number = strtold(*at, &end);
	if (!isdigit((unsigned char)**at) || (*at)[strspn(*at, "0")] == 'x' || errno)
		return ct_error_set(error, CT_ERR_USAGE, "the limit is a number such as 64 MiB, 10k%s",
				    rule->growth ? " or 5%" : " or 0");
	if (!fraction && *end != '%')
		rule->limit = strtoull(*at, &end, 10);
	if (errno)
		return ct_error_set(error, CT_ERR_USAGE, "the limit is above 2^64");
	const char *unit = skip_blanks(end);
	size_t length = strcspn(unit, " \t\r\n#");
	*at = skip_blanks(unit + length);
	if (rule->growth && length == 1 && *unit == '%') {
		rule->percent = number;
		rule->limit = 0;
		return CT_OK;
	}
	uint64_t factor = unit_factor(unit, length, ct_metric_is_bytes(rule->metric));
	if (!factor)
		return ct_error_set(error, CT_ERR_USAGE, "'%.*s' is not a unit of %s: %s",
				    (int)(length < 40 ? length : 40), unit, ct_metric_name(rule->metric),
				    ct_metric_is_bytes(rule->metric) ? "use B, KiB, MiB, GiB, kB, MB, GB, k, m or g"
								     : "use a plain number, k, m or g");
	if (fraction && number * factor < 0x1p64L)
		rule->limit = (uint64_t)(number * factor);
	else if (fraction || __builtin_mul_overflow(rule->limit, factor, &rule->limit))
		return ct_error_set(error, CT_ERR_USAGE, "the limit is above 2^64");
	return CT_OK;
}

static int parse_rule(const char *text, struct ct_budget_rule *rule, struct ct_error_text *error)
{
	const char *at = skip_blanks(text);
	const char *start = at;
	int code = parse_scope(&at, rule, error);
	if (!code)
		code = parse_metric(&at, rule, error);
	if (!code && !rule->growth)
		code = parse_operator(&at, rule, error);
	if (!code)
		code = parse_limit(&at, rule, error);
	if (!code && !is_end(at))
		code = ct_error_set(error, CT_ERR_USAGE, "unexpected '%.40s': one rule per line", at);
	if (!code && rule->scope && !ct_metric_adds_up(rule->metric) && rule->operator> CT_BELOW)
		code = ct_error_set(error, CT_ERR_USAGE, "of a %s, %s is an upper bound: only <= and < can be checked",
				    rule->scope == CT_SCOPE_MODULE ? "module" : "function",
				    ct_metric_name(rule->metric));
	if (code)
		return code;
	while (at > start && isspace((unsigned char)at[-1]))
		at--;
	rule->text = ct_utf8_clean(start, (size_t)(at - start), NULL);
	return rule->text ? CT_OK : ct_error_no_memory(error);
}

static void free_rule(struct ct_budget_rule *rule)
{
	free(rule->text);
	free(rule->pattern);
}

static int add_rule(struct ct_budget *budget, const char *text, bool growth, struct ct_error_text *error)
{
	struct ct_budget_rule rule = {.growth = growth};
	int code = parse_rule(text, &rule, error);
	if (!code && !ct_array_room(&budget->rules, &budget->room, budget->count + 1, sizeof(rule)))
		code = ct_error_no_memory(error);
	if (code)
		free_rule(&rule);
	else
		budget->rules[budget->count++] = rule;
	return code;
}

int ct_budget_add_growth(struct ct_budget *budget, const char *text, struct ct_error_text *error)
{
	int code = add_rule(budget, text, true, error);
	return code == CT_ERR_USAGE ? ct_error_context(error, code, "--max-growth '%s'", text) : code;
}

int ct_budget_add_line(struct ct_budget *budget, const char *line, struct ct_error_text *error)
{
	return is_end(skip_blanks(line)) ? CT_OK : add_rule(budget, line, false, error);
}

int ct_budget_read(struct ct_budget *budget, const char *path, struct ct_error_text *error)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	size_t room = 0, number = 0, before = budget->count;
	char *line = NULL;
	ssize_t length;
	int code = CT_OK;
	while (!code && (length = getline(&line, &room, file)) >= 0) {
		size_t rules = budget->count;
		number++;
		code = strlen(line) == (size_t)length ? ct_budget_add_line(budget, line, error)
						      : ct_error_set(error, CT_ERR_USAGE, "is not text");
		if (code == CT_ERR_USAGE)
			ct_error_context(error, code, "%s:%zu", path, number);
		if (budget->count > rules) {
			budget->rules[rules].file = path;
			budget->rules[rules].line = (uint32_t)number;
		}
	}
	if (!code && ferror(file))
		code = ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	if (!code && budget->count == before)
		code = ct_error_set(error, CT_ERR_USAGE, "%s: has no rules; one is 'peak <= 64 MiB'", path);
	free(line);
	fclose(file);
	return code;
}

void ct_budget_fini(struct ct_budget *budget)
{
	for (size_t i = 0; i < budget->count; i++)
		free_rule(&budget->rules[i]);
	free(budget->rules);
}

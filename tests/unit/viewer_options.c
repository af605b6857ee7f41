/* SPDX-License-Identifier: MIT */
/* The option tables of commands: parsing, errors, hints, help, and the rules that each table keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/cmd.h"
#include "cmd/shared_options.h"
#include "util/distance.h"

enum fruit { APPLE, PEAR };

struct inner {
	bool deep;
};

struct request {
	bool flag;
	const char *text;
	enum fruit fruit;
	size_t rows;
	struct inner inner;
};

static const char *const fruits[] = {"apple", "pear", NULL};

static const struct ct_option options[] = {
	{.letter = 'f', .name = "flag", .help = "a flag", .set = ct_set_flag, .at = offsetof(struct request, flag)},
	{.letter = 't',
	 .name = "text",
	 .argument = "TEXT",
	 .help = "a text that is so long that it has to be wrapped, since no terminal is as wide as this sentence",
	 .standard = "none",
	 .set = ct_set_text,
	 .at = offsetof(struct request, text)},
	{.name = "fruit",
	 .argument = "FRUIT",
	 .help = "a choice",
	 .choices = fruits,
	 .set = ct_set_choice,
	 .at = offsetof(struct request, fruit)},
	{.letter = 'n',
	 .name = "rows",
	 .argument = "N",
	 .help = "a number",
	 .set = ct_set_rows,
	 .at = offsetof(struct request, rows)},
	{.name = ""},
	{.name = "hidden", .set = ct_set_flag, .at = offsetof(struct request, flag)},
};

static const struct ct_option inner_options[] = {
	{.name = "deep", .help = "in a group", .set = ct_set_flag, .at = offsetof(struct inner, deep)},
};

static struct ct_command command = {
	.name = "try",
	.usage = "FILE\n--text TEXT",
	.about = "A command.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(inner_options, offsetof(struct request, inner))},
};

static struct request request;
static struct ct_error_text error;

static int parse(const char *words, int *rest)
{
	static char line[256], *argv[16];
	int argc = 0, ignored;
	snprintf(line, sizeof(line), "try %s", words);
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	request = (struct request){0};
	*error.line = '\0';
	return ct_command_parse(&command, &request, argc, argv, rest ? rest : &ignored, &error);
}

static void test_setters(void **state)
{
	int rest;
	(void)state;
	assert_int_equal(parse("-f --text=x --fruit pear -n 12 --deep file", &rest), CT_OK);
	assert_true(request.flag);
	assert_string_equal(request.text, "x");
	assert_int_equal(request.fruit, PEAR);
	assert_int_equal(request.rows, 12);
	assert_true(request.inner.deep);
	assert_int_equal(rest, 8);
	assert_int_equal(parse("--hidden", NULL), CT_OK);
	assert_true(request.flag);
	assert_int_equal(parse("-ft x", NULL), CT_OK);
	assert_string_equal(request.text, "x");
	assert_int_equal(parse("--help --bogus", NULL), CT_COMMAND_HELP);
	assert_int_equal(parse("-- --flag", &rest), CT_OK);
	assert_false(request.flag);
	assert_int_equal(rest, 2);
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{"--bogus", "unknown option '--bogus'; see ctrace try --help"},
		{"--txet=1", "unknown option '--txet'; did you mean '--text'?; see ctrace try --help"},
		{"--hiden", "unknown option '--hiden'; see ctrace try --help"},
		{"-x", "unknown option '-x'; see ctrace try --help"},
		{"-fx", "unknown option '-x'; see ctrace try --help"},
		{"--text", "--text: the value is missing; see ctrace try --help"},
		{"-t", "-t: the value is missing; see ctrace try --help"},
		{"--flag=1", "--flag takes no value; see ctrace try --help"},
		{"--fruit plum", "--fruit plum: must be apple or pear"},
		{"-n ten", "--rows ten: not a number of rows (0 = all)"},
		{"-n -1", "--rows -1: not a number of rows (0 = all)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i][0], NULL), CT_ERR_USAGE);
		assert_string_equal(error.line, cases[i][1]);
	}
}

/* Words after the program's name belong to the program. */
static void test_program(void **state)
{
	int rest;
	(void)state;
	command.runs_program = true;
	assert_int_equal(parse("-f app --text", &rest), CT_OK);
	assert_int_equal(rest, 2);
	command.runs_program = false;
}

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(ct_command_find_option(&command, "--text"), &options[1]);
	assert_ptr_equal(ct_command_find_option(&command, "-t"), &options[1]);
	assert_null(ct_command_find_option(&command, "--hidden"));
	assert_null(ct_command_find_option(&command, "text"));
	assert_null(ct_command_find_option(&command, "-"));
	assert_string_equal(ct_command_like("exprot"), "export");
	assert_null(ct_command_like("completely"));
	assert_null(ct_command_like("complet")); /* not shown, so not proposed */
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	(void)state;
	ct_command_help(&command, out);
	fclose(out);
	assert_non_null(strstr(text, "usage: ctrace try FILE\n       ctrace try --text TEXT\nA command.\n\n"));
	assert_non_null(strstr(text, "\n  -f, --flag         a flag\n"));
	assert_non_null(strstr(text, "(default none)"));
	assert_null(strstr(text, "hidden"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
	free(text);
}

/* Names and letters are unique, and an option with a value has a place for it. */
static void test_tables(void **state)
{
	(void)state;
	for (const struct ct_command *const *at = ct_commands; *at; at++) {
		size_t count = 0;
		char letters[64] = "h";
		const char *names[64] = {"help"};
		assert_non_null((*at)->run);
		for (int i = 0; i < CT_GROUPS_MAX; i++) {
			for (size_t j = 0; j < (*at)->groups[i].count; j++) {
				const struct ct_option *row = &(*at)->groups[i].rows[j];
				if (!*row->name)
					continue;
				assert_non_null(row->set);
				assert_true(!row->letter || !strchr(letters, row->letter));
				strncat(letters, &row->letter, 1);
				for (size_t k = 0; k <= count; k++)
					assert_string_not_equal(row->name, names[k]);
				names[++count] = row->name;
				assert_true(count < 63);
			}
		}
	}
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(ct_distance("sort", "sort"), 0);
	assert_int_equal(ct_distance("srot", "sort"), 1);
	assert_int_equal(ct_distance("sor", "sort"), 1);
	assert_int_equal(ct_distance("kitten", "sitting"), 3);
	assert_true(ct_distance("ab", "xy") > CT_DISTANCE_LIKE);
	assert_true(ct_distance("", "by") > CT_DISTANCE_LIKE);
	assert_true(ct_distance("a-word-that-is-longer-than-any-option-there-is", "by") > CT_DISTANCE_LIKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setters),  cmocka_unit_test(test_errors), cmocka_unit_test(test_program),
		cmocka_unit_test(test_find),     cmocka_unit_test(test_help),   cmocka_unit_test(test_tables),
		cmocka_unit_test(test_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The DHAT loader: real files of Valgrind 3.19 (tests/unit/data), files as dhat-rs writes them, exact
 * numbers, a file that breaks each check, and files damaged at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/dhat/dhat_frame.h"
#include "load/load.h"
#include "load/store/store_file.h"
#include "record/script.h"

#define DAMAGE_ROUNDS 6000

/* Load text as if it were a file. */
static int load_text(const char *text, size_t length, struct ct_profile **profile, struct ct_error_text *error)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	const struct ct_input input = {.path = "report", .fd = fd};
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	error->line[0] = '\0';
	int code = ct_load_dhat(&input, profile, error);
	close(fd);
	return code;
}

static struct ct_profile *load_fine(const char *text)
{
	struct ct_error_text error;
	struct ct_profile *profile = NULL;
	if (load_text(text, strlen(text), &profile, &error) < 0)
		fail_msg("%s", error.line);
	return profile;
}

static const struct ct_frame *frame_of(const struct ct_profile *profile, size_t site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[profile->sites[site].first_frame + index]];
}

#define FRAMES "\"ftbl\":[\"[root]\",\"0x10: f (a.c:1)\",\"0x20: g (a.c:2)\"]"
#define HEAD                                                                                                              \
	"\"dhatFileVersion\":2,\"mode\":\"heap\",\"verb\":\"Allocated\",\"bklt\":true,\"bkacc\":false,\"tu\":\"instrs\"," \
	"\"Mtu\":\"Minstr\",\"tuth\":500,\"cmd\":\"./a b\",\"pid\":7,\"te\":100,\"tg\":50"
#define ROW "\"tb\":8,\"tbk\":2,\"tl\":30,\"mb\":4,\"mbk\":1,\"gb\":4,\"gbk\":1,\"eb\":0,\"ebk\":0"
#define FILE_WITH(rows) "{" HEAD ",\"pps\":[" rows "]," FRAMES "}"

static void test_valgrind_heap(void **state)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	(void)state;
	assert_int_equal(ct_load("tests/unit/data/dhat.out.heap", &profile, &error), 0);
	assert_string_equal(profile->producer, "Valgrind");
	assert_string_equal(profile->command, "./small");
	assert_string_equal(profile->verb, "Allocated");
	assert_string_equal(profile->time_unit, "instrs");
	assert_int_equal(profile->mode, CT_MODE_HEAP);
	assert_true(profile->has_lifetimes);
	assert_true(profile->ended);
	/* what Valgrind printed on stderr when it wrote the file */
	assert_int_equal(profile->totals.total_bytes, 7021);
	assert_int_equal(profile->totals.total_blocks, 13);
	assert_int_equal(profile->totals.peak_bytes, 5021);
	assert_int_equal(profile->totals.end_bytes, 5000);
	assert_int_equal(profile->totals.end_blocks, 1);
	ct_profile_free(profile);
}

static void test_valgrind_copy_and_ad_hoc(void **state)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	(void)state;
	assert_int_equal(ct_load("tests/unit/data/dhat.out.copy", &profile, &error), 0);
	assert_int_equal(profile->mode, CT_MODE_COPY);
	assert_string_equal(profile->verb, "Copied");
	assert_string_equal(profile->bytes_unit, "bytes");
	assert_false(profile->has_lifetimes);
	ct_profile_free(profile);

	assert_int_equal(ct_load("tests/unit/data/dhat.out.ad-hoc", &profile, &error), 0);
	assert_int_equal(profile->mode, CT_MODE_AD_HOC);
	assert_string_equal(profile->bytes_unit, "units");
	assert_string_equal(profile->blocks_unit, "events");
	assert_int_equal(profile->totals.total_bytes, 272);
	assert_int_equal(profile->totals.total_blocks, 45);
	ct_profile_free(profile);
}

/* As in dhat-rs 0.3: pretty-printed, the table first or last, columns in the places. */
static void test_dhat_rs(void **state)
{
	struct ct_profile *profile = load_fine(
		"{\n  \"dhatFileVersion\": 2,\n  \"mode\": \"rust-heap\",\n  \"verb\": \"Allocated\",\n  \"bklt\": true,\n"
		"  \"bkacc\": false,\n  \"bu\": null,\n  \"tu\": \"µs\",\n  \"Mtu\": \"s\",\n  \"tuth\": 10,\n"
		"  \"cmd\": \"target/debug/x\",\n  \"pid\": 9,\n  \"tg\": 5,\n  \"te\": 9,\n  \"ftbl\": [\n"
		"    \"[root]\",\n    \"0x55d0: alloc::alloc::alloc (src/alloc.rs:87:14)\",\n"
		"    \"0x55d1: ??? (???:0:0)\"\n  ],\n  \"pps\": [\n    {\n      \"tb\": 1000,\n      \"tbk\": 1,\n"
		"      \"tl\": 3,\n      \"mb\": 1000,\n      \"mbk\": 1,\n      \"gb\": 1000,\n      \"gbk\": 1,\n"
		"      \"eb\": 0,\n      \"ebk\": 0,\n      \"fs\": [\n        1,\n        2\n      ]\n    }\n  ]\n}\n");
	(void)state;
	assert_string_equal(profile->producer, "dhat-rs");
	assert_string_equal(profile->bytes_unit, "bytes");
	assert_int_equal(profile->short_lived, 10);
	assert_string_equal(profile->strings[frame_of(profile, 0, 0)->function], "alloc::alloc::alloc");
	assert_string_equal(profile->strings[frame_of(profile, 0, 0)->file], "src/alloc.rs");
	assert_int_equal(frame_of(profile, 0, 0)->line, 87);
	assert_int_equal(frame_of(profile, 0, 1)->function, 0);
	assert_int_equal(frame_of(profile, 0, 1)->file, 0);
	ct_profile_free(profile);

	profile = load_fine(
		"{\"dhatFileVersion\":2,\"mode\":\"rust-ad-hoc\",\"verb\":\"Allocated\",\"bklt\":false,"
		"\"bkacc\":false,\"bu\":\"unit\",\"bsu\":\"units\",\"bksu\":\"events\",\"tu\":\"µs\",\"Mtu\":\"s\","
		"\"cmd\":\"x\",\"pid\":9,\"te\":9,\"pps\":[{\"tb\":100,\"tbk\":1,\"fs\":[1]}],\"ftbl\":["
		"\"[root]\",\"0x1: f (f.rs:1:1)\"]}");
	assert_int_equal(profile->mode, CT_MODE_AD_HOC);
	assert_string_equal(profile->blocks_unit, "events");
	ct_profile_free(profile);
}

static void test_empty_recording(void **state)
{
	struct ct_profile *profile = load_fine("{" HEAD ",\"pps\":[],\"ftbl\":[\"[root]\"]}");
	(void)state;
	assert_int_equal(profile->site_count, 0);
	assert_int_equal(profile->totals.total_bytes, 0);
	ct_profile_free(profile);
}

/* With doubles the numbers would end in 992 and 616. */
static void test_exact_numbers(void **state)
{
	struct ct_profile *profile = load_fine(FILE_WITH(
		"{\"tb\":9007199254740993,\"tbk\":1e3,\"tl\":18446744073709551615,\"mb\":4.0,\"mbk\":1,\"gb\":0,\"gbk\":0,"
		"\"eb\":0,\"ebk\":0,\"fs\":[1]}"));
	(void)state;
	assert_true(profile->sites[0].counters.total_bytes == 9007199254740993u);
	assert_true(profile->sites[0].counters.lifetime == UINT64_MAX);
	assert_int_equal(profile->sites[0].counters.total_blocks, 1000);
	assert_int_equal(profile->sites[0].counters.max_bytes, 4);
	ct_profile_free(profile);
}

static void test_equal_stacks_merge(void **state)
{
	struct ct_profile *profile =
		load_fine(FILE_WITH("{" ROW ",\"fs\":[1,2]},{" ROW ",\"fs\":[1]},{" ROW ",\"fs\":[1,2]}"));
	(void)state;
	assert_int_equal(profile->site_count, 2);
	assert_int_equal(profile->losses.merged_sites, 1);
	assert_int_equal(profile->sites[0].counters.total_bytes, 16);
	ct_profile_free(profile);
}

static const struct broken {
	const char *text;
	const char *says;
} broken[] = {
	{"", "empty"},
	{"[]", "no JSON object"},
	{"\x89PNG", "no JSON object"},
	{"{}", "\"dhatFileVersion\" is missing"},
	{"{\"a\":[]}", "not a DHAT file"},
	{"{\"a\":{},\"traceEvents\":[]}", "a trace in Chrome's format"},
	{"{\"dhatFileVersion\":1}", "dhatFileVersion 1: only version 2"},
	{"{\"dhatFileVersion\":\"2\"}", "\"dhatFileVersion\" is not a number"},
	{"{" HEAD ",\"pps\":[]}", "\"ftbl\" is missing"},
	{"{" HEAD "," FRAMES "}", "\"pps\" is missing"},
	{"{" HEAD ",\"pps\":{}," FRAMES "}", "\"pps\" is not an array"},
	{"{" HEAD ",\"pps\":[],\"ftbl\":[1]}", "not a valid string"},
	{"{" HEAD ",\"te\":3,\"pps\":[]," FRAMES "}", "\"te\" appears twice"},
	{FILE_WITH("{" ROW ",\"fs\":[0]}"), "index 0 in \"fs\": \"ftbl\" has frames 1 to 2"},
	{FILE_WITH("{" ROW ",\"fs\":[3]}"), "index 3 in \"fs\""},
	{FILE_WITH("{" ROW ",\"fs\":[-1]}"), "is negative"},
	{FILE_WITH("{" ROW ",\"fs\":[1.5]}"), "is not a whole number"},
	{FILE_WITH("{" ROW ",\"fs\":[\"1\"]}"), "is not a number"},
	{FILE_WITH("{" ROW ",\"fs\":[99999999999999999999999]}"), "is too large"},
	{FILE_WITH("{" ROW ",\"fs\":[]}"), "\"fs\" is empty"},
	{FILE_WITH("{" ROW ",\"fs\":1}"), "\"fs\" is not an array"},
	{FILE_WITH("{" ROW "}"), "a row of \"pps\" has no \"fs\""},
	{FILE_WITH("{\"tb\":1,\"tbk\":1,\"fs\":[1]}"), "has no \"tl\""},
	{FILE_WITH("{" ROW ",\"tb\":1,\"fs\":[1]}"), "\"tb\" appears twice"},
	{FILE_WITH("{\"tb\":-8,\"fs\":[1]}"), "\"tb\" is negative"},
	{FILE_WITH("{\"tb\":0.5,\"fs\":[1]}"), "\"tb\" is not a whole number"},
	{FILE_WITH("{\"tb\":18446744073709551616,\"fs\":[1]}"), "\"tb\" is too large"},
	{FILE_WITH("{\"tb\":1e300,\"fs\":[1]}"), "\"tb\" is too large"},
	{FILE_WITH("{\"tb\":null,\"fs\":[1]}"), "\"tb\" is not a number"},
	{FILE_WITH("{\"tb\":01,\"fs\":[1]}"), "'1' where"},
	{FILE_WITH("7"), "a row of \"pps\" is not an object"},
	{FILE_WITH("") "x", "'x' where the end of the file should be"},
	{FILE_WITH("") "{}", "where the end of the file should be"},
	{"{" HEAD ",\"pps\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	 "nested more than 64"},
	{"{" HEAD ",\"pps\":[{\"tb\":1", "the file ends where"},
	{"{" HEAD ",\"pps\":[],}", "a member's name should be"},
	{"{" HEAD ",\"pps\":[1 2]}", "'2' where ',' or ']' should be"},
	{"{" HEAD ",\"pps\":[],\"ftbl\":[\"\\x\"]}", "an escape"},
	{"{" HEAD ",\"pps\":[],\"ftbl\":[\"\\ud800\"]}", "not a valid string"},
	{"{" HEAD ",\"pps\":[],\"ftbl\":[\"a\nb\"]}", "byte 0x0a where the rest of a string"},
	{"{" HEAD ",\"pps\":nil," FRAMES "}", "'n' where a value should be"},
};

static void test_broken_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct ct_error_text error;
		struct ct_profile *profile = NULL;
		int code = load_text(broken[i].text, strlen(broken[i].text), &profile, &error);

		if (code != CT_ERR_DAMAGED)
			fail_msg("%s: code %d", broken[i].text, code);
		if (!strstr(error.line, broken[i].says) || strncmp(error.line, "report: ", 8) != 0 ||
		    strchr(error.line, '\n'))
			fail_msg("%s: says \"%s\", not \"%s\"", broken[i].text, error.line, broken[i].says);
	}
}

static void test_unreadable(void **state)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	(void)state;
	assert_int_equal(ct_load("/nonexistent/x.json", &profile, &error), CT_ERR_IO);
	assert_string_equal(error.line, "/nonexistent/x.json: No such file or directory");
	assert_int_equal(ct_load("/tmp", &profile, &error), CT_ERR_IO);
	assert_non_null(strstr(error.line, "is a folder"));
}

/* A pipe without a writer, for which a plain open would wait. */
static void test_not_a_regular_file(void **state)
{
	(void)state;
	char folder[] = "/tmp/ctrace-unit-XXXXXX", path[64];
	struct ct_profile *profile;
	struct ct_store_file store;
	struct ct_script script;
	struct ct_error_text error;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0700), 0);
	assert_int_equal(ct_load(path, &profile, &error), CT_ERR_IO);
	assert_non_null(strstr(error.line, "not a regular file"));
	assert_int_equal(ct_store_file_open(path, &store, &error), CT_ERR_IO);
	assert_non_null(strstr(error.line, "not a regular file"));
	assert_true(ct_script_read(path, &script) < 0);
	unlink(path);
	rmdir(folder);
}

static const struct frame_case {
	const char *text;
	uint64_t address;
	const char *function;
	const char *file;
	uint32_t line;
	const char *module;
} frame_cases[] = {
	{"0x109478: node_new (sample.c:24)", 0x109478, "node_new", "sample.c", 24, ""},
	{"0x48417B4: malloc (in /path/lib.so)", 0x48417b4, "malloc", "", 0, "/path/lib.so"},
	{"0x1: ??? (in ??"
	 "?)",
	 1, "", "", 0, ""},
	{"0x1: ??? (in /a (b)/c d.so)", 1, "", "", 0, "/a (b)/c d.so"},
	{"0x2: std::vector<int>::push_back(int const&) (vector:12)", 2, "std::vector<int>::push_back(int const&)",
	 "vector", 12, ""},
	{"0x2: operator() (cpp.cc:6)", 2, "operator()", "cpp.cc", 6, ""},
	{"0x2: f(int (*)(int)) (in /x)", 2, "f(int (*)(int))", "", 0, "/x"},
	{"0x2: f (dir/a b (1).c:7)", 2, "f", "dir/a b (1).c", 7, ""},
	{"0x7f01: alloc::alloc::alloc (src/alloc.rs:87:14)", 0x7f01, "alloc::alloc::alloc", "src/alloc.rs", 87, ""},
	{"0xFFFFFFFFFFFFFFFF: f (a.c:4294967295)", UINT64_MAX, "f", "a.c", 4294967295u, ""},
	{"0x10: f (a.c:4294967296)", 16, "f (a.c:4294967296)", "", 0, ""},
	{"0x10: f", 16, "f", "", 0, ""},
	{"0x10000000000000000: f", 0, "0x10000000000000000: f", "", 0, ""},
	{"0x: f", 0, "0x: f", "", 0, ""},
	{"main (a.c:3)", 0, "main", "a.c", 3, ""},
	{"[stack cut here]", 0, "[stack cut here]", "", 0, ""},
	{"f ()", 0, "f ()", "", 0, ""},
	{"f (:3)", 0, "f (:3)", "", 0, ""},
	{"(a.c:3)", 0, "(a.c:3)", "", 0, ""},
	{"??? (???:0:0)", 0, "", "", 0, ""},
};

static void test_frame_strings(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	(void)state;
	assert_non_null(profile);
	for (size_t i = 0; i < sizeof(frame_cases) / sizeof(frame_cases[0]); i++) {
		const struct frame_case *expected = &frame_cases[i];
		struct ct_frame frame;

		assert_int_equal(ct_dhat_frame_parse(profile, expected->text, strlen(expected->text), &frame), 0);
		assert_true(frame.address == expected->address);
		assert_string_equal(profile->strings[frame.function], expected->function);
		assert_string_equal(profile->strings[frame.file], expected->file);
		assert_int_equal(frame.line, expected->line);
		assert_string_equal(profile->strings[frame.module], expected->module);
		assert_string_equal(profile->strings[frame.text], expected->text);
	}
	ct_profile_free(profile);
}

/* A hostile name must not cost its length squared: this would take minutes. */
static void test_frame_of_parentheses(void **state)
{
	const size_t length = 4u << 20;
	struct ct_profile *profile = ct_profile_new();
	char *text = malloc(length);
	struct ct_frame frame;
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = i < length / 2 ? " ("[i % 2] : '1';
	text[length - 1] = ')';
	assert_int_equal(ct_dhat_frame_parse(profile, text, length, &frame), 0);
	free(text);
	ct_profile_free(profile);
}

static void test_inlined_runs(void **state)
{
	struct ct_profile *profile = load_fine(
		"{" HEAD ",\"pps\":[{" ROW ",\"fs\":[1,2,3,3,1,2,4]}],\"ftbl\":[\"[root]\",\"0x10: inner (a.c:1)\","
		"\"0x10: outer (a.c:2)\",\"0x20: recursive (a.c:3)\",\"0x30: main (a.c:4)\"]}");
	static const bool inlined[] = {true, false, false, false, true, false, false};
	(void)state;
	assert_int_equal(profile->sites[0].frame_count, 7);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(frame_of(profile, 0, i)->inlined, inlined[i]);
	ct_profile_free(profile);
}

/* A profile from a file that may be damaged is at least consistent. */
static void check_profile(const struct ct_profile *profile)
{
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];

		assert_true(site->frame_count > 0);
		for (uint32_t k = 0; k < site->frame_count; k++)
			assert_true(profile->frame_ids[site->first_frame + k] < profile->frame_count);
	}
}

static void load_damaged(const char *text, size_t length)
{
	struct ct_error_text error;
	struct ct_profile *profile = NULL;
	if (load_text(text, length, &profile, &error) == 0) {
		check_profile(profile);
		ct_profile_free(profile);
	} else {
		assert_true(strlen(error.line) > 0);
		assert_null(strchr(error.line, '\n'));
	}
}

static char *read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(1u << 20);
	assert_non_null(file);
	assert_non_null(text);
	*length = fread(text, 1, 1u << 20, file);
	fclose(file);
	return text;
}

static void test_truncated_anywhere(void **state)
{
	size_t length;
	char *text = read_file("tests/unit/data/dhat.out.heap", &length);
	(void)state;
	/* the last byte is the newline after the object */
	for (size_t i = 0; i < length - 2; i++) {
		struct ct_error_text error;
		struct ct_profile *profile;

		assert_int_equal(load_text(text, i, &profile, &error), CT_ERR_DAMAGED);
	}
	free(text);
}

static void test_flipped_bytes(void **state)
{
	static const char *const paths[] = {"tests/unit/data/dhat.out.heap", "tests/unit/data/dhat.out.ad-hoc"};
	static const char spice[] = "{}[],:\"\\0129-.eu \n\x80\xff";
	(void)state;
	srandom(1);
	for (size_t i = 0; i < 2; i++) {
		size_t length;
		char *text = read_file(paths[i], &length);
		char *copy = malloc(length);

		assert_non_null(copy);
		for (int round = 0; round < DAMAGE_ROUNDS; round++) {
			memcpy(copy, text, length);
			for (long flips = random() % 4 + 1; flips > 0; flips--) {
				size_t at = (size_t)random() % length;

				copy[at] =
					random() % 2 ? (char)random() : spice[(size_t)random() % (sizeof(spice) - 1)];
			}
			load_damaged(copy, random() % 8 ? length : (size_t)random() % length);
		}
		free(copy);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valgrind_heap), cmocka_unit_test(test_valgrind_copy_and_ad_hoc),
		cmocka_unit_test(test_dhat_rs),       cmocka_unit_test(test_empty_recording),
		cmocka_unit_test(test_exact_numbers), cmocka_unit_test(test_equal_stacks_merge),
		cmocka_unit_test(test_broken_files),  cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_frame_strings), cmocka_unit_test(test_frame_of_parentheses),
		cmocka_unit_test(test_inlined_runs),  cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_flipped_bytes), cmocka_unit_test(test_not_a_regular_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

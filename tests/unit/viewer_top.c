/* SPDX-License-Identifier: MIT */
/* The parts of the views of `ctrace top` (numbers, names, lines), and the command's own errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "load/dhat/dhat_frame.h"
#include "model/origin.h"
#include "names/allocators.h"
#include "names/names.h"
#include "names/number.h"
#include "util/whole.h"
#include "view/view.h"

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.00 KiB"},
		{10234, "9.99 KiB"},
		{10239, "10.0 KiB"},
		{102348, "99.9 KiB"},
		{102399, "100 KiB"},
		{1048063, "1023 KiB"},
		{1048065, "1.00 MiB"},
		{12897485, "12.3 MiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char out[CT_NUMBER_ROOM];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(ct_number_bytes(out, cases[i].bytes), cases[i].text);
	assert_string_equal(ct_number_bytes_column(out, 12), "12   B");
	assert_string_equal(ct_number_bytes_column(out, 2048), "2.00 KiB");
	assert_string_equal(ct_number_count(out, 0, "blocks"), "0 blocks");
	assert_string_equal(ct_number_count(out, 1, "blocks"), "1 block");
	assert_string_equal(ct_number_count(out, 1, "processes"), "1 process");
	assert_string_equal(ct_number_count(out, 1, "copies"), "1 copy");
	assert_string_equal(ct_number_count(out, 1, "branches"), "1 branch");
	assert_string_equal(ct_number_count(out, 1, "batches"), "1 batch");
	assert_string_equal(ct_number_count(out, 1, "flushes"), "1 flush");
	assert_string_equal(ct_number_count(out, 1, "indexes"), "1 index");
	assert_string_equal(ct_number_count(out, 1, "caches"), "1 cache");
	assert_string_equal(ct_number_count(out, 1, "phases"), "1 phase");
	assert_string_equal(ct_number_count(out, 1, "responses"), "1 response");
	assert_string_equal(ct_number_count(out, 1, "s"), "1 s");
	assert_string_equal(ct_number_count(out, 1234, "copies"), "1,234 copies");
	assert_string_equal(ct_number_count(out, 1, ""), "1 ");
	assert_string_equal(ct_number_count(out, UINT64_MAX, "123456789012345678901234567890123456é"),
			    "18,446,744,073,709,551,615 123456789012345678901234567890123456");
}

static void test_whole_numbers(void **state)
{
	(void)state;
	volatile double huge = 1e30; /* of a constant the compiler makes the largest number itself */
	assert_int_equal(ct_whole(2.5), 3);
	assert_int_equal(ct_whole(0x1p62), UINT64_C(1) << 62);
	assert_int_equal(ct_whole(huge), UINT64_MAX);
	assert_int_equal(ct_whole(HUGE_VAL), UINT64_MAX);
	assert_int_equal(ct_whole(-1), 0);
	assert_int_equal(ct_whole(NAN), 0);
}

static void test_other_numbers(void **state)
{
	char out[CT_NUMBER_ROOM];
	(void)state;
	assert_string_equal(ct_number_exact(out, 0), "0");
	assert_string_equal(ct_number_exact(out, 999), "999");
	assert_string_equal(ct_number_exact(out, 1000), "1,000");
	assert_string_equal(ct_number_exact(out, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(ct_number_percent(out, 1, 3), "33.3");
	assert_string_equal(ct_number_percent(out, 1, 0), "0.0");
	assert_string_equal(ct_number_time(out, 0, "µs"), "0 s");
	assert_string_equal(ct_number_time(out, 0.5, "µs"), "500 ns");
	assert_string_equal(ct_number_time(out, 12.34, "µs"), "12.3 µs");
	assert_string_equal(ct_number_time(out, 999499, "µs"), "999 ms");
	assert_string_equal(ct_number_time(out, 999500, "µs"), "1.00 s");
	assert_string_equal(ct_number_time(out, 3600, "s"), "60.0 min");
	assert_string_equal(ct_number_time(out, 86400, "s"), "24.0 h");
	assert_string_equal(ct_number_time(out, 41154562, "instrs"), "41.2 M instrs");
	assert_string_equal(ct_number_time(out, 208, "instrs"), "208 instrs");
}

/* A profile with one stack of these frames, leaf first, NULL at the end. */
static struct ct_profile *profile_of(const char *const *frames, const struct ct_counters *counters)
{
	struct ct_profile *profile = ct_profile_new();
	uint32_t ids[16], count = 0;
	assert_non_null(profile);
	for (; frames[count]; count++) {
		struct ct_frame frame;

		assert_int_equal(ct_dhat_frame_parse(profile, frames[count], strlen(frames[count]), &frame), 0);
		ids[count] = (uint32_t)ct_profile_frame(profile, &frame);
	}
	assert_int_equal(ct_profile_site(profile, ids, count, counters, false), 0);
	return profile;
}

static void test_short_names(void **state)
{
	static const char *const cases[][2] = {
		{"0x1: main (a.c:1)", "main"},
		{"0x1: f(int, char const*) (a.c:1)", "f"},
		{"0x1: A::f(int (*)(int)) const (a.c:1)", "A::f"},
		{"0x1: operator() (a.c:1)", "operator()"},
		{"0x1: main::{lambda(int)#1}::operator()(int) const (a.c:1)", "main::{lambda(int)#1}::operator()"},
		{"0x1: (anonymous namespace)::f() (a.c:1)", "(anonymous namespace)::f"},
		{"0x1: void g<int>(int) (a.c:1)", "g<int>"},
		{"0x1: void g<int>(int) [clone .isra.0] [clone .cold] (a.c:1)", "g<int>"},
		{"0x1: g [clone .part.0] (a.c:1)", "g"},
		{"0x1: std::vector<std::string, std::allocator<std::string> >::push_back(std::string&&) (a.c:1)",
		 "std::vector<…>::push_back"},
		{"0x1: std::vector<int, std::allocator<int> > make<int>() (a.c:1)", "make<int>"},
		{"0x1: std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append(char) (a.c:1)",
		 "std::string::append"},
		{"[callers unknown]", "[callers unknown]"},
		{"0x1: A::operator unsigned long() const (a.c:1)", "A::operator unsigned long"},
		{"0x1: std::ostream& operator<< <char>(std::ostream&, char) (a.c:1)", "operator<< <char>"},
		{"0x1: bool operator<(A const&, A const&) (a.c:1)", "operator<"},
		{"0x1: operator new(unsigned long) (a.c:1)", "operator new"},
		{"0x1: <alloc::vec::Vec<T,A> as core::clone::Clone>::clone (a.rs:1:1)",
		 "<alloc::vec::Vec<T,A> as core::clone::Clone>::clone"},
		{"0x1: core::ops::function::FnOnce::call_once{{vtable.shim}} (a.rs:1:1)",
		 "core::ops::function::FnOnce::call_once{{vtable.shim}}"},
		{"0x1: (below main) (start.c:1)", "(below main)"},
		{"0x1: ??? (in /usr/lib/libx.so.6)", "[libx.so.6]"},
		{"0x1: ??? (in ??"
		 "?)",
		 "???"},
		{"0x1: a->b<c (a.c:1)", "a->b<c"},
		{"0x1: ) (a.c:1)", ")"},
	};
	char out[CT_NAME_ROOM];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const frames[] = {cases[i][0], NULL};
		struct ct_profile *profile = profile_of(frames, &(struct ct_counters){.total_blocks = 1});

		assert_string_equal(ct_name_short(profile, &profile->frames[1], out), cases[i][1]);
		ct_profile_free(profile);
	}
}

static void test_leaf(void **state)
{
	const char *const frames[] = {
		"0x1: malloc (in /usr/lib/valgrind/vgpreload_dhat-amd64-linux.so)",
		"0x2: operator new(unsigned long) (in /usr/lib/libstdc++.so.6)",
		"0x3: allocate (new_allocator.h:137)",
		"0x4: std::allocator_traits<std::allocator<int> >::allocate(unsigned long) (x.h:3)",
		"0x5: std::vector<int>::_M_realloc_insert(int&&) (vector.tcc:3)",
		"0x6: push_back (stl_vector.h:9)",
		"0x7: main (a.cc:1)",
		NULL};
	const char *const only[] = {"0x1: malloc (in /x)", "0x2: operator new(unsigned long) (in /y)", NULL};
	struct ct_profile *profile = profile_of(frames, &(struct ct_counters){.total_blocks = 1});
	struct ct_origins origins;
	(void)state;
	assert_int_equal(ct_origins_init(&origins, profile, CT_ORIGIN_RULE), 0);
	assert_int_equal(ct_origin_leaf(profile, &origins, &profile->sites[0]), 5);
	assert_int_equal(ct_origin_own(profile, &origins, &profile->sites[0]), 6);
	ct_origins_fini(&origins);
	ct_profile_free(profile);

	profile = profile_of(only, &(struct ct_counters){.total_blocks = 1});
	assert_int_equal(ct_origins_init(&origins, profile, CT_ORIGIN_RULE), 0);
	assert_int_equal(ct_origin_leaf(profile, &origins, &profile->sites[0]), 1);
	ct_origins_fini(&origins);
	ct_profile_free(profile);
}

static void test_allocator_names(void **state)
{
	static const struct {
		const char *name;
		bool allocator;
	} cases[] = {
		{"malloc", true},
		{"g_malloc0_n", true},
		{"_PyObject_Malloc", true},
		{"sqlite3DbMallocRawNN", true},
		{"Perl_safesysrealloc", true},
		{"operator new[](unsigned long)", true},
		{"alloc::alloc::exchange_malloc", true},
		{"<alloc::raw_vec::RawVecInner>::try_allocate_in", true},
		{"std::string::_M_create(unsigned long&, unsigned long)", true},
		{"reallocate_table", false},
		{"mallocate", false},
		{"allocate_node", false},
		{"std::vector<int, std::allocator<int> >::push_back(int&&)", false},
		{"main", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (ct_allocator_has_function(cases[i].name) != cases[i].allocator)
			fail_msg("%s", cases[i].name);
	}
}

/* Cut text to columns and compare the result. */
static void check_cut(bool utf8, const char *text, int columns, const char *expected)
{
	const struct ct_terminal terminal = {.columns = 80, .utf8 = utf8};
	char *bytes = NULL;
	size_t length;
	FILE *out = open_memstream(&bytes, &length);
	struct ct_line line;
	ct_line_init(&line, &terminal, out);
	ct_line_add_cut(&line, text, columns);
	assert_true(line.columns <= columns);
	assert_int_equal(line.columns, ct_line_width(&terminal, expected));
	ct_line_end(&line);
	ct_line_fini(&line);
	fclose(out);
	bytes[length - 1] = '\0';
	assert_string_equal(bytes, expected);
	free(bytes);
}

static void test_cut(void **state)
{
	(void)state;
	check_cut(true, "function", 8, "function");
	check_cut(true, "function", 7, "functi…");
	check_cut(true, "function", 1, "…");
	check_cut(true, "メモリ割当", 10, "メモリ割当");
	check_cut(true, "メモリ割当", 9, "メモリ割…");
	check_cut(true, "メモリ割当", 8, "メモリ…");
	check_cut(true, "e\xcc\x81t\xc3\xa9", 3, "e\xcc\x81t\xc3\xa9");
	check_cut(true, "e\xcc\x81t\xc3\xa9s", 3, "e\xcc\x81t…");
	/* characters that could move the cursor or reverse the line are removed */
	check_cut(true,
		  "a\033[2Jb\xc2\x9b"
		  "1m\xe2\x80\xae",
		  20, "a?[2Jb?1m?");
	check_cut(true, "\xff\xfe", 20, "\xef\xbf\xbd\xef\xbf\xbd");
	check_cut(false, "12 µs × é", 20, "12 us x ?");
	check_cut(false, "function", 7, "functi~");
}

/* Run the command and discard its output. */
static int top(const char *first, const char *second, const char *third, const char *fourth)
{
	char *argv[] = {"top", (char *)first, (char *)second, (char *)third, (char *)fourth, NULL};
	int argc = 1, code, saved[2];
	while (argv[argc])
		argc++;
	for (int i = 0; i < 2; i++) {
		int null = open("/dev/null", O_WRONLY);

		fflush(NULL);
		saved[i] = dup(i + 1);
		dup2(null, i + 1);
		close(null);
	}
	code = ct_command_top.run(argc, argv);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], i + 1);
		close(saved[i]);
	}
	return code;
}

static void test_command(void **state)
{
	static const char heap[] = "tests/unit/data/dhat.out.heap", copy[] = "tests/unit/data/dhat.out.copy";
	(void)state;
	assert_int_equal(top(heap, NULL, NULL, NULL), 0);
	assert_int_equal(top("--sort", "lifetime", "--full", heap), 0);
	assert_int_equal(top("--cum", "-n0", "--bytes", heap), 0);
	assert_int_equal(top("--tree", "--min=0", "--color=always", heap), 0);
	assert_int_equal(top(copy, "--tree", NULL, NULL), 0);
	assert_int_equal(top("-h", NULL, NULL, NULL), 0);
	assert_int_equal(top(NULL, NULL, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top(heap, heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--nonsense", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--sort", "size", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("-n", "-1", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--min", "nan", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--color", "red", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--sort", "peak", copy, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--sort", "max", "--cum", heap), CT_EXIT_USAGE);
	assert_int_equal(top("--sort", "lifetime", "--tree", heap), CT_EXIT_USAGE);
	assert_int_equal(top("--focus=main", "--by=line", "--csv", heap), 0);
	assert_int_equal(top("--ignore=main", "--hide=x", "--json", heap), 0);
	assert_int_equal(top("--peek=.", "--list=.", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--focus", "a(", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--by=thread", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--by=size", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--json", "--by=file", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--csv", "--tree", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--cum", "--tree", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--csv", "--columns=total", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--tree", "--columns=peak,total", heap, NULL), 0);
	assert_int_equal(top("--list=no such function", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--columns=total,size", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--columns=total,total", heap, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--columns=max", "--cum", heap, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("--columns=total,end", copy, NULL, NULL), CT_EXIT_USAGE);
	assert_int_equal(top("/nonexistent", NULL, NULL, NULL), CT_EXIT_UNREADABLE);
}

static int use_utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_numbers), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_other_numbers), cmocka_unit_test(test_short_names),
		cmocka_unit_test(test_leaf),          cmocka_unit_test(test_allocator_names),
		cmocka_unit_test(test_cut),           cmocka_unit_test(test_command),
	};
	return cmocka_run_group_tests(tests, use_utf8, NULL);
}

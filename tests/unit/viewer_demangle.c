/* SPDX-License-Identifier: MIT */
/* Names made from symbols, and the bounds of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "symbol/demangle.h"
#include "util/cut.h"
#include "util/utf8.h"

/* Append to a text, and return its end. */
static char *add(char *end, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		end = stpcpy(end, text);
	return end;
}

static void assert_cut(const char *name, const char *start)
{
	size_t length = strlen(name);
	assert_in_range(length, CT_CUT_HASH_LENGTH, CT_CUT_NAME_MAX);
	assert_true(ct_utf8_is_clean(name, length));
	assert_int_equal(ct_cut_length(name, length), length - CT_CUT_HASH_LENGTH);
	assert_memory_equal(name, start, strlen(start));
	assert_non_null(strstr(name, "..."));
}

static void assert_cut_symbol(struct ct_demangler *demangler, const char *symbol, const char *start)
{
	char *name = ct_demangle(demangler, symbol);
	assert_cut(name, start);
	free(name);
}

static void assert_demangled(struct ct_demangler *demangler, const char *symbol, const char *expected)
{
	char *name = ct_demangle(demangler, symbol);
	assert_string_equal(name, expected);
	free(name);
}

static void test_demangled(void **state)
{
	(void)state;
	static const struct {
		const char *symbol, *name;
	} names[] = {
		{"main", "main"},
		{"_Znot mangled", "_Znot mangled"},
		{"_DYNAMIC", "_DYNAMIC"},
		{"_D3not", "_D3not"},
		{"_RC0", "_RC0"}, /* a crate with an empty name */
		{"_ZN2ns5outerEPi", "ns::outer(int*)"},
		{"_ZN2ns5outerEPi.cold", "ns::outer(int*) [clone .cold]"},
		{"_ZN1AcvT_IiEEv", "A::operator int<int>()"}, /* is asked of the child */
		{"_RNvCs1_5crate4main", "crate::main"},
		{"_RNvMC1aNtNtC5alloc5alloc6Global_1f", "_RNvMC1aNtNtC5alloc5alloc6Global_1f"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
		{"_D3std5stdio4File5writeMFAyaZv", "std.stdio.File.write(immutable(char)[])"},
		{"_Dmain", "D main"},
	};
	struct ct_demangler demangler = {0};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_demangled(&demangler, names[i].symbol, names[i].name);
	assert_int_equal(demangler.deaths, 0);
	ct_demangler_fini(&demangler);
}

/* Append the n-th substitution, n < 37. */
static char *add_substitution(char *end, size_t n)
{
	if (n)
		return end + sprintf(end, "S%c_", (int)(n <= 10 ? '0' + n - 1 : 'A' + n - 11));
	return stpcpy(end, "S_");
}

/* Append a list of types; each names the one before it twice. The first of its substitutions is the n-th. */
static char *add_doubling(char *end, size_t n, size_t count)
{
	end = stpcpy(end, "1PIiiE");
	for (size_t i = 1; i < count; i++) {
		end = stpcpy(add_substitution(end, n), "I");
		end = stpcpy(add_substitution(add_substitution(end, n + i), n + i), "E");
	}
	return end;
}

/* Write a Rust symbol whose tuples refer to the one before them twice, by its distance from the start. */
static void add_tuples(char *symbol, size_t count)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char *end = stpcpy(symbol, "_RINvC1a1f"), *before = end;
	end = stpcpy(end, "TiiE");
	for (size_t i = 1; i < count; i++) {
		size_t at = (size_t)(before - symbol) - 2 - 1;
		char number[8] = "";
		if (at < 62)
			snprintf(number, sizeof(number), "B%c_", digits[at]);
		else
			snprintf(number, sizeof(number), "B%c%c_", digits[at / 62], digits[at % 62]);
		before = end;
		end = stpcpy(stpcpy(stpcpy(stpcpy(end, "T"), number), number), "E");
	}
	strcpy(end, "E");
}

static void test_long_symbols(void **state)
{
	(void)state;
	struct ct_demangler demangler = {0};
	char *symbol = malloc(1 << 20), *name;

	/* more letters than libiberty takes by itself, and a short name */
	char *end = add(symbol, "_Z1fI", 1);
	end = add(add(end, "N", 1), "8namesake", 150);
	add(add(end, "E", 1), "EvT_", 1);
	assert_in_range(strlen(symbol), 1025, CT_CUT_NAME_MAX);
	name = ct_demangle(&demangler, symbol);
	assert_memory_equal(name, "void f<namesake::namesake::", 27);
	assert_int_equal(ct_cut_length(name, strlen(name)), strlen(name));
	free(name);

	/* doublings as parameters, and in the return type, which comes before the name */
	add_doubling(stpcpy(symbol, "_Z1f"), 0, 30);
	assert_cut_symbol(&demangler, symbol, "f(P<int, int>, P<P<int, int>, P<int, int> >, P<P<P<");
	end = stpcpy(add_doubling(stpcpy(symbol, "_Z4makeI"), 1, 30), "E");
	add(add_substitution(end, 31), "v", 1);
	name = ct_demangle(&demangler, symbol);
	assert_cut(name, "P<P<P<");
	assert_non_null(strstr(name, " make<P<int, int>, P<P<int, int>, P<int, int> >, "));
	free(name);

	/* nested templates, and pointers */
	end = add(add(symbol, "_Z1f", 1), "1AI", 30000);
	add(add(end, "i", 1), "E", 30000);
	assert_cut_symbol(&demangler, symbol, "f(A<A<A<");
	add(add(add(symbol, "_Z1f", 1), "P", 200000), "i", 1);
	assert_cut_symbol(&demangler, symbol, "f(...****");

	/* a wide list, whose parameter T_ is cut with it */
	end = add(add(symbol, "_Z1fISt5tupleIJ", 1), "5class", 5000);
	add(end, "EEEvT_", 1);
	assert_cut_symbol(&demangler, symbol, "void f<std::tuple<class, class, ");

	/* Rust: tuples of one before them twice, and many parts */
	add_tuples(symbol, 30);
	assert_cut_symbol(&demangler, symbol, "a::f::<(isize, isize), ((isize, isize), (isize, isize)), ");
	add(add(add(symbol, "_ZN", 1), "4part", 2000), "17h0123456789abcdefE", 1);
	assert_cut_symbol(&demangler, symbol, "part::part::");

	/* beyond every bound: the symbol itself */
	add(add(symbol, "_Z", 1), "\xc3\xa9", 300000);
	assert_cut_symbol(&demangler, symbol, "_Z\xc3\xa9");
	assert_int_equal(demangler.deaths, 0);
	ct_demangler_fini(&demangler);
	free(symbol);
}

/* What would take hours kills the child, and the next symbol gets another one. */
static void test_deadly_symbols(void **state)
{
	(void)state;
	struct ct_demangler demangler = {0};
	char symbol[1024];
	char *end = add(add(symbol, "_ZN1AcvT_", 1), "IT_", 60);
	add(add(add(end, "Ii", 1), "E", 62), "v", 1);
	for (unsigned i = 1; i <= 2; i++) {
		assert_demangled(&demangler, symbol, symbol);
		assert_int_equal(demangler.deaths, i);
		assert_demangled(&demangler, "_D3std5writeFZv", "std.write()");
	}
	end = add(add(symbol, "_D3foo3barFHiiHQeQg", 1), "HQgQi", 60);
	add(end, "Zv", 1);
	assert_cut_symbol(&demangler, symbol, "foo.bar(...)");
	assert_demangled(&demangler, "_RNvMINtC1a1bFGzzzzzz_EuEC1x1y", "_RNvMINtC1a1bFGzzzzzz_EuEC1x1y");
	for (int i = 0; i < 20; i++) /* only so many are tried */
		assert_demangled(&demangler, "_RNvMINtC1a1bFGzzzzzz_EuEC1x1y", "_RNvMINtC1a1bFGzzzzzz_EuEC1x1y");
	assert_int_equal(demangler.deaths, 4);
	assert_demangled(&demangler, "_ZN2ns5outerEPi", "ns::outer(int*)");
	ct_demangler_fini(&demangler);
}

/* Names that differ only in what is cut, in symbols and in other texts. */
static void test_cut_names_differ(void **state)
{
	(void)state;
	struct ct_demangler demangler = {0};
	char *symbol = malloc(1 << 16), *names[2];
	for (size_t i = 0; i < 2; i++) {
		add(add(add(symbol, "_Z1fISt5tupleIJ", 1), "5class", 2000), i ? "iEEEvT_" : "jEEEvT_", 1);
		names[i] = ct_demangle(&demangler, symbol);
		assert_cut(names[i], "void f<");
	}
	assert_string_not_equal(names[0], names[1]);
	assert_memory_equal(names[0], names[1], ct_cut_length(names[0], strlen(names[0])));
	free(names[0]);
	free(names[1]);
	for (size_t i = 0; i < 2; i++) {
		char *end = add(add(symbol, "\xe2\x82\xac", 3000), i ? "A" : "B", 1);
		end = add(end, "\xe2\x82\xac", 3000);
		names[i] = ct_cut_name(symbol, (size_t)(end - symbol), symbol, (size_t)(end - symbol));
		assert_cut(names[i], "\xe2\x82\xac");
		assert_in_range(strlen(names[i]), CT_CUT_NAME_MAX - 8, CT_CUT_NAME_MAX);
	}
	assert_string_not_equal(names[0], names[1]);
	free(names[0]);
	free(names[1]);

	/* bad bytes become three bytes each */
	memset(symbol, 0xff, CT_CUT_NAME_MAX);
	names[0] = ct_cut_name(symbol, CT_CUT_NAME_MAX, symbol, CT_CUT_NAME_MAX);
	assert_cut(names[0], "\xef\xbf\xbd");
	free(names[0]);

	/* operators are not brackets */
	char *end = add(add(symbol, "bool operator<<(", 1), "a<b<c> >, ", 1000);
	strcpy(end - 2, ")");
	names[0] = ct_cut_name(symbol, strlen(symbol), symbol, strlen(symbol));
	assert_cut(names[0], "bool operator<<(...) [");
	free(names[0]);
	free(symbol);
	ct_demangler_fini(&demangler);
}

/* The view's short names: without the hash and the parameters, and no character is cut. */
static void test_short_names(void **state)
{
	(void)state;
	char long_name[2 * CT_NAME_ROOM], out[CT_NAME_ROOM];
	struct ct_profile *profile = ct_profile_new();
	const char cut[] = "void* f<A<B<...>, int> >(A<...>) const [0123456789abcdef]";
	struct ct_frame frame = {.function = (uint32_t)ct_profile_string(profile, cut, strlen(cut))};
	assert_string_equal(ct_name_short(profile, &frame, out), "f<…>");
	for (size_t shift = 0; shift < 3; shift++) {
		strcpy(long_name, "xyz" + 3 - shift);
		add(long_name + shift, "€", CT_NAME_ROOM / 2);
		uint32_t id = (uint32_t)ct_profile_string(profile, long_name, strlen(long_name));
		ct_name_short(profile, &(struct ct_frame){.function = id}, out);
		assert_true(strlen(out) > CT_NAME_ROOM / 2 && ct_utf8_is_clean(out, strlen(out)));
		ct_name_short(profile, &(struct ct_frame){.module = id}, out);
		assert_true(strlen(out) > CT_NAME_ROOM / 2 && ct_utf8_is_clean(out, strlen(out)));
		ct_name_place(profile, &(struct ct_frame){.file = id, .line = UINT32_MAX}, out);
		assert_true(ct_utf8_is_clean(out, strlen(out)));
		assert_non_null(strstr(out, ":4294967295"));
		ct_name_place(profile, &(struct ct_frame){.module = id, .function = id}, out);
		assert_true(ct_utf8_is_clean(out, strlen(out)) && out[strlen(out) - 1] == ']');
	}
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demangled),      cmocka_unit_test(test_long_symbols),
		cmocka_unit_test(test_deadly_symbols), cmocka_unit_test(test_cut_names_differ),
		cmocka_unit_test(test_short_names),
	};
	return cmocka_run_group_tests_name("viewer_demangle", tests, NULL, NULL);
}

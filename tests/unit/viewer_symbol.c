/* SPDX-License-Identifier: MIT */
/* Names of addresses: in this program, in the C library, and in object files in every form that compilers
 * produce. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/symbol.h"

#define FRAMES 16

extern char __executable_start;

static volatile int sink;
static uintptr_t inlined_at;

static inline __attribute__((always_inline)) void is_inlined(void)
{
	sink++;
here:
	inlined_at = (uintptr_t) && here;
	sink++;
}

__attribute__((noinline)) static void well_known(void)
{
	is_inlined();
	sink++;
}

static uint64_t link_time(const void *address)
{
	return (uint64_t)((const char *)address - &__executable_start);
}

static size_t lookup(struct ct_symbols *symbols, const char *path, uint64_t address, struct ct_symbol_frame *frames)
{
	int handle = ct_symbols_open(symbols, path, NULL, 0);
	assert_true(handle >= 0);
	return ct_symbols_lookup(symbols, handle, address, frames, FRAMES);
}

static void test_own_function(void **state)
{
	(void)state;
	struct ct_symbols *symbols = ct_symbols_new();
	struct ct_symbol_frame frames[FRAMES];
	well_known();
	size_t count = lookup(symbols, "/proc/self/exe", link_time((void *)well_known), frames);
	assert_in_range(count, 1, 2);
	assert_string_equal(frames[count - 1].function, "well_known");
	assert_non_null(strstr(frames[count - 1].file, "viewer_symbol.c"));
	assert_true(frames[count - 1].line > 10);

	count = lookup(symbols, "/proc/self/exe", link_time((void *)inlined_at), frames);
	assert_int_equal(count, 2);
	assert_string_equal(frames[0].function, "is_inlined");
	assert_string_equal(frames[1].function, "well_known");
	assert_true(frames[1].line > frames[0].line); /* the line of the call */
	ct_symbols_free(symbols);
}

static void test_unknown_address(void **state)
{
	(void)state;
	struct ct_symbols *symbols = ct_symbols_new();
	struct ct_symbol_frame frames[FRAMES];
	assert_int_equal(lookup(symbols, "/proc/self/exe", 1ull << 40, frames), 0);
	assert_int_equal(lookup(symbols, "/proc/self/exe", UINT64_MAX, frames), 0);
	assert_int_equal(ct_symbols_lookup(symbols, -1, 0, frames, FRAMES), 0);
	assert_int_equal(ct_symbols_lookup(symbols, 999, 0, frames, FRAMES), 0);
	ct_symbols_free(symbols);
}

static void test_no_such_object(void **state)
{
	(void)state;
	static const uint8_t other[20] = {1, 2, 3};
	struct ct_symbols *symbols = ct_symbols_new();
	assert_true(ct_symbols_open(symbols, "/nowhere/at/all", NULL, 0) < 0);
	assert_true(ct_symbols_open(symbols, "/etc/passwd", NULL, 0) < 0);
	assert_true(ct_symbols_open(symbols, "/dev/zero", NULL, 0) < 0);
	assert_true(ct_symbols_open(symbols, "/proc/self/exe", other, sizeof(other)) < 0);
	ct_symbols_free(symbols);
}

/* fgets is also _IO_fgets and, inside, __GI__IO_fgets. */
static void test_the_name_that_people_use(void **state)
{
	(void)state;
	Dl_info info;
	struct link_map *map;
	struct ct_symbols *symbols = ct_symbols_new();
	struct ct_symbol_frame frames[FRAMES];
	assert_int_not_equal(dladdr1((void *)fgets, &info, (void **)&map, RTLD_DL_LINKMAP), 0);
	if (strstr(info.dli_fname, "libc.so") && info.dli_saddr) {
		size_t count = lookup(symbols, info.dli_fname, (uint64_t)info.dli_saddr - map->l_addr, frames);
		assert_true(count >= 1);
		assert_string_equal(frames[count - 1].function, "fgets");
	}
	ct_symbols_free(symbols);
}

static const char source[] = "namespace ns {\\n"
			     "inline __attribute__((always_inline)) int in1(volatile int *p) { return ++*p; }\\n"
			     "inline __attribute__((always_inline)) int in2(volatile int *p) { return in1(p); }\\n"
			     "__attribute__((noinline)) int outer(int *p) { return in2(p); }\\n"
			     "}\\n"
			     "int main() { int i = 0; return ns::outer(&i) - 1; }\\n";

static bool run(const char *folder, const char *command)
{
	char line[2048];
	snprintf(line, sizeof(line), "cd %s && %s", folder, command);
	return system(line) == 0;
}

static uint64_t symbol_address(const char *folder, const char *object)
{
	char line[256];
	unsigned long address = 0;
	snprintf(line, sizeof(line), "nm %s/%s | sed -n 's/ [Tt] _ZN2ns5outerEPi.*//p'", folder, object);
	FILE *nm = popen(line, "r");
	assert_non_null(nm);
	assert_int_equal(fscanf(nm, "%lx", &address), 1);
	pclose(nm);
	return address;
}

/* Somewhere in outer there is code of in1, inlined into in2, inlined into outer. */
static void assert_inlined(const char *folder, const char *object, uint64_t start, const char *file)
{
	struct ct_symbols *symbols = ct_symbols_new();
	struct ct_symbol_frame frames[FRAMES];
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, object);
	int handle = ct_symbols_open(symbols, path, NULL, 0);
	assert_true(handle >= 0);
	size_t count = 0;
	for (uint64_t address = start; address < start + 16 && count < 3; address++) {
		count = ct_symbols_lookup(symbols, handle, address, frames, FRAMES);
		assert_true(count > 0);
		assert_int_equal(strncmp(frames[count - 1].function, "ns::outer(int*)", 15), 0);
	}
	if (count != 3)
		fail_msg("%s: nothing inlined", object);
	assert_string_equal(frames[0].function, "ns::in1(int volatile*)");
	assert_string_equal(frames[1].function, "ns::in2(int volatile*)");
	assert_int_equal(frames[0].line, 2);
	assert_int_equal(frames[1].line, 3);
	assert_int_equal(frames[2].line, 4);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(frames[i].file, file));
	ct_symbols_free(symbols);
}

/* Several names at one address: functions before labels, then names without underscores or suffixes, then short. */
static void test_names_of_one_address(void **state)
{
	(void)state;
	static const char *const names[][3] = {
		{"longer_name", "_short", "__short"},
		{"name_of_a_function", "f.part", "g_impl"},
		{"the_shortest", "the_shortest_one", "the_shortest_two"},
		{"a_name", "b_name", "c_name"},
	};
	char folder[] = "/tmp/ctrace-unit-symbol-XXXXXX", line[128];
	assert_non_null(mkdtemp(folder));
	snprintf(line, sizeof(line), "%s/a.s", folder);
	FILE *file = fopen(line, "w");
	assert_non_null(file);
	fputs(".text\n.globl start\nstart: nop\n", file);
	for (size_t i = 0; i < 4; i++) {
		fprintf(file, "l%zu:\n", i); /* a label, the shortest of all */
		for (size_t j = 0; j < 3; j++)
			fprintf(file, ".type %s, @function\n.size %s, 4\n%s:\n", names[i][j], names[i][j], names[i][j]);
		fputs("nop\nnop\nnop\nnop\n", file);
	}
	fclose(file);
	assert_true(run(folder, "gcc -shared -nostdlib -Wl,-Ttext=0x1000 -o names a.s"));
	struct ct_symbols *symbols = ct_symbols_new();
	struct ct_symbol_frame frames[FRAMES];
	snprintf(line, sizeof(line), "%s/names", folder);
	for (uint64_t address = 0x1001; address < 0x1001 + 4 * 4; address++) {
		assert_int_equal(lookup(symbols, line, address, frames), 1);
		assert_string_equal(frames[0].function, names[(address - 0x1001) / 4][0]);
	}
	ct_symbols_free(symbols);
	snprintf(line, sizeof(line), "rm -r %s", folder);
	assert_true(run("/tmp", line));
}

static void test_forms_of_objects(void **state)
{
	(void)state;
	static const struct {
		const char *object, *command;
	} forms[] = {
		{"pie", "g++ -g -O2 -o pie a.cc"},
		{"exec", "g++ -g -O2 -no-pie -o exec a.cc"},
		{"shared", "g++ -g -O2 -fPIC -shared -o shared a.cc"},
		{"dwarf4", "g++ -g -gdwarf-4 -O2 -o dwarf4 a.cc"},
		{"packed", "g++ -g -gz -O2 -o packed a.cc"},
		{"split", "g++ -g -gsplit-dwarf -O2 -o split a.cc"},
		{"split4", "g++ -g -gdwarf-4 -gsplit-dwarf -O2 -o split4 a.cc"},
		{"linked", "g++ -g -flto -O2 -o linked a.cc"},
	};
	char folder[] = "/tmp/ctrace-unit-symbol-XXXXXX";
	char line[sizeof(source) + 64];
	assert_non_null(mkdtemp(folder));
	snprintf(line, sizeof(line), "printf '%s' > a.cc", source);
	assert_true(run(folder, line));
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_true(run(folder, forms[i].command));
		assert_inlined(folder, forms[i].object, symbol_address(folder, forms[i].object), "a.cc");
	}
	/* Names come from a separate file, found by its debug link. */
	uint64_t address = symbol_address(folder, "pie");
	assert_true(run(folder, "objcopy --only-keep-debug pie pie.debug && objcopy --strip-all "
				"--add-gnu-debuglink=pie.debug pie bare && rm pie"));
	assert_inlined(folder, "bare", address, "a.cc");
	snprintf(line, sizeof(line), "rm -r %s", folder);
	assert_true(run("/tmp", line));
}

static void test_perf_map(void **state)
{
	(void)state;
	char path[64];
	uint32_t pid = 0x7ffffff0u + (uint32_t)getpid() % 10;
	snprintf(path, sizeof(path), "/tmp/perf-%u.map", pid);
	unlink(path);
	assert_null(ct_perf_map_open(pid, getuid()));
	FILE *file = fopen(path, "wx");
	assert_non_null(file);
	fputs("1000 10 old name\nnonsense\n2000 20 LazyCompile:~f a.js:1\n1000 10 new name\n", file);
	fclose(file);
	struct ct_perf_map *map = ct_perf_map_open(pid, getuid());
	unlink(path);
	assert_non_null(map);
	assert_string_equal(ct_perf_map_lookup(map, 0x100f), "new name");
	assert_string_equal(ct_perf_map_lookup(map, 0x2000), "LazyCompile:~f a.js:1");
	assert_null(ct_perf_map_lookup(map, 0x1010));
	assert_null(ct_perf_map_lookup(map, 0xfff));
	ct_perf_map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_function),         cmocka_unit_test(test_unknown_address),
		cmocka_unit_test(test_no_such_object),       cmocka_unit_test(test_the_name_that_people_use),
		cmocka_unit_test(test_forms_of_objects),     cmocka_unit_test(test_perf_map),
		cmocka_unit_test(test_names_of_one_address),
	};
	return cmocka_run_group_tests_name("viewer_symbol", tests, NULL, NULL);
}

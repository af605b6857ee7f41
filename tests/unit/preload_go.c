/* SPDX-License-Identifier: MIT */
/* Where Go changes stacks, on two arrays that look like a thread's stack and a goroutine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hot/slow.h"
#include "hot/thread.h"
#include "unwind/go.h"

#define WORDS 256u /* a power of two */
#define CODE 0x5000000u

static uintptr_t system_words[WORDS], goroutine[WORDS];
static uintptr_t g[4];
static struct ct_thread thread;
static struct ct_go go;
static struct ct_registers at;

static uintptr_t of(const uintptr_t *words, size_t index)
{
	return (uintptr_t)&words[index];
}

/* asmcgocall with its words at system_words[words_at]; goroutine[100] is the goroutine's sp. */
static void call_c(size_t sp, size_t words_at, size_t bp)
{
	memset(system_words, 0, sizeof(system_words));
	memset(goroutine, 0, sizeof(goroutine));
	g[0] = of(goroutine, 0);
	g[1] = of(goroutine, WORDS);
	g[2] = 0;
	g[3] = UINTPTR_MAX;
	system_words[words_at] = (WORDS - 100) * sizeof(uintptr_t);
	system_words[words_at + 1] = (uintptr_t)g;
	go = (struct ct_go){.begun = true, .system = {of(system_words, 0), of(system_words, WORDS)}};
	go.before = go.system;
	thread.bounds[0] = go.before;
	at = (struct ct_registers){.pc = CODE, .sp = of(system_words, sp), .bp = of(goroutine, bp)};
}

static void check_at(uintptr_t pc, uintptr_t sp, uintptr_t bp)
{
	assert_int_equal(at.pc, pc);
	assert_int_equal(at.sp, sp);
	assert_int_equal(at.bp, bp);
}

static void test_go_calls_c(void **state)
{
	(void)state;
	static const size_t distances[] = {0, 5};
	for (size_t i = 0; i < 2; i++) {
		call_c(10, 10 + distances[i], 120); /* asmcgocall has no frame pointer */
		goroutine[100] = CODE + 1;
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
		check_at(CODE + 1, of(goroutine, 101), of(goroutine, 120));
		assert_int_equal(thread.bounds[0].high, of(goroutine, WORDS));

		call_c(10, 10 + distances[i], 100); /* it has one */
		goroutine[100] = of(goroutine, 120);
		goroutine[101] = CODE + 2;
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
		check_at(CODE + 2, of(goroutine, 102), of(goroutine, 120));

		call_c(10, 11 + distances[i], 120); /* a function in between */
		system_words[10] = CODE + 3;
		goroutine[100] = CODE + 4;
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
		check_at(CODE + 3, of(system_words, 11), of(goroutine, 120));
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
		check_at(CODE + 4, of(goroutine, 101), of(goroutine, 120));
	}
}

static void test_on_a_goroutine(void **state)
{
	(void)state;
	call_c(10, 10, 120);
	ct_go_step(&thread, &go, &at);
	goroutine[120] = of(goroutine, 140);
	goroutine[121] = CODE + 1;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
	check_at(CODE + 1, of(goroutine, 122), of(goroutine, 140));
	goroutine[140] = of(system_words, 50); /* cgocallback */
	goroutine[141] = CODE + 2;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
	system_words[50] = of(system_words, 60);
	system_words[51] = CODE + 3;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
	check_at(CODE + 3, of(system_words, 52), of(system_words, 60));
	assert_int_equal(thread.bounds[0].high, go.before.high);
	assert_false(go.on_goroutine);
	uintptr_t code = (uintptr_t)&test_on_a_goroutine;
	system_words[60] = of(system_words, 61); /* crosscall2 with two saved frame pointers */
	system_words[61] = 77;
	system_words[62] = code;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ON);
	check_at(code, of(system_words, 63), 77);
}

static void test_ends(void **state)
{
	(void)state;
	call_c(10, 10, 120);
	ct_go_step(&thread, &go, &at);
	at.bp = 0;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ROOT);
	uintptr_t bad[] = {1, of(goroutine, 50), of(goroutine, WORDS - 1), of(goroutine, 120) + 4, (uintptr_t)g};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		at.bp = bad[i];
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_LOST);
	}
	call_c(10, 10, 120);
	at.bp = of(system_words, 30); /* a first frame whose bp is C's, and leads to no code */
	system_words[31] = 8;
	assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ROOT);
}

/* Words that only look like asmcgocall's. */
static void test_no_change_of_stacks(void **state)
{
	(void)state;
	struct {
		uintptr_t *word;
		uintptr_t value;
	} changes[] = {
		{&system_words[10], (WORDS + 1) * sizeof(uintptr_t)}, /* too far */
		{&system_words[10], 804}, /* not a multiple of 8 */
		{&system_words[10], 8}, /* above bp */
		{&system_words[11], 0},
		{&system_words[11], 4096}, /* cannot be read */
		{&g[0], of(goroutine, 1)}, /* the size is not a power of two */
		{&g[0], of(goroutine, WORDS)},
		{&g[3], 0},
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		call_c(10, 10, 120);
		*changes[i].word = changes[i].value;
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ROOT);
		assert_false(go.on_goroutine);
	}
	for (size_t sp = WORDS - 8; sp < WORDS; sp++) { /* at the end of the stack */
		call_c(sp, 10, 120);
		assert_int_equal(ct_go_step(&thread, &go, &at), CT_GO_ROOT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_go_calls_c),
		cmocka_unit_test(test_on_a_goroutine),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_no_change_of_stacks),
	};
	return cmocka_run_group_tests_name("preload_go", tests, NULL, NULL);
}

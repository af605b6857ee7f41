/* SPDX-License-Identifier: MIT */
/* The line that shows how far a command is: its share is that of nested parts, and never goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/message.h"
#include "util/progress.h"

#define SECOND_NS 1000000000u

static int master, saved;
static char shown[64 << 10];

static int make_terminal(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 60};
	int slave;
	(void)state;
	setenv("TERM", "linux", 1);
	if (openpty(&master, &slave, NULL, NULL, &size))
		return -1;
	saved = dup(2);
	return dup2(slave, 2) == 2 && close(slave) == 0 ? 0 : -1;
}

static int drop_terminal(void **state)
{
	(void)state;
	dup2(saved, 2);
	return close(saved) | close(master);
}

/* What has been printed since the last call. */
static const char *screen(void)
{
	size_t length = 0;
	assert_int_equal(write(2, "|", 1), 1); /* the end */
	do {
		ssize_t got = read(master, shown + length, sizeof(shown) - 1 - length);
		assert_true(got > 0);
		length += (size_t)got;
	} while (shown[length - 1] != '|');
	shown[length - 1] = '\0';
	return shown;
}

/* Do the same step until the line is drawn. */
static void draw(uint64_t done, uint64_t all)
{
	struct pollfd printed = {.fd = master, .events = POLLIN};
	while (poll(&printed, 1, 0) == 0)
		ct_progress_at(done, all);
}

static void test_parts(void **state)
{
	(void)state;
	ct_progress_at(1, 2); /* nothing has begun */
	uint64_t start_ns = ct_now_ns();
	ct_progress_begin("working");
	ct_progress_at(1, 2);
	bool first_second = ct_now_ns() < start_ns + SECOND_NS; /* unless the machine is very busy */
	assert_true(!*screen() || !first_second);
	struct ct_progress_part all = ct_progress_enter(0.5, 1);
	struct ct_progress_part half = ct_progress_enter(0, 0.5);
	draw(1, 2);
	assert_non_null(strstr(screen(), "\r\x1b[Kctrace: working: 62 %, "));
	ct_progress_begin("inner"); /* the outer words stay */
	ct_progress_leave(half);
	draw(0, 2);
	assert_non_null(strstr(screen(), "ctrace: working: 75 %"));
	ct_progress_leave(all);
	draw(0, 1);
	assert_non_null(strstr(screen(), "ctrace: working: 99 %"));
	ct_progress_end();
	assert_string_equal(screen(), "");
	ct_progress_end();
	assert_string_equal(screen(), "\r\x1b[K");
	ct_progress_at(1, 2);
	assert_string_equal(screen(), "");
}

static void test_other_lines(void **state)
{
	(void)state;
	ct_progress_begin("a long work with many words");
	ct_progress_hint("a hint that does not fit into sixty columns");
	draw(1, 1000);
	char *line = strrchr(screen(), '\r');
	assert_int_equal(strlen(line), strlen("\r\x1b[K") + 59);
	assert_null(strstr(line, "left")); /* not known yet */
	ct_message("a line");
	assert_string_equal(screen(), "\r\x1b[Kctrace: a line\r\n");
	draw(1, 1000);
	assert_non_null(strstr(screen(), "many words: 0 %"));
	ct_progress_give_way();
	assert_string_equal(screen(), "\r\x1b[K");
	for (uint64_t start_ns = ct_now_ns(); ct_now_ns() < start_ns + SECOND_NS;)
		ct_progress_at(1, 2);
	assert_string_equal(screen(), "");
	ct_progress_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parts, make_terminal, drop_terminal),
		cmocka_unit_test_setup_teardown(test_other_lines, make_terminal, drop_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

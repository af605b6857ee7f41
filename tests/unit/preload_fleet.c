/* SPDX-License-Identifier: MIT */
/* The settings of the stub, and which programs they let be recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "life/fleet.h"
#include "sys/options.h"

static bool admits(const char *allow, const char *deny, const char *exe)
{
	ct_options.allow = allow;
	ct_options.deny = deny;
	return ct_fleet_admits(exe);
}

static void test_lists(void **state)
{
	(void)state;
	assert_true(admits("", "", "/usr/bin/perl"));
	assert_true(admits("perl", "", "/usr/bin/perl"));
	assert_false(admits("perl", "", "/usr/bin/perl5"));
	assert_false(admits("perl", "", "/usr/perl/python3"));
	assert_true(admits("redis-server, python3*", "", "/usr/bin/python3.11"));
	assert_false(admits("redis-server,python3*", "", "/usr/bin/python2"));
	assert_true(admits("/opt/*/bin/*", "", "/opt/app/1/bin/server"));
	assert_false(admits("/opt/*/bin/*", "", "/usr/bin/server"));
	assert_true(admits("*a*b*", "", "xxaayybb"));
	assert_false(admits("*a*b", "", "aabbc"));
	assert_false(admits(" ,, ", "", "/usr/bin/perl"));
}

static void test_deny_comes_first(void **state)
{
	(void)state;
	assert_false(admits("", "perl", "/usr/bin/perl"));
	assert_false(admits("*", "/usr/bin/*", "/usr/bin/perl"));
	assert_true(admits("*", "/usr/bin/*", "/opt/bin/perl"));
	assert_true(admits("", ",", "/usr/bin/perl"));
}

static void test_settings(void **state)
{
	(void)state;
	char text[] =
		"# CTRACE_A=1\n\n  CTRACE_MODE=off \r\nPATH=/tmp\nCTRACE_OUT=/a b/%p\nCTRACE_EMPTY=\nCTRACE_LAST=1";
	char short_text[] = "CTRACE_A=1\nCTRACE_B=2\nCTRACE_C=3\n", none[] = "";
	char *settings[8];
	ct_fleet_split(text, settings, 7);
	assert_string_equal(settings[0], "CTRACE_MODE=off");
	assert_string_equal(settings[1], "CTRACE_OUT=/a b/%p");
	assert_string_equal(settings[2], "CTRACE_LAST=1");
	assert_null(settings[3]);
	ct_fleet_split(short_text, settings, 2);
	assert_string_equal(settings[1], "CTRACE_B=2");
	assert_null(settings[2]);
	ct_fleet_split(none, settings, 2);
	assert_null(settings[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_deny_comes_first),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

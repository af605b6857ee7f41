/* SPDX-License-Identifier: MIT */
/* The files of a systemd service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "doctor/unit.h"

static char root[] = "/tmp/ctrace-unit-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_names(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"0::/\n", ""},
		{"0::/system.slice/web.service\n", "web.service"},
		{"1:name=systemd:/system.slice/a@b.service/sub\n0::/\n", "a@b.service"},
		{"0::/user.slice/user@0.service/app.slice/own.service\n", "own.service"},
		{"0::/.service\n0::/webservice", ""},
	};
	struct ct_unit unit;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ct_unit_read(root, rows[i][0], &unit);
		assert_string_equal(unit.name, rows[i][1]);
		assert_string_equal(unit.file, "");
	}
}

static void test_files(void **state)
{
	struct ct_unit unit;
	(void)state;
	put("lib/systemd/system/web.service", "[Service]\nProtectSystem=full\nPrivateTmp=no\n");
	put("usr/lib/systemd/system/web.service.d/a.conf", "PrivateTmp = true\r\nnothing\n");
	ct_unit_read(root, "0::/web.service", &unit);
	assert_string_equal(unit.protect_system, "full");
	assert_true(unit.private_tmp);
	/* The file in /etc replaces the other one; drop-ins stay. */
	put("etc/systemd/system/web.service", "Environment=\"LD_PRELOAD=/a b/libctrace.so\" 'CTRACE_OUT=/x y' C=\n");
	ct_unit_read(root, "0::/web.service", &unit);
	assert_string_equal(unit.protect_system, "");
	assert_string_equal(unit.preload, "/a b/libctrace.so");
	assert_true(unit.private_tmp);
	put("etc/systemd/system/web.service.d/z.conf", "Environment=\nEnvironment='CTRACE_OUT=/z");
	put("etc/systemd/system/web.service.d/z.conf~", "Environment=LD_PRELOAD=/no\n");
	ct_unit_read(root, "0::/web.service", &unit);
	assert_string_equal(unit.preload, "");
	put("etc/systemd/system/web@.service", "ProtectSystem=strict\n");
	ct_unit_read(root, "0::/web@1.service", &unit);
	assert_string_equal(unit.protect_system, "strict");
}

static int make(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests(tests, make, clear);
}

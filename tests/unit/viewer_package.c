/* SPDX-License-Identifier: MIT */
/* Which command installs an object file's names, by the databases of made-up systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor/package.h"

static char root[] = "/tmp/ctrace-unit-package-XXXXXX";
static char command[CT_PACKAGE_ROOM];

/* Write a file below the root, with its folders. */
static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(path, 0777);
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int make_system(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	put("var/lib/dpkg/info/base.list", "/.\n/usr\n/usr/bin\n/bin/old\n/usr/bin/toolbox\n");
	put("var/lib/dpkg/info/base.conffiles", "/usr/bin/tool\n");
	put("var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib/x86_64-linux-gnu/libc.so.6\n");
	put("var/lib/dpkg/info/python3.11-minimal.list", "/usr/bin/python3.11");
	put("var/lib/dpkg/info/python-apt.list", "/usr/lib/python-apt.so\n");
	put("var/lib/dpkg/info/tool.list", "/usr/bin/tool\n/usr/bin/tool.so.1\n");
	put("var/lib/dpkg/status",
	    "Package: xtool\nSource: other\n\nPackage: libc6\nStatus: installed\nSource: glibc (2.36-9)\nVersion: 2\n\n"
	    "Package: python3.11-minimal\nSource: python3.11\n\nPackage: tool\nDescription: a tool\n\n"
	    "Package: python-apt\nSource: python-apt\n");
	return 0;
}

static int remove_system(void **state)
{
	char text[PATH_MAX];
	(void)state;
	snprintf(text, sizeof(text), "rm -rf %s", root);
	return system(text);
}

static const char *of(const char *path)
{
	return ct_package_command(root, path, command) ? command : NULL;
}

static void test_debian(void **state)
{
	(void)state;
	put("etc/os-release", "PRETTY_NAME=\"A debian\"\nNAME=x\nID=debian\n");
	assert_string_equal(of("/usr/bin/tool"), "apt install tool-dbgsym (from Debian's archive debian-debug)");
	assert_string_equal(of("/usr/bin/tool.so.1"), "apt install tool-dbgsym (from Debian's archive debian-debug)");
	assert_string_equal(of("/usr/lib/x86_64-linux-gnu/libc.so.6"), "apt install libc6-dbg");
	assert_string_equal(of("/usr/bin/python3.11"), "apt install python3.11-dbg");
	assert_string_equal(of("/usr/lib/python-apt.so"),
			    "apt install python-apt-dbgsym (from Debian's archive debian-debug)");
	assert_string_equal(of("/usr/bin/old"), "apt install base-dbgsym (from Debian's archive debian-debug)");
	assert_null(of("/usr/bin/too"));
	assert_null(of("/opt/app"));
	assert_null(of("tool"));
	put("etc/os-release", "ID=\"neon\"\nID_LIKE=\"ubuntu debian\"\n");
	assert_string_equal(of("/usr/bin/tool"), "apt install tool-dbgsym (from Ubuntu's archive ddebs)");
}

static void test_others(void **state)
{
	(void)state;
	put("etc/os-release", "ID=arch\nNAME=debian\nID_LIKE=notdebian\n");
	assert_null(of("/usr/bin/tool"));
	put("etc/os-release", "ID=fedora\n"); /* whose rpm does not know this file */
	assert_null(of("/no/such/file"));
}

static void add_site(struct ct_profile *profile, const char *module, const char *function, uint64_t bytes)
{
	struct ct_frame frame = {.address = bytes};
	char text[64];
	snprintf(text, sizeof(text), "%s %s", module, function);
	frame.module = (uint32_t)ct_profile_string(profile, module, strlen(module));
	frame.function = *function ? (uint32_t)ct_profile_string(profile, function, strlen(function)) : 0;
	frame.text = (uint32_t)ct_profile_string(profile, text, strlen(text));
	uint32_t id = (uint32_t)ct_profile_frame(profile, &frame);
	struct ct_counters counters = {.total_bytes = bytes, .total_blocks = 1};
	assert_int_equal(ct_profile_site(profile, &id, 1, &counters, false), 0);
}

static void test_nameless(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	(void)state;
	assert_null(ct_package_nameless(profile));
	add_site(profile, "/lib/a.so", "f", 900);
	add_site(profile, "/lib/b.so", "", 60);
	assert_null(ct_package_nameless(profile)); /* too little */
	add_site(profile, "/lib/c.so", "", 99);
	assert_null(ct_package_nameless(profile));
	add_site(profile, "/lib/d.so", "", 140);
	assert_string_equal(ct_package_nameless(profile), "/lib/d.so");
	add_site(profile, "[vdso]", "", 1000); /* has no file */
	assert_null(ct_package_nameless(profile));
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debian),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_nameless),
	};
	return cmocka_run_group_tests(tests, make_system, remove_system);
}

/* SPDX-License-Identifier: MIT */
/* The rules of CTRACE_RULES, and a control group's memory from files of both versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "ctrace/rules.h"
#include "util/cgroup.h"

static char mounts[] = "/tmp/ctrace-cgroup-XXXXXX";

static void test_rules(void **state)
{
	static const char *const wrong[] = {
		"live>",
		"live>1",
		"live>0:exact",
		"live>10m:off",
		"live>10%:exact",
		"cgroup>80:exact",
		"cgroup>101%:exact",
		"cgroup>0%:exact",
		"live>1:exact,",
		",",
		"rss>1:exact",
		"live>1:exact,cgroup",
		"live>99999999999999999999:exact",
		"live>1t:exact",
	};
	struct ct_rules rules;
	(void)state;
	assert_true(ct_rules_parse("", &rules));
	assert_int_equal(rules.live_bytes + rules.cgroup_percent, 0);
	assert_true(ct_rules_parse("live>200M:exact,cgroup>80%:exact", &rules));
	assert_int_equal(rules.live_bytes, 200 << 20);
	assert_int_equal(rules.cgroup_percent, 80);
	assert_true(ct_rules_parse("cgroup>100%:exact,live>7:exact", &rules));
	assert_int_equal(rules.live_bytes, 7);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (ct_rules_parse(wrong[i], &rules))
			fail_msg("%s was accepted", wrong[i]);
}

/* Write a file below the mounts; folders are made. */
static void put(const char *name, const char *text)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s", mounts, name);
	for (char *slash = path + strlen(mounts) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void check(const char *text, int version, const char *name, uint64_t limit, uint64_t used)
{
	struct ct_cgroup group;
	ct_cgroup_read(text, mounts, &group);
	assert_int_equal(group.version, version);
	assert_string_equal(group.name, name);
	assert_int_equal(group.limit, limit);
	assert_int_equal(group.used, used);
}

static void test_groups(void **state)
{
	(void)state;
	check("", 0, "", 0, 0);
	check("0::/a/b\n", 0, "", 0, 0);
	put("a/b/memory.max", "max\n");
	put("a/b/memory.current", "300\n");
	check("0::/a/b\n", 2, "/a/b", 0, 0);
	put("a/memory.max", "1000\n"); /* the group above has the limit */
	put("a/memory.current", "500\n");
	check("0::/a/b\n", 2, "/a/b", 1000, 500);
	put("a/memory.stat", "anon 1\ninactive_file 120\nx 1\n");
	check("12:cpu:/x\n0::/a/b\n", 2, "/a/b", 1000, 380);
	put("a/b/memory.max", "600\n"); /* the smaller limit counts */
	check("0::/a/b\n", 2, "/a/b", 600, 300);
	put("memory.max", "50\n"); /* a container, whose own group is mounted, but is called otherwise */
	put("memory.current", "40\n");
	check("0::/../elsewhere\n", 2, "/../elsewhere", 50, 40);
	check("4:cpu,notmemory:/\n0::/\n", 2, "/", 50, 40);
	put("memory/x/memory.limit_in_bytes", "9223372036854771712\n");
	put("memory/x/memory.usage_in_bytes", "77\n");
	check("4:memory:/x\n0::/\n", 1, "/x", 0, 0);
	put("memory/x/memory.limit_in_bytes", "100\n");
	put("memory/x/memory.stat", "cache 1\ntotal_inactive_file 7\n");
	check("4:cpu,memory:/x\n0::/\n", 1, "/x", 100, 70);
	check("4:memory\n:\n\n0:", 0, "", 0, 0);
}

static int make(void **state)
{
	(void)state;
	return mkdtemp(mounts) ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", mounts);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_groups),
	};
	return cmocka_run_group_tests(tests, make, clear);
}

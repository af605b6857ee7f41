/* SPDX-License-Identifier: MIT */
/* ctrace watch: which earlier readings are kept, the latest events of a thread, and what wakes it, with groups of both
 * versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "store_builder.h"
#include "watch/group.h"
#include "watch/history.h"

#define SECOND UINT64_C(1000000000)
#define LIMIT (UINT64_C(32) << 20)

static struct ct_store_header header;
static struct ct_site sites[3];
static struct ct_node nodes[3];
static struct ct_store_file store = {
	.header = &header,
	.sites = sites,
	.nodes = nodes,
	.site_count = 3,
	.segment = {.number = 1},
	.us_per_tick = 1,
};

/* A site that grows by 10 bytes a second, looked at once a second for an hour. */
static void test_history(void **state)
{
	struct ct_history history = {0};
	(void)state;
	header.boot_ns = SECOND;
	for (uint64_t second = 1; second <= 3600; second++) {
		sites[1].live_bytes = (int64_t)(10 * second);
		assert_int_equal(ct_history_add(&history, &store, SECOND + second * SECOND), 0);
		assert_true(history.count < 80);
	}
	for (uint64_t age = 10; age <= 900; age += 10) {
		const struct ct_reading *reading = ct_history_near(&history, (3601 - age) * SECOND);
		double away = (double)(reading->ns / SECOND) - (double)(3601 - age);
		assert_true(away * away <= (double)(age * age) / 100);
		assert_int_equal(ct_reading_live(reading, 1), 10 * (reading->ns / SECOND - 1));
		assert_int_equal(ct_reading_live(reading, 7), 0);
	}
	/* The segment's start stays; another segment begins with nothing. */
	assert_int_equal(history.rows[0].ns, SECOND);
	store.segment.number = 2;
	store.start_ticks = UINT64_C(3500) * 1000000;
	assert_int_equal(ct_history_add(&history, &store, 3700 * SECOND), 0);
	assert_int_equal(history.count, 2);
	assert_int_equal(history.rows[0].ns, 3501 * SECOND);
	ct_history_fini(&history);
	store.segment.number = 1;
	store.start_ticks = 0;
}

/* What was before the first reading comes from the store's whole snapshots. */
static void test_snapshots(void **state)
{
	static struct ct_snapshot_row rows[] = {
		{0, 1, 5000000}, {1, 1, 70}, /* whole */
		{0, 2, 6000000}, {0, 1, 5},  {1, 1, 75}, /* partial */
		{0, 2, 8000000}, {1, 1, 80}, {2, 1, 3},
	};
	struct ct_history history = {0};
	(void)state;
	store.snapshots = rows;
	store.snapshot_rows = sizeof(rows) / sizeof(rows[0]);
	assert_int_equal(ct_history_add(&history, &store, 20 * SECOND), 0);
	assert_int_equal(history.count, 4);
	assert_int_equal(ct_reading_live(ct_history_near(&history, 6 * SECOND), 1), 70);
	assert_int_equal(ct_reading_live(ct_history_near(&history, 10 * SECOND), 2), 3);
	ct_history_fini(&history);
	store.snapshots = NULL;
	store.snapshot_rows = 0;
}

/* A thread's latest events can be read when all of its events are folded, too. */
static void test_latest_events(void **state)
{
	struct store_builder *builder = store_builder_new();
	struct ct_store_file file;
	struct ct_error_text error;
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		store_builder_event(builder, 0, builder->header.start_ticks + 100 + i, 1, CT_EVENT_ALLOC, 1000 + i, 0);
		store_builder_fold(builder->sites, &builder->header.totals,
				   &builder->header.sections[CT_SECTION_COUNTERS], builder->counters,
				   &builder->events[i]);
	}
	builder->rings[0].tail[0] = builder->rings[0].head;
	store_builder_write(builder, store_builder_path);
	assert_int_equal(ct_store_file_open(store_builder_path, &file, &error), 0);
	assert_int_equal(file.replayed, 0);
	for (uint64_t back = 0; back < CT_STORE_LATEST_EVENTS; back++)
		assert_int_equal(ct_store_latest_event(&file, 0, back)->bytes, 1039 - back);
	assert_null(ct_store_latest_event(&file, 0, CT_STORE_LATEST_EVENTS));
	assert_null(ct_store_latest_event(&file, 1, 0));
	ct_store_file_close(&file);
	free(builder);
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int woken(const struct ct_group *group, int milliseconds)
{
	struct pollfd fds[CT_GROUP_FDS];
	unsigned count = ct_group_poll(group, fds);
	for (unsigned i = 0; i < count; i++)
		if (!(fds[i].events & POLLIN))
			fds[i].fd = -1; /* a file in place of memory.pressure is always ready */
	return poll(fds, count, milliseconds);
}

static void test_version_2(void **state)
{
	char folder[] = "/tmp/ctrace-watch-XXXXXX", command[64];
	struct ct_cgroup cgroup = {.version = 2, .limit = 1000};
	struct ct_group group;
	(void)state;
	assert_non_null(mkdtemp(folder));
	put(folder, "memory.events", "low 0\noom_kill 3\n");
	put(folder, "memory.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1\n");
	snprintf(cgroup.own, sizeof(cgroup.own), "%s", folder);
	snprintf(cgroup.limiting, sizeof(cgroup.limiting), "%s", folder);
	ct_group_open(&group, &cgroup);
	assert_true(group.fds[0] >= 0 && group.fds[1] >= 0);
	assert_int_equal(woken(&group, 0), 0);
	put(folder, "memory.events", "low 0\noom_kill 4\n");
	assert_int_equal(woken(&group, -1), 1);
	assert_int_equal(ct_group_kills(&group), 4);
	ct_group_clear(&group);
	assert_int_equal(woken(&group, 0), 0);
	put(folder, "memory.events", "low 0\n");
	assert_true(ct_group_kills(&group) == CT_KILLS_UNKNOWN);
	put(folder, "memory.pressure", "full avg10=12.34 avg60=0.00\n");
	assert_int_equal(ct_group_pressure(&group), 1234);
	put(folder, "memory.pressure", "full avg10=x\n");
	assert_int_equal(ct_group_pressure(&group), -1);
	ct_group_close(&group);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

/* A child takes 29 of 32 MiB in a group of its own. */
static void test_version_1(void **state)
{
	struct ct_cgroup cgroup = {.version = 1, .limit = LIMIT};
	struct ct_group group;
	char number[32];
	(void)state;
	snprintf(cgroup.own, sizeof(cgroup.own), "/sys/fs/cgroup/memory/ctrace-unit-%d", getpid());
	snprintf(cgroup.limiting, sizeof(cgroup.limiting), "%s", cgroup.own);
	if (mkdir(cgroup.own, 0700)) {
		print_message("no control group of version 1 for memory: skipped\n");
		return;
	}
	snprintf(number, sizeof(number), "%llu", (unsigned long long)LIMIT);
	put(cgroup.own, "memory.limit_in_bytes", number);
	ct_group_open(&group, &cgroup);
	int quiet = woken(&group, 0), loud = 0;
	uint64_t kills = ct_group_kills(&group);
	pid_t child = fork();
	if (!child) {
		snprintf(number, sizeof(number), "%d", getpid());
		put(cgroup.own, "cgroup.procs", number);
		char *memory = mmap(NULL, LIMIT / 100 * 91, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(memory, 1, LIMIT / 100 * 91);
		_exit(0);
	}
	if (child > 0) {
		waitpid(child, NULL, 0);
		loud = woken(&group, 0);
	}
	ct_group_close(&group);
	rmdir(cgroup.own);
	assert_int_equal(quiet, 0);
	assert_int_equal(kills, 0);
	assert_int_equal(loud, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),       cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_latest_events), cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_version_1),
	};
	return cmocka_run_group_tests(tests, store_builder_make_path, store_builder_remove_path);
}

/* SPDX-License-Identifier: MIT */
/* The loader reads every field of the profile that the DHAT writer writes, and refuses damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load/load.h"
#include "view/view.h"
#include "write/format.h"
#include "write/write.h"

#define DAMAGE_ROUNDS 4000

static uint32_t string_of(struct ct_profile *profile, const char *text)
{
	return (uint32_t)ct_profile_string(profile, text, strlen(text));
}

static uint32_t frame_of(struct ct_profile *profile, const char *text, uint64_t address, const char *function,
			 const char *file, uint32_t line, const char *module, bool inlined)
{
	const struct ct_frame frame = {
		.address = address,
		.function = string_of(profile, function),
		.file = string_of(profile, file),
		.line = line,
		.module = string_of(profile, module),
		.text = string_of(profile, text),
		.inlined = inlined,
	};
	return (uint32_t)ct_profile_frame(profile, &frame);
}

static struct ct_profile *sample(void)
{
	struct ct_profile *profile = ct_profile_new();
	uint32_t inner = frame_of(profile, "0x10: inner (a.h:1)", 16, "inner", "/src/a.h", 1, "/bin/app", true);
	uint32_t outer = frame_of(profile, "0x10: outer (a.c:2)", 16, "outer", "/src/a.c", 2, "/bin/app", false);
	uint32_t alone = frame_of(profile, "0x20: f (in /lib/x.so)", 32, "f", "", 0, "/lib/x.so", false);
	uint32_t first[] = {inner, outer, alone}, second[] = {alone};
	struct ct_counters counters = {UINT64_MAX, 9007199254740993,
				       3,          4,
				       5,          6,
				       7,          8,
				       9,          10,
				       11,         12,
				       13,         14,
				       15,         16,
				       17,         18,
				       19,         20,
				       21,         22,
				       23,         24,
				       25,         26,
				       27,         28,
				       29,         30,
				       31,         0,
				       0,          0,
				       0,          0};
	ct_profile_set_text(&profile->time_unit, "µs", strlen("µs"));
	ct_profile_set_text(&profile->mega_time_unit, "s", 1);
	ct_profile_set_text(&profile->producer, "ctrace", 6);
	ct_profile_set_text(&profile->command, "./app \"x\" \\ \t é", strlen("./app \"x\" \\ \t é"));
	profile->pid = 42;
	profile->end_time = 5000;
	profile->peak_time = 2500;
	profile->short_lived = 500;
	profile->has_lifetimes = true;
	profile->has_temporaries = profile->has_details = profile->has_slack = profile->has_reach = true;
	profile->has_memory = true;
	profile->ledger = (struct ct_ledger){
		.rss_bytes = 1000,
		.bytes = {100, 50, 40, 30, 20, 10, 200, 300, 150, 100},
		.swapped_bytes = 1,
		.heap_bytes = 220,
		.pinned_bytes = 25,
		.whole_bytes = 15,
		.live_bytes = 111,
		.live_blocks = 2,
		.live_swapped_bytes = 3,
		.live_untouched_bytes = 8,
		.took_ns = 12345,
		.has_sites = true,
		.late = true,
	};
	profile->ended = false;
	ct_profile_site(profile, first, 3, &counters, true);
	counters.total_bytes = 1;
	ct_profile_site(profile, second, 1, &counters, false);
	profile->losses = (struct ct_losses){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	ct_profile_set_text(&profile->program, "/bin/app", strlen("/bin/app"));
	profile->start_unix_ns = 1700000000123456789;
	profile->module_count = 1;
	profile->modules = calloc(1, sizeof(*profile->modules));
	profile->modules[0] = (struct ct_module_row){
		.path = string_of(profile, "/bin/app"),
		.build_id = string_of(profile, "0a1b"),
		.start = 4096,
		.limit = 8192,
		.bias = 4095,
	};
	profile->timeline_count = 2;
	profile->timeline = calloc(2, sizeof(*profile->timeline));
	profile->timeline[0] = (struct ct_timeline_point){10, 20, 30, 40, 45};
	profile->timeline[1] = (struct ct_timeline_point){50, 60, 70, 80, 85};
	for (size_t i = 0, room = 0; i < 2; i++)
		ct_profile_mark(profile, &room, &(struct ct_profile_mark){i, 2 + i, 3, 4, 5, i ? "two \"words\"" : ""},
				i ? strlen("two \"words\"") : 0);
	/* The remaining 1 % belongs to sites that are left out. */
	profile->snapshot_count = 2;
	profile->snapshots = calloc(2, sizeof(*profile->snapshots));
	for (uint64_t i = 0; i < 2; i++) {
		struct ct_snapshot_site *row = malloc(sizeof(*row));
		*row = (struct ct_snapshot_site){.site = 0, .bytes = 99 + i, .blocks = 2};
		profile->snapshots[i] = (struct ct_snapshot){5 * i, 100 + i, 3, row, 1, i == 0};
	}
	return profile;
}

__attribute__((noinline)) static char *write_profile(const struct ct_profile *profile, size_t *length)
{
	struct ct_error_text error;
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	assert_int_equal(ct_write_dhat(profile, CT_METRIC_NONE, out, &error), 0);
	fclose(out);
	return text;
}

static int load_text(const char *text, size_t length, struct ct_profile **profile, struct ct_error_text *error)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	const struct ct_input input = {.path = "report", .fd = fd};
	assert_int_equal(write(fd, text, length), length);
	int code = ct_load_dhat(&input, profile, error);
	close(fd);
	return code;
}

static void check_frame(const struct ct_profile *a, uint32_t left, const struct ct_profile *b, uint32_t right)
{
	const struct ct_frame *x = &a->frames[left], *y = &b->frames[right];
	assert_true(x->address == y->address);
	assert_string_equal(a->strings[x->function], b->strings[y->function]);
	assert_string_equal(a->strings[x->file], b->strings[y->file]);
	assert_int_equal(x->line, y->line);
	assert_string_equal(a->strings[x->module], b->strings[y->module]);
	assert_string_equal(a->strings[x->text], b->strings[y->text]);
	assert_int_equal(x->inlined, y->inlined);
}

static void check_equal(const struct ct_profile *a, const struct ct_profile *b)
{
	assert_int_equal(a->mode, b->mode);
	assert_string_equal(a->verb, b->verb);
	assert_string_equal(a->bytes_unit, b->bytes_unit);
	assert_string_equal(a->blocks_unit, b->blocks_unit);
	assert_string_equal(a->time_unit, b->time_unit);
	assert_string_equal(a->producer, b->producer);
	assert_string_equal(a->command, b->command);
	assert_string_equal(a->program, b->program);
	assert_true(a->start_unix_ns == b->start_unix_ns);
	assert_int_equal(a->module_count, b->module_count);
	for (size_t i = 0; i < a->module_count; i++) {
		const struct ct_module_row *x = &a->modules[i], *y = &b->modules[i];

		assert_string_equal(a->strings[x->path], b->strings[y->path]);
		assert_string_equal(a->strings[x->build_id], b->strings[y->build_id]);
		assert_true(x->start == y->start && x->limit == y->limit && x->bias == y->bias);
	}
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->end_time, b->end_time);
	assert_int_equal(a->peak_time, b->peak_time);
	assert_int_equal(a->short_lived, b->short_lived);
	assert_int_equal(a->has_lifetimes, b->has_lifetimes);
	assert_int_equal(a->has_temporaries, b->has_temporaries);
	assert_int_equal(a->has_details, b->has_details);
	assert_int_equal(a->has_slack, b->has_slack);
	assert_int_equal(a->has_reach, b->has_reach);
	assert_int_equal(a->ended, b->ended);
	assert_int_equal(a->has_memory, b->has_memory);
	assert_memory_equal(&a->ledger, &b->ledger, sizeof(a->ledger));
	assert_memory_equal(&a->losses, &b->losses, sizeof(a->losses));
	assert_memory_equal(&a->totals, &b->totals, sizeof(a->totals));
	assert_int_equal(a->timeline_count, b->timeline_count);
	assert_memory_equal(a->timeline, b->timeline, a->timeline_count * sizeof(*a->timeline));
	assert_int_equal(a->mark_count, b->mark_count);
	for (size_t i = 0; i < a->mark_count; i++) {
		const struct ct_profile_mark *x = &a->marks[i], *y = &b->marks[i];

		assert_memory_equal(x, y, offsetof(struct ct_profile_mark, name));
		assert_string_equal(x->name, y->name);
	}
	assert_int_equal(a->snapshot_count, b->snapshot_count);
	for (size_t i = 0; i < a->snapshot_count; i++) {
		const struct ct_snapshot *x = &a->snapshots[i], *y = &b->snapshots[i];

		assert_int_equal(x->time, y->time);
		assert_int_equal(x->bytes, y->bytes);
		assert_int_equal(x->blocks, y->blocks);
		assert_int_equal(x->partial, y->partial);
		assert_int_equal(x->row_count, y->row_count);
		for (size_t k = 0; k < x->row_count; k++) {
			assert_int_equal(x->rows[k].site, y->rows[k].site);
			assert_int_equal(x->rows[k].bytes, y->rows[k].bytes);
			assert_int_equal(x->rows[k].blocks, y->rows[k].blocks);
		}
	}
	assert_int_equal(a->site_count, b->site_count);
	for (size_t i = 0; i < a->site_count; i++) {
		const struct ct_site_row *x = &a->sites[i], *y = &b->sites[i];

		assert_memory_equal(&x->counters, &y->counters, sizeof(x->counters));
		assert_int_equal(x->truncated, y->truncated);
		assert_int_equal(x->frame_count, y->frame_count);
		for (uint32_t k = 0; k < x->frame_count; k++)
			check_frame(a, a->frame_ids[x->first_frame + k], b, b->frame_ids[y->first_frame + k]);
	}
}

static void test_roundtrip(void **state)
{
	struct ct_profile *profile = sample(), *again = NULL;
	struct ct_error_text error = {""};
	size_t length;
	char *text = write_profile(profile, &length);
	(void)state;
	if (load_text(text, length, &again, &error) < 0)
		fail_msg("%s", error.line);
	check_equal(profile, again);
	free(text);
	ct_profile_free(profile);
	ct_profile_free(again);
}

/* Replace a part of the report. The loader must say what is wrong. */
static void test_broken_member(void **state)
{
	static const struct {
		const char *from;
		const char *to;
		const char *says;
	} cases[] = {
		{"[1,3,1]", "[1,1,2,3]", "not 3 numbers"},
		{"[1,3,1]", "[1,9,1]", "outside \"paths\""},
		{"[1,3,1]", "[1,-1,1]", "is negative"},
		{"[1,3,1]", "{}", "not 3 numbers"},
		{"\"frames\":[\n", "\"frames\":[\n[0,0,0],", "more rows than"},
		{"[0,0,0],\n", "", "fewer rows than"},
		{"\"frames\":[", "\"frames\":8,\"x\":[", "\"frames\" is not an array"},
		{"\"/src/a.h\"", "7", "a path is not a valid string"},
		{"[50,60,70,80]", "[5,60,70,80]", "goes back in time"},
		{"[50,60,70,80]", "[50,60,70]", "not 4 numbers"},
		{"\"dropped\":1", "\"dropped\":\"1\"", "\"dropped\" is not a number"},
		{"\"memory\":{", "\"memory\":[],\"x\":{", "\"memory\" is not an object"},
		{"\"rows\":{", "\"rows\":7,\"x\":{", "\"rows\" is not an object"},
		{"\"live\":100", "\"live\":1001", "larger than \"rssBytes\""},
		{"\"live\":100", "\"live\":-1", "is negative"},
		{"\"pinnedBytes\":", "\"pinnedBytes\":-", "is negative"},
		{"\"rssBytes\":1000", "\"rssBytes\":72057594037927936", "is 2^56 or more"},
		{"\"losses\":{", "\"losses\":1,\"x\":{", "\"losses\" is not an object"},
		{"[1,2,4096,8192,4095]", "[1,2,4096,8192]", "not 5 numbers"},
		{"[1,2,4096,8192,4095]", "[1,99,4096,8192,4095]", "outside \"paths\""},
		{"\"startTime\":", "\"startTime\":-", "\"startTime\" is negative"},
		{"\"program\":\"/bin/app\"", "\"program\":{}", "program is not a valid string"},
		{"\"ctrace\":{", "\"ctrace\":[],\"x\":{", "\"ctrace\" is not an object"},
	};
	struct ct_profile *profile = sample();
	size_t length;
	char *text = write_profile(profile, &length);
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_profile *again = NULL;
		struct ct_error_text error = {""};
		const char *at = strstr(text, cases[i].from);
		char *copy = malloc(length + 64);

		assert_non_null(at);
		assert_non_null(copy);
		sprintf(copy, "%.*s%s%s", (int)(at - text), text, cases[i].to, at + strlen(cases[i].from));
		assert_int_equal(load_text(copy, strlen(copy), &again, &error), CT_ERR_DAMAGED);
		if (!strstr(error.line, cases[i].says))
			fail_msg("%s: says \"%s\", not \"%s\"", cases[i].to, error.line, cases[i].says);
		free(copy);
	}
	free(text);
	ct_profile_free(profile);
}

/* Everything that was read can be shown and written. */
static void show(const struct ct_profile *profile)
{
	const struct ct_terminal terminal = {.columns = 80, .utf8 = true};
	struct ct_error_text error;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	struct ct_patterns all = {0};
	assert_int_equal(ct_patterns_add(&all, "peek", ".", &error), 0);
	for (int sort = 0; sort < CT_COLUMN_LIVE; sort++) {
		const struct ct_view view = {.profile = profile,
					     .terminal = &terminal,
					     .out = out,
					     .sort = (enum ct_column)sort,
					     .by = CT_BY_FUNCTION + sort % (CT_BY_THREAD - CT_BY_FUNCTION),
					     .patterns = &all,
					     .full = sort & 1};

		assert_int_equal(ct_view_summary(&view, &error), 0);
		assert_int_equal(ct_view_sites(&view, &error), 0);
		assert_int_equal(ct_view_groups(&view, &error), 0);
		assert_int_equal(ct_view_csv_sites(&view, &error), 0);
		assert_int_equal(ct_view_csv_groups(&view, &error), 0);
		assert_int_equal(ct_view_tree(&view, &error), 0);
		/* a profile without functions has nothing to show */
		assert_in_range(-ct_view_peek(&view, &error), 0, -CT_ERR_USAGE);
		assert_in_range(-ct_view_source(&view, &error), 0, -CT_ERR_USAGE);
	}
	ct_patterns_fini(&all);
	/* heaptrack's file has a line for each block. tests/e2e/formats/formats_heaptrack.py tests what it refuses. */
	for (size_t i = 0; i < profile->site_count; i++) {
		profile->sites[i].counters.total_blocks %= 1000;
		profile->sites[i].counters.peak_blocks %= 1000;
		profile->sites[i].counters.end_blocks %= 1000;
	}
	for (const struct ct_format *format = ct_formats; format->name; format++)
		assert_int_equal(format->write(profile, format->metric, out, &error), 0);
	fclose(out);
	free(text);
}

static void test_damaged_anywhere(void **state)
{
	struct ct_profile *profile = sample();
	size_t length;
	char *text = write_profile(profile, &length);
	char *copy = malloc(length);
	(void)state;
	srandom(2);
	for (int round = 0; round < DAMAGE_ROUNDS; round++) {
		struct ct_profile *again = NULL;
		struct ct_error_text error = {""};

		memcpy(copy, text, length);
		for (long flips = random() % 3 + 1; flips > 0; flips--)
			copy[(size_t)random() % length] =
				random() % 2 ? (char)random() : "{}[],:\"019-."[random() % 12];
		if (load_text(copy, length, &again, &error) == 0) {
			show(again);
			ct_profile_free(again);
		} else {
			assert_true(*error.line);
		}
	}
	free(copy);
	free(text);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_broken_member),
		cmocka_unit_test(test_damaged_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

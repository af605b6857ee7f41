/* SPDX-License-Identifier: MIT */
/* The writers of all formats, with profiles that no recording makes (empty, hostile, huge), and on full disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <zlib.h>

#include "model/functions.h"
#include "write/format.h"
#include "write/massif_tree.h"
#include "write/pprof.pb-c.h"
#include "write/stacks.h"
#include "write/write.h"

static struct ct_error_text error;

static uint32_t string_of(struct ct_profile *profile, const char *text)
{
	return (uint32_t)ct_profile_string(profile, text, strlen(text));
}

static uint32_t frame_of(struct ct_profile *profile, const char *function, const char *file, uint32_t line,
			 const char *module, uint64_t address, bool inlined)
{
	char text[256];
	snprintf(text, sizeof(text), "0x%llX: %s (%s:%u) %s", (unsigned long long)address, function, file, line,
		 module);
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

static void add(struct ct_profile *profile, uint64_t bytes, uint32_t count, const uint32_t *frames)
{
	const struct ct_counters counters = {.total_bytes = bytes, .total_blocks = 1, .end_bytes = bytes / 2};
	assert_int_equal(ct_profile_site(profile, frames, count, &counters, false), 0);
}

/* Inlined frames that do not fit together, no module, code without names, and names that need escapes. */
static struct ct_profile *hostile(void)
{
	struct ct_profile *profile = ct_profile_new();
	uint32_t root = frame_of(profile, "main \"q\" \\ {lambda#1}", "/src/a.c", 9, "/bin/app", 0x100, false);
	uint32_t inner = frame_of(profile, "inner", "/src/a.h", 3, "/bin/app", 0x200, true);
	uint32_t one = frame_of(profile, "one", "/src/a.c", 5, "/bin/app", 0x200, false);
	uint32_t two = frame_of(profile, "two", "/src/a.c", 7, "/bin/app", 0x200, false);
	uint32_t bare = frame_of(profile, "", "", 0, "/lib/libx.so", UINT64_MAX, false);
	uint32_t nothing = frame_of(profile, "", "", 0, "", 0, false);
	uint32_t again = frame_of(profile, "one", "/src/a.c", 2, "/bin/app", 0x300, false);
	profile->has_lifetimes = profile->has_temporaries = true;
	profile->end_time = 1;
	ct_profile_set_text(&profile->command, "./app \"x\"", strlen("./app \"x\""));
	ct_profile_set_text(&profile->time_unit, "µs", strlen("µs"));
	add(profile, 1, 3, (const uint32_t[]){inner, one, root});
	add(profile, 10, 3, (const uint32_t[]){inner, two, root});
	add(profile, 100, 1, (const uint32_t[]){inner});
	add(profile, 1000, 2, (const uint32_t[]){bare, nothing});
	add(profile, 10000, 2, (const uint32_t[]){again, root});
	add(profile, 100000, 2, (const uint32_t[]){one, root}); /* the same stack by names */
	add(profile, 0, 1, (const uint32_t[]){root});
	profile->timeline_count = 1;
	profile->timeline = calloc(1, sizeof(*profile->timeline));
	profile->timeline[0] = (struct ct_timeline_point){1, 2, 1, 1, 0};
	return profile;
}

/* The file in memory, terminated by NUL; free() it. */
static char *write_with(const struct ct_profile *profile, const char *name, enum ct_metric metric, size_t *length)
{
	const struct ct_format *format = ct_format_find(name);
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	assert_non_null(format);
	assert_int_equal(format->write(profile, metric ? metric : format->metric, out, &error), CT_OK);
	fclose(out);
	return text;
}

static cJSON *json_of(const struct ct_profile *profile, const char *name, enum ct_metric metric)
{
	size_t length;
	char *text = write_with(profile, name, metric, &length);
	cJSON *json = cJSON_ParseWithOpts(text, NULL, true);
	assert_non_null(json);
	free(text);
	return json;
}

static Pprof__Profile *pprof_of(const struct ct_profile *profile, enum ct_metric metric)
{
	static uint8_t raw[1 << 16];
	size_t length;
	char *packed = write_with(profile, "pprof", metric, &length);
	z_stream stream = {
		.next_in = (uint8_t *)packed, .avail_in = (unsigned)length, .next_out = raw, .avail_out = sizeof(raw)};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	inflateEnd(&stream);
	free(packed);
	Pprof__Profile *read = pprof__profile__unpack(NULL, stream.total_out, raw);
	assert_non_null(read);
	return read;
}

static const char *pprof_string(const Pprof__Profile *read, int64_t index)
{
	assert_true(index >= 0 && (size_t)index < read->n_string_table);
	return read->string_table[index];
}

static const Pprof__Function *pprof_function(const Pprof__Profile *read, uint64_t id)
{
	for (size_t i = 0; i < read->n_function; i++)
		if (read->function[i]->id == id)
			return read->function[i];
	fail();
	return NULL;
}

/* "inner < one | main": the lines of a location, then those of its callers. */
static void pprof_stack(const Pprof__Profile *read, const Pprof__Sample *sample, char *out, size_t room)
{
	size_t used = 0;
	for (size_t i = 0; i < sample->n_location_id; i++) {
		const Pprof__Location *location = read->location[sample->location_id[i] - 1];
		assert_int_equal(location->id, sample->location_id[i]);
		for (size_t j = 0; j < location->n_line; j++) {
			const Pprof__Function *function = pprof_function(read, location->line[j]->function_id);
			used += (size_t)snprintf(out + used, room - used, "%s%s",
						 j   ? " < "
						 : i ? " | "
						     : "",
						 pprof_string(read, function->name));
		}
	}
}

static void test_pprof_of_hostile_frames(void **state)
{
	(void)state;
	struct ct_profile *profile = hostile();
	Pprof__Profile *read = pprof_of(profile, CT_METRIC_NONE);
	static const char *const stacks[] = {
		"inner < one | main \"q\" \\ {lambda#1}",
		"inner | two | main \"q\" \\ {lambda#1}", /* another frame already has the address */
		"inner",
		"[libx.so] | ???",
		"one | main \"q\" \\ {lambda#1}",
		"one | main \"q\" \\ {lambda#1}",
		"main \"q\" \\ {lambda#1}",
	};
	assert_int_equal(read->n_sample, 7);
	for (size_t i = 0; i < 7; i++) {
		char stack[256] = "";
		pprof_stack(read, read->sample[i], stack, sizeof(stack));
		assert_string_equal(stack, stacks[i]);
		assert_int_equal(read->sample[i]->n_value, 5);
	}
	assert_string_equal(pprof_string(read, 0), "");
	assert_string_equal(pprof_string(read, read->default_sample_type), "alloc_space");
	assert_string_equal(pprof_string(read, read->mapping[0]->filename), "/bin/app"); /* named after the command */
	for (size_t i = 0; i < read->n_location; i++) {
		const Pprof__Location *location = read->location[i];
		if (!location->mapping_id)
			continue;
		const Pprof__Mapping *mapping = read->mapping[location->mapping_id - 1];
		assert_true(mapping->memory_start <= location->address && location->address <= mapping->memory_limit);
	}
	pprof__profile__free_unpacked(read, NULL);
	ct_profile_free(profile);
}

/* Each number is in its place, and addresses are those of the running program. */
static void test_pprof_of_a_recording(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	const uint32_t frames[] = {
		frame_of(profile, "inner", "/src/a.h", 3, "/lib/libx.so", 0x1234, true),
		frame_of(profile, "std::vector<int, std::allocator<int> >::push_back(int&&)", "/src/a.c", 5,
			 "/lib/libx.so", 0x1234, false),
		frame_of(profile, "main", "/src/a.c", 9, "/bin/app", 0x100, false),
	};
	const struct ct_counters counters = {.total_bytes = 1007,
					     .total_blocks = 10,
					     .end_bytes = 300,
					     .end_blocks = 3,
					     .peak_bytes = 500,
					     .peak_blocks = 5};
	assert_int_equal(ct_profile_site(profile, frames, 3, &counters, false), 0);
	assert_int_equal(ct_profile_site(profile, frames, 2, &(struct ct_counters){.total_blocks = 1}, false), 0);
	profile->has_lifetimes = true;
	profile->start_unix_ns = 77;
	profile->end_time = 123;
	profile->losses.dropped = 3;
	profile->losses.early = 4;
	profile->modules = calloc(1, sizeof(*profile->modules));
	profile->module_count = 1;
	profile->modules[0] = (struct ct_module_row){.path = string_of(profile, "/lib/libx.so"),
						     .build_id = string_of(profile, "abcdef"),
						     .start = 0x7f0000001000,
						     .limit = 0x7f0000003000,
						     .bias = 0x7f0000000000};
	ct_profile_set_text(&profile->program, "/bin/app", 8);
	ct_profile_set_text(&profile->time_unit, "ms", 2);
	Pprof__Profile *read = pprof_of(profile, CT_METRIC_END_BYTES);

	static const struct {
		const char *type, *unit;
		int64_t value;
	} types[] = {{"alloc_objects", "count", 10},
		     {"alloc_space", "bytes", 1007},
		     {"inuse_objects", "count", 3},
		     {"inuse_space", "bytes", 300},
		     {"peak_space", "bytes", 500}};
	const Pprof__Sample *sample = read->sample[0];
	assert_int_equal(read->n_sample_type, 5);
	assert_int_equal(sample->n_value, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(pprof_string(read, read->sample_type[i]->type), types[i].type);
		assert_string_equal(pprof_string(read, read->sample_type[i]->unit), types[i].unit);
		assert_int_equal(sample->value[i], types[i].value);
	}
	assert_string_equal(pprof_string(read, read->default_sample_type), "inuse_space");
	assert_int_equal(sample->n_label, 1);
	assert_int_equal(sample->label[0]->num, 100);
	assert_string_equal(pprof_string(read, sample->label[0]->key), "bytes");
	assert_int_equal(read->time_nanos, 77);
	assert_int_equal(read->duration_nanos, 123000000);
	assert_int_equal(read->period, 1);
	assert_string_equal(pprof_string(read, read->comment[read->n_comment - 1]),
			    "INCOMPLETE: 4 calls before start-up was done (not in the numbers)");
	assert_string_equal(pprof_string(read, read->comment[read->n_comment - 2]),
			    "INCOMPLETE: 3 events dropped (numbers too low)");

	char stack[256] = "";
	pprof_stack(read, sample, stack, sizeof(stack));
	assert_string_equal(stack, "inner < std::vector<…>::push_back | main");
	assert_int_equal(read->sample[1]->n_location_id, 1); /* without main */
	assert_int_equal(read->sample[1]->location_id[0], sample->location_id[0]);
	assert_int_equal(read->sample[1]->n_label, 0); /* no bytes */
	const Pprof__Location *leaf = read->location[sample->location_id[0] - 1];
	const Pprof__Location *root = read->location[sample->location_id[1] - 1];
	assert_int_equal(leaf->address, 0x7f0000001234);
	assert_int_equal(leaf->line[0]->line, 3);
	assert_int_equal(leaf->line[1]->line, 5);
	assert_string_equal(pprof_string(read, pprof_function(read, leaf->line[1]->function_id)->system_name),
			    "std::vector<int, std::allocator<int> >::push_back(int&&)");
	assert_int_equal(root->address, 0x100);
	const Pprof__Mapping *program = read->mapping[0], *library = read->mapping[leaf->mapping_id - 1];
	assert_int_equal(root->mapping_id, 1);
	assert_string_equal(pprof_string(read, program->filename), "/bin/app");
	assert_string_equal(pprof_string(read, library->filename), "/lib/libx.so");
	assert_string_equal(pprof_string(read, library->build_id), "abcdef");
	assert_int_equal(library->memory_start, 0x7f0000001000);
	assert_int_equal(library->memory_limit, 0x7f0000003000);
	assert_true(library->has_functions && library->has_filenames && library->has_line_numbers);
	pprof__profile__free_unpacked(read, NULL);
	ct_profile_free(profile);
}

static void test_pprof_counts_beyond_its_numbers(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	uint32_t frame = frame_of(profile, "f", "", 0, "", 1, false);
	add(profile, UINT64_MAX, 1, &frame);
	Pprof__Profile *read = pprof_of(profile, CT_METRIC_NONE);
	assert_int_equal(read->n_sample_type, 2); /* without lifetimes nothing is in use */
	assert_int_equal(read->sample[0]->value[1], INT64_MAX);
	pprof__profile__free_unpacked(read, NULL);
	ct_profile_free(profile);
}

static double member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
	assert_true(cJSON_IsNumber(found));
	return found->valuedouble;
}

static void test_json_of_hostile_names(void **state)
{
	(void)state;
	struct ct_profile *profile = hostile();
	cJSON *json = json_of(profile, "json", CT_METRIC_END_BYTES), *sites = cJSON_GetObjectItem(json, "sites");
	assert_int_equal(cJSON_GetArraySize(sites), 7);
	assert_true(member(cJSON_GetArrayItem(sites, 0), "endBytes") == 50000);
	assert_string_equal(cJSON_GetObjectItem(json, "command")->valuestring, "./app \"x\"");
	cJSON_Delete(json);

	/* Two frames of a function become one at its lowest line. Equal stacks appear once, empty stacks not at all. */
	json = json_of(profile, "speedscope", CT_METRIC_NONE);
	const cJSON *frames = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "shared"), "frames"), *frame;
	int ones = 0;
	cJSON_ArrayForEach(frame, frames) if (!strcmp(cJSON_GetObjectItem(frame, "name")->valuestring, "one"))
	{
		ones++;
		assert_true(member(frame, "line") == 2);
	}
	assert_int_equal(ones, 1);
	const cJSON *total = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "profiles"), 0);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(total, "samples")), 5);
	assert_true(member(total, "endValue") == 111111);
	cJSON_Delete(json);

	json = json_of(profile, "heapprofile", CT_METRIC_NONE);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "samples")), 5);
	const cJSON *node, *children = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "head"), "children");
	cJSON_ArrayForEach(node, children)
	{
		const cJSON *frame_of_node = cJSON_GetObjectItem(node, "callFrame");
		if (!strncmp(cJSON_GetObjectItem(frame_of_node, "functionName")->valuestring, "main", 4))
			assert_true(member(frame_of_node, "lineNumber") == 8); /* counted from 0 */
	}
	cJSON_Delete(json);
	cJSON_Delete(json_of(profile, "chrometrace", CT_METRIC_NONE));
	cJSON_Delete(json_of(profile, "dhat", CT_METRIC_NONE));
	ct_profile_free(profile);
}

static void test_folded_of_equal_names(void **state)
{
	(void)state;
	struct ct_profile *profile = hostile();
	size_t length;
	char *text = write_with(profile, "folded", CT_METRIC_NONE, &length);
	assert_string_equal(text, "???;[libx.so] 1000\n"
				  "inner 100\n"
				  "main \"q\" \\ {lambda#1};one 110000\n"
				  "main \"q\" \\ {lambda#1};one;inner 1\n"
				  "main \"q\" \\ {lambda#1};two;inner 10\n");
	free(text);
	ct_profile_free(profile);
}

/* Text that readers of folded stacks would misinterpret. */
static void test_folded_labels(void **state)
{
	static const char *const cases[][2] = {
		{"f", "f"},
		{"a;b;c", "a:b:c"},
		{"#x", "_#x"},
		{"f 12", "f_12"},
		{"f 1.5", "f_1.5"},
		{"12", "12"},
		{"f12", "f12"},
		{"work_[k]", "work_(k)"},
		{"work_[x]", "work_[x]"},
		{"operator[]", "operator[]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *label = ct_folded_label(cases[i][0]);
		assert_string_equal(label, cases[i][1]);
		free(label);
	}
}

/* A place with 1 % of the bytes has its own line, as in Massif. 10 of 1,001 are less than that. */
static void test_massif_threshold(void **state)
{
	(void)state;
	static const char *const wanted[] = {" n0: 10 0x2: small",
					     " n0: 10 in 1 place, below massif's threshold (1.00%)"};
	for (uint64_t total = 1000; total <= 1001; total++) {
		struct ct_profile *profile = ct_profile_new();
		const uint32_t large = frame_of(profile, "large", "a.c", 1, "/bin/app", 1, false);
		const uint32_t small = frame_of(profile, "small", "a.c", 2, "/bin/app", 2, false);
		struct ct_massif_tree tree;
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);
		add(profile, 1, 1, &large);
		add(profile, 1, 1, &small);
		assert_int_equal(ct_massif_tree_init(&tree, profile), 0);
		tree.bytes[0] = total - 10;
		tree.bytes[1] = 10;
		assert_int_equal(ct_massif_tree_put(&tree, total, out), 0);
		fclose(out);
		assert_non_null(strstr(text, wanted[total - 1000]));
		free(text);
		ct_massif_tree_fini(&tree);
		ct_profile_free(profile);
	}
}

static void test_empty_profiles(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	for (const struct ct_format *format = ct_formats; format->name; format++) {
		size_t length;
		char *text = write_with(profile, format->name, CT_METRIC_NONE, &length);
		if (*text == '{')
			cJSON_Delete(json_of(profile, format->name, CT_METRIC_NONE));
		free(text);
	}
	Pprof__Profile *read = pprof_of(profile, CT_METRIC_NONE);
	assert_int_equal(read->n_sample, 0);
	assert_int_equal(read->n_mapping, 1);
	pprof__profile__free_unpacked(read, NULL);
	ct_profile_free(profile);
}

/* A disk with room for *left more bytes. */
static ssize_t write_some(void *cookie, const char *bytes, size_t length)
{
	size_t *left = cookie;
	(void)bytes;
	if (length > *left) {
		errno = ENOSPC;
		return 0;
	}
	*left -= length;
	return (ssize_t)length;
}

static void test_full_disks(void **state)
{
	(void)state;
	struct ct_profile *profile = hostile();
	for (const struct ct_format *format = ct_formats; format->name; format++) {
		size_t length;
		free(write_with(profile, format->name, CT_METRIC_NONE, &length));
		for (size_t room = 0; room < length; room += 1 + length / 50) {
			size_t left = room;
			FILE *out = fopencookie(&left, "w", (cookie_io_functions_t){.write = write_some});
			setvbuf(out, NULL, _IONBF, 0);
			assert_int_equal(format->write(profile, format->metric, out, &error), CT_ERR_IO);
			assert_non_null(strstr(error.line, strerror(ENOSPC)));
			fclose(out);
		}
	}
	ct_profile_free(profile);
}

static void test_names_of_metrics_and_formats(void **state)
{
	(void)state;
	struct ct_format_set set = {0};
	assert_int_equal(ct_metric_find("peak"), CT_METRIC_PEAK_BYTES);
	assert_int_equal(ct_metric_find("end-blocks"), CT_METRIC_END_BLOCKS);
	assert_int_equal(ct_metric_find(""), CT_METRIC_NONE);
	assert_null(ct_format_find("nonsense"));
	assert_int_equal(ct_format_parse("pprof,dhat,pprof", &set, &error), CT_OK);
	assert_int_equal(set.count, 2);
	assert_string_equal(set.formats[0]->name, "pprof");
	assert_int_equal(ct_format_parse("folded,,dhat", &set, &error), CT_ERR_USAGE);
	assert_int_equal(ct_format_parse("", &set, &error), CT_ERR_USAGE);
	for (const struct ct_format *format = ct_formats; format->name; format++)
		assert_non_null(strstr(error.line, format->name));
	struct ct_profile *profile = ct_profile_new();
	assert_int_equal(ct_format_check(ct_format_find("folded"), CT_METRIC_PEAK_BYTES, profile, "x", &error),
			 CT_ERR_USAGE);
	assert_int_equal(ct_format_check(ct_format_find("folded"), CT_METRIC_TOTAL_BYTES, profile, "x", &error), CT_OK);
	assert_int_equal(ct_format_check(ct_format_find("chrometrace"), CT_METRIC_NONE, profile, "x", &error),
			 CT_ERR_USAGE);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pprof_of_hostile_frames),
		cmocka_unit_test(test_pprof_of_a_recording),
		cmocka_unit_test(test_pprof_counts_beyond_its_numbers),
		cmocka_unit_test(test_json_of_hostile_names),
		cmocka_unit_test(test_folded_of_equal_names),
		cmocka_unit_test(test_folded_labels),
		cmocka_unit_test(test_massif_threshold),
		cmocka_unit_test(test_empty_profiles),
		cmocka_unit_test(test_full_disks),
		cmocka_unit_test(test_names_of_metrics_and_formats),
	};
	return cmocka_run_group_tests_name("viewer_formats", tests, NULL, NULL);
}

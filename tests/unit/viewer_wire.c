/* SPDX-License-Identifier: MIT */
/* Profiles as messages to servers: the sums stay, whatever the limits, and small stacks go to their nearest caller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "names/names.h"
#include "wire/shorten.h"
#include "wire/wire.h"
#include "write/pprof.pb-c.h"

static struct ct_error_text error;

static uint32_t frame_of(struct ct_profile *profile, const char *name)
{
	struct ct_frame frame = {0};
	frame.function = frame.text = (uint32_t)ct_profile_string(profile, name, strlen(name));
	return (uint32_t)ct_profile_frame(profile, &frame);
}

/* Add a site with this stack, leaf first: "c b a". */
static void add(struct ct_profile *profile, const char *stack, uint64_t bytes)
{
	uint32_t frames[64], count = 0;
	char *copy = strdup(stack), *rest = copy;
	for (char *name; (name = strsep(&rest, " "));)
		frames[count++] = frame_of(profile, name);
	const struct ct_counters counters = {.total_bytes = bytes, .total_blocks = 1, .end_bytes = bytes / 2};
	assert_int_equal(ct_profile_site(profile, frames, count, &counters, false), 0);
	free(copy);
}

static uint64_t by_total(const struct ct_counters *counters, const void *argument)
{
	(void)argument;
	return counters->total_bytes;
}

/* The rows, each as "STACK BYTES" on a line of its own, in the order of the call tree. */
static char *text_of(const struct ct_profile *profile, const struct ct_short_sites *sites)
{
	char *text = calloc(1, 65536), *at = text;
	for (size_t i = 0; i < sites->count; i++) {
		const struct ct_site_row *row = &sites->rows[i];
		for (uint32_t f = 0; f < row->frame_count; f++)
			at += sprintf(at, "%s ",
				      profile->strings[profile->frames[profile->frame_ids[row->first_frame + f]].text]);
		at += sprintf(at, "%llu\n", (unsigned long long)row->counters.total_bytes);
	}
	return text;
}

static void check_short(const struct ct_profile *profile, size_t most, size_t shortened, const char *wanted)
{
	struct ct_short_sites sites;
	assert_int_equal(ct_shorten_sites(profile, by_total, NULL, most, &sites), 0);
	char *text = text_of(profile, &sites);
	assert_string_equal(text, wanted);
	assert_int_equal(sites.shortened, shortened);
	free(text);
	free(sites.rows);
}

static void nearest_caller(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	add(profile, "big b a", 1000);
	add(profile, "x1 x b a", 3);
	add(profile, "x2 x b a", 4);
	add(profile, "b a", 20);
	add(profile, "y1 y a", 500);
	add(profile, "z r", 1);
	add(profile, "nothing q", 0);
	/* Frame ids grow in the order of the first use, so that is the order of the tree. */
	check_short(profile, 100, 0, "big b a 1000\nx1 x b a 3\nx2 x b a 4\nb a 20\ny1 y a 500\nz r 1\n");
	check_short(profile, 5, 2, "big b a 1000\nx2 x b a 4\nb a 23\ny1 y a 500\n1\n");
	check_short(profile, 4, 3, "big b a 1000\nb a 27\ny1 y a 500\n1\n");
	check_short(profile, 3, 4, "big b a 1000\ny1 y a 500\n28\n");
	check_short(profile, 1, 6, "1528\n");
	ct_profile_free(profile);
}

static void no_sites(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	check_short(profile, 1, 0, "");
	add(profile, "a", 0);
	check_short(profile, 1, 0, "");
	ct_profile_free(profile);
}

/* Random trees and limits: never more rows than allowed, all sums, each row's stack above those that it took. */
static void random_trees(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 300; round++) {
		struct ct_profile *profile = ct_profile_new();
		uint64_t total = 0, end = 0, rows_total = 0, rows_end = 0;
		for (int i = rand() % 200; i >= 0; i--) {
			char stack[256], *at = stack;
			for (int depth = rand() % 12; depth > 0; depth--)
				at += sprintf(at, "%d ", rand() % 3);
			sprintf(at, "%d", rand() % 4);
			add(profile, stack, (uint64_t)(rand() % (round % 2 ? 10 : 1000000)));
		}
		for (size_t i = 0; i < profile->site_count; i++) {
			total += profile->sites[i].counters.total_bytes;
			if (profile->sites[i].counters.total_bytes)
				end += profile->sites[i].counters.end_bytes;
		}
		struct ct_short_sites sites;
		size_t most = 1 + (size_t)rand() % 100;
		assert_int_equal(ct_shorten_sites(profile, by_total, NULL, most, &sites), 0);
		assert_true(sites.count <= most);
		for (size_t i = 0; i < sites.count; i++) {
			rows_total += sites.rows[i].counters.total_bytes;
			rows_end += sites.rows[i].counters.end_bytes;
			for (size_t k = 0; k < i; k++)
				assert_false(sites.rows[i].frame_count == sites.rows[k].frame_count &&
					     !memcmp(profile->frame_ids + sites.rows[i].first_frame,
						     profile->frame_ids + sites.rows[k].first_frame,
						     sites.rows[i].frame_count * sizeof(uint32_t)));
		}
		assert_int_equal(rows_total, total);
		assert_int_equal(rows_end, end);
		free(sites.rows);
		ct_profile_free(profile);
	}
}

static Pprof__Profile *unpack(const struct ct_wire_message *message)
{
	static uint8_t bytes[8 << 20];
	z_stream stream = {.next_in = (Bytef *)message->data,
			   .avail_in = (uInt)message->length,
			   .next_out = bytes,
			   .avail_out = sizeof(bytes)};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	inflateEnd(&stream);
	Pprof__Profile *profile = pprof__profile__unpack(NULL, stream.total_out, bytes);
	assert_non_null(profile);
	return profile;
}

static const char *name_of(const Pprof__Profile *profile, uint64_t location)
{
	return profile
		->string_table[profile->function[profile->location[location - 1]->line[0]->function_id - 1]->name];
}

/* Ids are 1, 2, 3... in the order of the message, as Parca wants them. */
static void check_ids(const Pprof__Profile *profile)
{
	for (size_t i = 0; i < profile->n_function; i++)
		assert_int_equal(profile->function[i]->id, i + 1);
	for (size_t i = 0; i < profile->n_location; i++)
		assert_int_equal(profile->location[i]->id, i + 1);
	for (size_t i = 0; i < profile->n_mapping; i++)
		assert_int_equal(profile->mapping[i]->id, i + 1);
}

static void messages_fit(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	struct ct_wire wire = {.parts = CT_PPROF_ALLOCATED, .time_ns = 7, .most_bytes = 20000};
	struct ct_wire_message message;
	for (unsigned i = 0; i < 3000; i++) {
		char stack[64];
		snprintf(stack, sizeof(stack), "leaf%u middle%u main", i, i % 10);
		add(profile, stack, 1 + i);
	}
	assert_int_equal(ct_wire_write(profile, &wire, &message, &error), 0);
	Pprof__Profile *pprof = unpack(&message);
	int64_t sum = 0;
	check_ids(pprof);
	assert_true(pprof__profile__get_packed_size(pprof) <= 20000);
	assert_true(pprof->n_sample > 100);
	assert_int_equal(pprof->n_sample, message.samples);
	assert_int_equal(pprof->time_nanos, 7);
	assert_int_equal(pprof->n_sample_type, 2);
	for (size_t i = 0; i < pprof->n_sample; i++) {
		assert_int_equal(pprof->sample[i]->n_label, 0);
		sum += pprof->sample[i]->value[1];
	}
	assert_int_equal(sum, 3000 * 3001 / 2);
	pprof__profile__free_unpacked(pprof, NULL);
	free(message.data);
	wire.most_bytes = 50;
	assert_int_equal(ct_wire_write(profile, &wire, &message, &error), CT_ERR_USAGE);
	assert_non_null(strstr(error.line, "the limit is 50"));
	assert_null(message.data);
	ct_profile_free(profile);
}

/* A stack of more than 1,000 frames keeps both ends. Of a name of more than 1,024 bytes, only the short form is there.
 */
static void deep_and_long(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	struct ct_wire wire = {.parts = CT_PPROF_LIVE};
	struct ct_wire_message message;
	static uint32_t frames[5000];
	static char name[5000];
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		frames[i] = frame_of(profile, name);
	}
	memset(name, 'n', sizeof(name) - 1);
	frames[0] = frame_of(profile, name);
	const struct ct_counters counters = {.end_bytes = 9, .end_blocks = 1};
	profile->has_lifetimes = true;
	ct_profile_site(profile, frames, 5000, &counters, false);
	assert_int_equal(ct_wire_write(profile, &wire, &message, &error), 0);
	Pprof__Profile *pprof = unpack(&message);
	const Pprof__Sample *sample = pprof->sample[0];
	check_ids(pprof);
	assert_int_equal(sample->n_location_id, 1000);
	assert_in_range(strlen(name_of(pprof, sample->location_id[0])), 400, CT_NAME_ROOM);
	assert_int_equal(pprof->function[0]->system_name, 0);
	assert_string_equal(name_of(pprof, sample->location_id[898]), "f898");
	assert_string_equal(name_of(pprof, sample->location_id[899]), "[frames left out]");
	assert_string_equal(name_of(pprof, sample->location_id[900]), "f4900");
	assert_string_equal(name_of(pprof, sample->location_id[999]), "f4999");
	pprof__profile__free_unpacked(pprof, NULL);
	free(message.data);
	ct_profile_free(profile);
}

/* Where less is live than before, the number is negative, and a large decrease is as much worth as a large increase. */
static void changes_with_signs(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	struct ct_wire wire = {.parts = CT_PPROF_LIVE, .live_change = true, .most_samples = 3};
	struct ct_wire_message message;
	for (unsigned i = 0; i < 50; i++) {
		char stack[64];
		snprintf(stack, sizeof(stack), "leaf%u main", i);
		add(profile, stack, 2 * i);
	}
	profile->has_lifetimes = true;
	profile->sites[20].counters.end_bytes = (uint64_t)-9000;
	profile->sites[20].counters.end_blocks = (uint64_t)-3;
	assert_int_equal(ct_wire_write(profile, &wire, &message, &error), 0);
	Pprof__Profile *pprof = unpack(&message);
	int64_t sum = 0, least = 0;
	for (size_t i = 0; i < pprof->n_sample; i++) {
		sum += pprof->sample[i]->value[1];
		if (pprof->sample[i]->value[1] < least)
			least = pprof->sample[i]->value[1];
	}
	assert_int_equal(pprof->n_sample, 3);
	assert_int_equal(least, -9000);
	assert_int_equal(sum, 49 * 50 / 2 - 20 - 9000);
	pprof__profile__free_unpacked(pprof, NULL);
	free(message.data);
	ct_profile_free(profile);
}

/* The root of a process's stacks becomes labels; what no caller has is "[other stacks]" of that process. */
static void labels_of_processes(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	struct ct_wire_message message;
	add(profile, "f main P", 10);
	add(profile, "g other P", 4);
	add(profile, "f main Q", 7);
	add(profile, "P", 2);
	const struct ct_pprof_process processes[] = {{frame_of(profile, "P"), 12, "app", "shop"},
						     {frame_of(profile, "Q"), 34, "app", "bank"}};
	const struct ct_wire wire = {
		.parts = CT_PPROF_ALLOCATED, .processes = processes, .process_count = 2, .missing = 1};
	assert_int_equal(ct_wire_write(profile, &wire, &message, &error), 0);
	Pprof__Profile *pprof = unpack(&message);
	assert_int_equal(pprof->n_sample, 4);
	for (size_t i = 0; i < pprof->n_sample; i++) {
		const Pprof__Sample *sample = pprof->sample[i];
		bool first = sample->value[1] != 7;
		assert_int_equal(sample->n_label, 3);
		assert_string_equal(pprof->string_table[sample->label[0]->key], "pid");
		assert_string_equal(pprof->string_table[sample->label[0]->str], first ? "12" : "34");
		assert_string_equal(pprof->string_table[sample->label[1]->str], "app");
		assert_string_equal(pprof->string_table[sample->label[2]->key], "service_name");
		assert_string_equal(pprof->string_table[sample->label[2]->str], first ? "shop" : "bank");
		assert_int_equal(sample->n_location_id, sample->value[1] == 2 ? 1 : 2);
		assert_string_not_equal(name_of(pprof, sample->location_id[sample->n_location_id - 1]), "P");
		if (sample->value[1] == 2)
			assert_string_equal(name_of(pprof, sample->location_id[0]), "[other stacks]");
	}
	assert_string_equal(pprof->string_table[pprof->comment[pprof->n_comment - 1]],
			    "INCOMPLETE: 1 of the processes could not be read");
	pprof__profile__free_unpacked(pprof, NULL);
	free(message.data);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_caller),      cmocka_unit_test(no_sites),
		cmocka_unit_test(random_trees),        cmocka_unit_test(messages_fit),
		cmocka_unit_test(deep_and_long),       cmocka_unit_test(changes_with_signs),
		cmocka_unit_test(labels_of_processes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

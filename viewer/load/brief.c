/* SPDX-License-Identifier: MIT */
#include "load/brief.h"

#include <stdlib.h>
#include <string.h>

#include "load/dhat/json_rows.h"
#include "load/input.h"
#include "load/store/store_file.h"
#include "load/store/store_life.h"
#include "load/unpack.h"
#include "util/array.h"

static void move(struct ct_life *life, uint64_t ns)
{
	life->begin += ns;
	life->end += ns;
	for (size_t i = 0; i < life->step_count; i++)
		life->steps[i].time += ns;
}

static void read_store(const struct ct_input *input, struct ct_brief *brief)
{
	struct ct_store_file store;
	struct ct_error_text ignored;
	if (!ct_store_file_read(input->fd, input->path, &store, &ignored)) {
		const struct ct_totals *totals = &store.header->totals;
		*brief = (struct ct_brief){
			.total_bytes = totals->total_bytes,
			.total_blocks = totals->total_blocks,
			.peak_bytes = totals->peak_bytes,
			.end_bytes = (uint64_t)totals->live_bytes,
			.heap = true,
			.known = true,
		};
		if (!ct_store_life(&store, &brief->life))
			move(&brief->life, store.header->start_unix_ns - store.header->boot_ns);
	}
	ct_store_file_close(&store);
}

/*
 * The sum of a member's numbers in all rows. A quote inside a string has a backslash before it, so this text is a
 * member's name.
 */
static uint64_t sum_of(const char *text, const char *name)
{
	uint64_t sum = 0;
	size_t length = strlen(name);
	for (const char *at = text; (at = strstr(at, name));) {
		at += length;
		at += strspn(at, " :\t\r\n");
		sum += strtoull(at, NULL, 10);
	}
	return sum;
}

/* The text of a member's value, or NULL. As above, but only the first one counts. */
static const char *value_of(const char *text, const char *name)
{
	const char *at = text ? strstr(text, name) : NULL;
	return at ? at + strlen(name) + strspn(at + strlen(name), " :\t\r\n") : NULL;
}

static uint64_t number_of(const char *text, const char *name)
{
	const char *value = value_of(text, name);
	return value ? strtoull(value, NULL, 10) : 0;
}

/*
 * Read the timeline of a report of ctrace: [[end of a step in µs, the most that was live in it, ...], ...]. A forked
 * child has a copy of its parent's timeline; only what comes after the fork is its own.
 */
static void read_life(const char *text, struct ct_life *life)
{
	const char *ctrace = value_of(text, "\"ctrace\""), *at = value_of(ctrace, "\"timeline\"");
	uint64_t start = number_of(ctrace, "\"startTime\""), fork = number_of(ctrace, "\"forkTime\"") * 1000, from = 0;
	size_t room = 0;
	if (!start || !at || *at != '[')
		return;
	life->begin = start + fork;
	life->end = start + number_of(text, "\"te\"") * 1000;
	while ((at = strpbrk(at + 1, "[]")) && *at == '[') {
		char *next;
		uint64_t to = strtoull(at + 1, &next, 10) * 1000;
		if (*next != ',' || !ct_array_room(&life->steps, &room, life->step_count + 1, sizeof(*life->steps)))
			break;
		if (to > fork)
			life->steps[life->step_count++] = (struct ct_life_step){start + (from > fork ? from : fork),
										strtoull(next + 1, &next, 10)};
		from = to;
		at = strchr(next, ']');
		if (!at)
			break;
	}
}

static bool has_mode(const char *text, const char *mode)
{
	const char *at = strstr(text, "\"mode\"");
	if (at)
		at += strspn(at + strlen("\"mode\""), " :\t\r\n") + strlen("\"mode\"");
	return at && !strncmp(at, mode, strlen(mode));
}

static void read_report(const struct ct_input *input, struct ct_brief *brief)
{
	struct ct_json_file file = {0};
	struct ct_error_text ignored;
	int code = input->packed ? ct_unpack(input->fd, &file.text, &file.length, &ignored)
				 : ct_json_read(input->fd, &file, &ignored);
	if (!code) {
		*brief = (struct ct_brief){
			.total_bytes = sum_of(file.text, "\"tb\""),
			.total_blocks = sum_of(file.text, "\"tbk\""),
			.peak_bytes = sum_of(file.text, "\"gb\""),
			.end_bytes = sum_of(file.text, "\"eb\""),
			.heap = has_mode(file.text, "\"heap\"") || has_mode(file.text, "\"rust-heap\""),
			.known = true,
		};
		read_life(file.text, &brief->life);
	}
	ct_json_free(&file);
}

void ct_brief_read(const char *path, struct ct_brief *brief)
{
	struct ct_input input;
	struct ct_error_text ignored;
	*brief = (struct ct_brief){.known = false};
	if (ct_input_open(path, &input, &ignored))
		return;
	if (input.is_store)
		read_store(&input, brief);
	else
		read_report(&input, brief);
	ct_input_close(&input);
}

void ct_brief_fini(struct ct_brief *brief)
{
	free(brief->life.steps);
	brief->life = (struct ct_life){0};
}

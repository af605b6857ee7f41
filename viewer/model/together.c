/* SPDX-License-Identifier: MIT */
#include "model/together.h"

#include <stdlib.h>
#include <string.h>

struct change {
	uint64_t time;
	size_t life;
	uint64_t bytes; /* live in the process from here on */
};

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	return a->time < b->time ? -1 : a->time > b->time;
}

/* The cell that a moment is in. */
static size_t cell_at(const struct ct_together *together, uint64_t time)
{
	double length = (double)(together->end - together->begin);
	double cell = length > 0 ? (double)(time - together->begin) / length * CT_TOGETHER_CELLS : 0;
	return cell < CT_TOGETHER_CELLS ? (size_t)cell : CT_TOGETHER_CELLS - 1;
}

/* From one moment to the next, this much is live. */
static void note(struct ct_together *together, uint64_t from, uint64_t to, uint64_t bytes)
{
	if (bytes > together->most_bytes) {
		together->most_bytes = bytes;
		together->most_time = from;
	}
	for (size_t cell = cell_at(together, from); cell < CT_TOGETHER_CELLS; cell++) {
		if (together->cells[cell] < bytes)
			together->cells[cell] = bytes;
		if (together->begin + ct_together_cell_end(together, cell) >= to)
			break;
	}
}

/* The changes in order of time. Returns their number. */
static size_t list_changes(const struct ct_life *lives, size_t count, struct change *changes)
{
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		const struct ct_life *life = &lives[i];
		for (size_t j = 0; j < life->step_count && life->steps[j].time < life->end; j++)
			changes[used++] = (struct change){life->steps[j].time, i, life->steps[j].bytes};
		if (life->step_count)
			changes[used++] = (struct change){life->end, i, 0};
	}
	qsort(changes, used, sizeof(*changes), compare_changes);
	return used;
}

int ct_life_of_profile(const struct ct_profile *profile, struct ct_life *life)
{
	uint64_t start = profile->start_unix_ns, from = profile->fork_time;
	*life = (struct ct_life){.begin = start + 1000 * from, .end = start + 1000 * profile->end_time};
	if (!start || strcmp(profile->time_unit, "µs"))
		return 0;
	life->steps = calloc(profile->timeline_count + 1, sizeof(*life->steps));
	for (size_t i = 0; i < profile->timeline_count && life->steps; i++) {
		const struct ct_timeline_point *point = &profile->timeline[i];
		if (point->time <= from)
			continue;
		life->steps[life->step_count++] = (struct ct_life_step){start + 1000 * from, point->max_bytes};
		from = point->time;
	}
	return life->steps ? 0 : -1;
}

static int compare_begins(const void *left, const void *right)
{
	const struct ct_life *a = left, *b = right;
	return a->begin < b->begin ? -1 : a->begin > b->begin;
}

bool ct_together_overlap(struct ct_life *lives, size_t count)
{
	uint64_t end = 0;
	if (count)
		qsort(lives, count, sizeof(*lives), compare_begins);
	for (size_t i = 0; i < count; i++) {
		if (i && lives[i].begin < end)
			return true;
		end = lives[i].end > end ? lives[i].end : end;
	}
	return false;
}

int ct_together_add_up(const struct ct_life *lives, size_t count, struct ct_together *together)
{
	size_t room = 1;
	for (size_t i = 0; i < count; i++)
		room += lives[i].step_count + 1;
	struct change *changes = calloc(room, sizeof(*changes));
	uint64_t *live = calloc(count + 1, sizeof(*live)), sum = 0;
	bool memory = changes && live;
	size_t used = memory ? list_changes(lives, count, changes) : 0;
	*together = (struct ct_together){.begin = used ? changes[0].time : 0, .end = used ? changes[used - 1].time : 0};
	for (size_t i = 0; i < used; i++) {
		sum += changes[i].bytes - live[changes[i].life];
		live[changes[i].life] = changes[i].bytes;
		/* What happens at one moment counts together. */
		if (i + 1 < used && changes[i + 1].time > changes[i].time)
			note(together, changes[i].time, changes[i + 1].time, sum);
	}
	free(changes);
	free(live);
	return memory ? 0 : -1;
}

uint64_t ct_together_most(const struct ct_together *together, size_t part, size_t parts)
{
	uint64_t most = 0;
	for (size_t cell = part * CT_TOGETHER_CELLS / parts; cell < (part + 1) * CT_TOGETHER_CELLS / parts; cell++)
		if (together->cells[cell] > most)
			most = together->cells[cell];
	return most;
}

uint64_t ct_together_cell_end(const struct ct_together *together, size_t cell)
{
	uint64_t length = together->end - together->begin, cells = cell + 1;
	return length / CT_TOGETHER_CELLS * cells + length % CT_TOGETHER_CELLS * cells / CT_TOGETHER_CELLS;
}

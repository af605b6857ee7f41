/* SPDX-License-Identifier: MIT */
/*
 * A model of slices, for all interleavings of two threads: publish, claim, sort, make a table, fold or add, take a
 * slice that is not ready, write slots again, use a slice's memory again. A step is one store that a reader can see. In
 * every state that can be reached, the program is killed, and the reader must find each published event exactly once.
 * The model is written from store-format.md and slice.h. Rings have 2 slots, and a batch is one event or entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define RINGS 2
#define SLOTS 2
#define EVENTS 3 /* of each thread */
#define SLICES 4
#define MEMORY 2 /* for slices that threads claim; another one is the combiner's own */
#define TOTAL 2 /* the place of the totals, after two sites */
#define GARBAGE 0xffffffffu
#define DIGIT(event) (1u << 4 * (event)) /* counts how often an event was folded */

enum at { IDLE, PUBLISHING, SORTING, MAKING, LEAVING, COMBINING, ROUND };
enum slice_state { NONE, CLAIMED, READY, TAKEN, LEFT };

struct slice {
	uint8_t used, from[RINGS], to[RINGS], state, keys;
	uint8_t time[RINGS * SLOTS],
		slot[RINGS * SLOTS]; /* of the keys: the event that was read; ring * SLOTS + slot */
	uint8_t entries, site[2]; /* the table */
	uint32_t sums[2];
};

struct thread {
	uint8_t at, slice, position, step, item, ready, by_site, full;
};

struct state {
	/* what survives a kill */
	uint8_t head[RINGS], slot[RINGS][SLOTS], tail[2][RINGS], limit[RINGS];
	uint8_t limits_round, round, by_site, count; /* the last three are progress */
	uint8_t undo_mark[3], undo_count, undo_site;
	uint32_t undo_value, undo_total, value[3];
	/* what does not */
	uint8_t claimed[RINGS], folded[RINGS], claims, folds, locked;
	uint8_t in_flight[SLICES]; /* by number: its memory */
	struct slice slice[MEMORY + 1];
	struct thread thread[RINGS];
};

/* Events are numbered in the order of their times. */
static uint32_t event_of(uint32_t ring, uint32_t index)
{
	return index * RINGS + ring;
}

static uint32_t site_of(uint32_t event)
{
	static const uint8_t sites[RINGS * EVENTS] = {0, 1, 1, 1, 1, 0}; /* those of one slot differ */
	return sites[event];
}

/* The slot of the event at a place in the order of [from, to), as ring * SLOTS + slot. -1: none. */
static int in_order(const uint8_t *from, const uint8_t *to, uint32_t place)
{
	for (uint32_t index = 0; index < EVENTS; index++)
		for (uint32_t ring = 0; ring < RINGS; ring++)
			if (index >= from[ring] && index < to[ring] && place-- == 0)
				return (int)(ring * SLOTS + index % SLOTS);
	return -1;
}

static uint32_t event_in(const struct state *s, uint32_t slot)
{
	return s->slot[slot / SLOTS][slot % SLOTS];
}

static void fold_range(struct state *s, const uint8_t *from, const uint8_t *to, uint32_t skip)
{
	int slot;
	for (uint32_t i = skip; (slot = in_order(from, to, i)) >= 0; i++) {
		uint32_t event = event_in(s, (uint32_t)slot);
		s->value[site_of(event)] += DIGIT(event);
		s->value[TOTAL] += DIGIT(event);
	}
}

static void put_into_table(struct slice *slice, uint32_t event)
{
	uint8_t i = 0;
	while (i < slice->entries && slice->site[i] != site_of(event))
		i++;
	if (i == slice->entries) {
		slice->site[i] = (uint8_t)site_of(event);
		slice->sums[i] = 0;
		slice->entries++;
	}
	slice->sums[i] += DIGIT(event);
}

static uint32_t table_total(const struct slice *slice)
{
	uint32_t total = 0;
	for (uint32_t i = 0; i < slice->entries; i++)
		total += slice->sums[i];
	return total;
}

/* The reader makes the table of the round again, and adds what is missing. */
static void finish_table(struct state *s, const uint8_t *from, const uint8_t *to)
{
	struct slice table = {0};
	int slot;
	for (uint32_t i = 0; (slot = in_order(from, to, i)) >= 0; i++)
		put_into_table(&table, event_in(s, (uint32_t)slot));
	for (uint32_t i = s->count; i < table.entries; i++)
		s->value[table.site[i]] += table.sums[i];
	if (s->count < table.entries)
		s->value[TOTAL] += table_total(&table);
}

static bool is_undo(const struct state *s)
{
	return s->undo_mark[0] == s->round + 1 && s->undo_mark[1] == s->by_site && s->undo_mark[2] == s->count;
}

/* What a reader makes of the store. */
static bool reader_finds_everything(const struct state *killed)
{
	struct state s = *killed;
	const uint8_t *rest = s.tail[s.round % 2];
	uint32_t wanted[3] = {0};
	if (is_undo(&s)) {
		if (s.undo_count)
			s.value[s.undo_site] = s.undo_value;
		s.value[TOTAL] = s.undo_total;
	}
	if (s.limits_round == s.round + 1) {
		if (s.by_site)
			finish_table(&s, rest, s.limit);
		else
			fold_range(&s, rest, s.limit, s.count);
		rest = s.limit;
	}
	fold_range(&s, rest, s.head, 0);
	for (uint32_t ring = 0; ring < RINGS; ring++)
		for (uint32_t index = 0; index < s.head[ring]; index++) {
			uint32_t event = event_of(ring, index);
			wanted[site_of(event)] += DIGIT(event);
			wanted[TOTAL] += DIGIT(event);
		}
	return !memcmp(wanted, s.value, sizeof(wanted));
}

/* The memory of a slice that may be claimed. MEMORY: there is none. */
static uint8_t find_unused(const struct state *s)
{
	uint8_t i = 0;
	while (i < MEMORY && s->slice[i].used)
		i++;
	return s->claims < SLICES ? i : MEMORY;
}

static void claim(struct state *s, uint8_t memory)
{
	struct slice *slice = &s->slice[memory];
	s->in_flight[s->claims++] = memory;
	*slice = (struct slice){.used = memory < MEMORY, .state = CLAIMED};
	memcpy(slice->from, s->claimed, sizeof(slice->from));
	memcpy(slice->to, s->head, sizeof(slice->to));
	memcpy(s->claimed, s->head, sizeof(s->claimed));
}

/* The last one of claimer and combiner puts it. */
static void leave(struct slice *slice)
{
	if (slice->state == LEFT)
		slice->used = 0;
	slice->state = LEFT;
}

static bool is_full(const struct state *s, uint32_t me)
{
	return s->head[me] - s->folded[me] >= SLOTS;
}

/* The lock is held: begin with the next slice, or give the lock back. */
static void next_round(struct state *s, uint32_t me)
{
	struct thread *t = &s->thread[me];
	bool more = s->folds < s->claims;
	bool wanted = t->full ? is_full(s, me) : more && s->slice[s->in_flight[s->folds]].state == READY;
	if (wanted && !more) {
		if (s->claims == SLICES)
			wanted = false;
		else
			claim(s, MEMORY);
	}
	if (!wanted) {
		s->locked = 0;
		*t = (struct thread){.at = IDLE};
		return;
	}
	uint8_t memory = s->in_flight[s->folds];
	struct slice *slice = &s->slice[memory];
	bool ready = slice->state == READY;
	*t = (struct thread){
		.at = ROUND, .full = t->full, .slice = memory, .ready = ready, .by_site = ready && slice->entries};
	slice->state = TAKEN;
}

/* The slot of the slice's next event to fold. -1: all are folded. */
static int next_slot(const struct slice *slice, const struct thread *t)
{
	if (!t->ready)
		return in_order(slice->from, slice->to, t->item);
	return t->item < slice->keys ? slice->slot[t->item] : -1;
}

/* One store of a batch that adds a sum to a site, and something to the totals. True: the batch is complete. */
static bool batch_step(struct state *s, uint32_t site, uint32_t sum, uint32_t total, uint32_t step)
{
	switch (step) {
	case 0:
		s->undo_count = 0;
		break;
	case 1:
		s->undo_total = s->value[TOTAL];
		break;
	case 2:
		s->undo_mark[0] = s->round + 1;
		s->undo_mark[1] = s->by_site;
		s->undo_mark[2] = s->count;
		break;
	case 3:
		s->undo_site = (uint8_t)site;
		s->undo_value = s->value[site];
		break;
	case 4:
		s->undo_count = 1;
		break;
	case 5:
		s->value[site] = GARBAGE; /* some of its fields are written */
		break;
	case 6:
		s->value[site] = s->undo_value + sum;
		break;
	case 7:
		s->value[TOTAL] += total;
		break;
	default:
		s->count++;
		return true;
	}
	return false;
}

/* One store of the batch with the next event or entry. */
static bool item_step(struct state *s, const struct thread *t, uint32_t step)
{
	const struct slice *slice = &s->slice[t->slice];
	if (!t->by_site) {
		uint32_t event = event_in(s, (uint32_t)next_slot(slice, t));
		return batch_step(s, site_of(event), DIGIT(event), DIGIT(event), step);
	}
	bool last = t->item + 1 == slice->entries;
	return batch_step(s, slice->site[t->item], slice->sums[t->item], last ? table_total(slice) : 0, step);
}

static bool has_more(const struct slice *slice, const struct thread *t)
{
	return t->by_site ? t->item < slice->entries : next_slot(slice, t) >= 0;
}

static void round_step(struct state *s, uint32_t me)
{
	struct thread *t = &s->thread[me];
	struct slice *slice = &s->slice[t->slice];
	enum { LIMITS = RINGS + 2 };
	uint32_t step = t->step++;
	if (step < RINGS) {
		s->limit[step] = slice->to[step];
	} else if (step == RINGS) {
		s->limits_round = s->round + 1;
	} else if (step < LIMITS) {
		s->by_site = t->by_site;
	} else if (has_more(slice, t)) {
		if (item_step(s, t, step - LIMITS)) {
			t->item++;
			t->step = LIMITS;
		}
	} else if (step < LIMITS + RINGS) {
		s->tail[(s->round + 1) % 2][step - LIMITS] = s->limit[step - LIMITS];
	} else if (step == LIMITS + RINGS) {
		s->round++;
		s->by_site = s->count = 0;
	} else if (step <= LIMITS + 2 * RINGS) {
		s->folded[step - LIMITS - RINGS - 1] = slice->to[step - LIMITS - RINGS - 1];
	} else {
		if (t->ready)
			slice->used = 0;
		else
			leave(slice);
		s->folds++;
		next_round(s, me);
	}
}

static void insert_key(struct slice *slice, uint8_t time, uint8_t slot)
{
	uint32_t at = slice->keys++;
	for (; at && slice->time[at - 1] > time; at--) {
		slice->time[at] = slice->time[at - 1];
		slice->slot[at] = slice->slot[at - 1];
	}
	slice->time[at] = time;
	slice->slot[at] = slot;
}

/* A thread reads the time of the next event of its slice, whose slot may have been written again. */
static void sorting_step(struct state *s, struct thread *t)
{
	struct slice *slice = &s->slice[t->slice];
	uint32_t first = slice->to[0] - slice->from[0], all = first + slice->to[1] - slice->from[1], at = t->position++;
	if (at == all) {
		t->at = MAKING;
		t->position = 0;
		return;
	}
	uint32_t ring = at >= first, index = slice->from[ring] + at - (ring ? first : 0);
	insert_key(slice, s->slot[ring][index % SLOTS], (uint8_t)(ring * SLOTS + index % SLOTS));
}

/* The same for the event of the next key. */
static void making_step(struct state *s, struct thread *t)
{
	struct slice *slice = &s->slice[t->slice];
	if (t->position < slice->keys)
		put_into_table(slice, event_in(s, slice->slot[t->position++]));
	else
		t->at = LEAVING;
}

static void leaving_step(struct state *s, struct thread *t)
{
	struct slice *slice = &s->slice[t->slice];
	if (slice->state == CLAIMED)
		slice->state = READY;
	else
		leave(slice);
	*t = (struct thread){.at = COMBINING};
}

/* The states that one step of a thread leads to. Returns how many. */
static uint32_t steps_of(const struct state *s, uint32_t me, struct state *next)
{
	uint32_t count = 0;
	const struct thread *t = &s->thread[me];
	switch (t->at) {
	case IDLE:
		if (s->head[me] < EVENTS && !is_full(s, me)) {
			next[count] = *s;
			next[count].slot[me][s->head[me] % SLOTS] = (uint8_t)event_of(me, s->head[me]);
			next[count++].thread[me].at = PUBLISHING;
		}
		if (s->head[me] > s->claimed[me] && find_unused(s) < MEMORY) {
			next[count] = *s;
			next[count].thread[me] = (struct thread){.at = SORTING, .slice = find_unused(s)};
			claim(&next[count++], find_unused(s));
		}
		if (is_full(s, me) && !s->locked) {
			next[count] = *s;
			next[count].locked = 1;
			next[count].thread[me].full = 1;
			next_round(&next[count++], me);
		}
		return count;
	case PUBLISHING:
		next[0] = *s;
		next[0].head[me]++;
		next[0].thread[me].at = IDLE;
		return 1;
	case SORTING:
		next[0] = *s;
		sorting_step(&next[0], &next[0].thread[me]);
		return 1;
	case MAKING: /* or the slice gets no table */
		next[0] = next[1] = *s;
		making_step(&next[0], &next[0].thread[me]);
		next[1].thread[me].at = LEAVING;
		return t->position ? 1 : 2;
	case LEAVING:
		next[0] = *s;
		leaving_step(&next[0], &next[0].thread[me]);
		return 1;
	case COMBINING: /* the lock is free, or the thread goes on without it */
		next[0] = *s;
		next[0].thread[me].at = IDLE;
		if (!s->locked) {
			next[0].locked = 1;
			next_round(&next[0], me);
		}
		return 1;
	default:
		next[0] = *s;
		round_step(&next[0], me);
		return 1;
	}
}

/* All states that were seen, and those whose steps are still to be taken. */
static struct state *states;
static uint32_t *table, state_count;
#define STATES (1u << 22)

static bool is_new(const struct state *s)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < sizeof(*s); i++)
		hash = (hash ^ ((const uint8_t *)s)[i]) * 1099511628211u;
	uint32_t at = (uint32_t)(hash >> 20) % (2 * STATES);
	for (; table[at]; at = (at + 1) % (2 * STATES))
		if (!memcmp(&states[table[at] - 1], s, sizeof(*s)))
			return false;
	states[state_count++] = *s;
	table[at] = state_count;
	return true;
}

static void test_every_interleaving_and_kill(void **state)
{
	(void)state;
	struct state first = {0}, next[4];
	uint32_t sorted = 0, tables = 0, taken = 0, again = 0, done = 0;
	states = calloc(STATES, sizeof(*states));
	table = calloc(2 * STATES, sizeof(*table));
	assert_true(states && table && is_new(&first));
	for (uint32_t i = 0; i < state_count; i++) {
		assert_true(state_count < STATES - 8);
		struct state s = states[i];
		if (!reader_finds_everything(&s))
			fail_msg("state %u of %u", i, state_count);
		for (uint32_t me = 0; me < RINGS; me++) {
			const struct thread *t = &s.thread[me];
			sorted += t->at == ROUND && t->ready && !t->by_site;
			tables += t->at == ROUND && t->by_site;
			taken += t->at == MAKING && s.slice[t->slice].state == TAKEN;
			uint32_t count = steps_of(&s, me, next);
			for (uint32_t k = 0; k < count; k++)
				is_new(&next[k]);
		}
		again += s.claims > MEMORY;
		done += s.head[0] == EVENTS && s.head[1] == EVENTS && !s.locked;
	}
	print_message("%u states\n", state_count);
	assert_true(sorted && tables && taken && again && done);
	free(states);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_interleaving_and_kill),
	};
	return cmocka_run_group_tests_name("preload_slice_model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Finds the memory that the mark phase begins with. */
#include <sched.h>
#include <string.h>

#include "hot/state.h"
#include "reach/reach.h"
#include "sys/machine.h"
#include "sys/maps.h"
#include "sys/region.h"

#define WORD sizeof(uintptr_t)

/*
 * The C library's malloc: thread arenas lie in windows of ARENA_BYTES, and the word before a block shows what kind of
 * memory the block is in.
 */
#define ARENA_BYTES (64ull << 20)
#define BLOCK_IS_MAPPED 2u
#define BLOCK_IN_ARENA 4u

/* Read everything between the blocks. */
static void scan_between(struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	uint32_t i = ct_reach_find(reach, from);
	if (i && reach->held[i - 1].address + reach->held[i - 1].bytes > from)
		from = reach->held[i - 1].address + reach->held[i - 1].bytes;
	for (; i < reach->count && reach->held[i].address < to && !reach->late; i++) {
		ct_reach_scan(reach, from, reach->held[i].address);
		from = reach->held[i].address + reach->held[i].bytes;
	}
	ct_reach_scan(reach, from, to);
}

/* Do the blocks in this range lie in a thread's arena? Then everything else there is free memory or malloc's own. */
static bool is_arena(const struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	for (uint32_t i = ct_reach_find(reach, from); i < reach->count && reach->held[i].address < to; i++) {
		uint64_t head = 0;
		ct_reach_read(reach, reach->held[i].address - WORD, &head, WORD);
		if (!(head & BLOCK_IS_MAPPED))
			return head & BLOCK_IN_ARENA;
	}
	return false;
}

static void scan_windows(struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	while (from < to) {
		uintptr_t end = (from & ~(ARENA_BYTES - 1)) + ARENA_BYTES;
		if (end > to)
			end = to;
		if (!is_arena(reach, from, end))
			scan_between(reach, from, end);
		from = end;
	}
}

static bool holds(const struct ct_mapping *mapping, uintptr_t address)
{
	return address >= mapping->start && address < mapping->end;
}

/* The lowest address in use on a stack in the mapping; UINTPTR_MAX: no stack pointer is in it. */
static uintptr_t lowest_sp(const struct ct_reach *reach, const struct ct_mapping *mapping)
{
	uintptr_t lowest = holds(mapping, reach->stack) ? reach->stack : UINTPTR_MAX;
	for (uint32_t i = 0; i < reach->thread_count; i++) {
		uintptr_t sp = reach->threads[i].sp;
		if (reach->threads[i].known && holds(mapping, sp) && sp - CT_RED_ZONE_BYTES < lowest)
			lowest = sp - CT_RED_ZONE_BYTES;
	}
	return lowest;
}

/*
 * The C library keeps the stacks of threads that have ended, for new ones. At the top of such a stack the thread's
 * descriptor is still there; its first and third words are its own address. Everything below the descriptor is dead.
 */
static uintptr_t find_descriptor(const struct ct_reach *reach, const struct ct_mapping *mapping)
{
	uintptr_t top = mapping->end - CT_STORE_PAGE;
	uintptr_t words[CT_STORE_PAGE / WORD];
	if (ct_reach_read(reach, top, words, sizeof(words)) != sizeof(words))
		return mapping->start;
	for (size_t i = 0; i + 2 < CT_STORE_PAGE / WORD; i++)
		if (words[i] == top + i * WORD && words[i + 2] == words[i])
			return words[i];
	return mapping->start;
}

/*
 * Where the live part of a mapping begins. Only its name, or the guard page below it, shows that a mapping is a stack.
 */
static uintptr_t live_start(const struct ct_reach *reach, const struct ct_mapping *mapping, bool guarded)
{
	bool is_main = !strcmp(mapping->path, "[stack]");
	uintptr_t sp = guarded || is_main ? lowest_sp(reach, mapping) : UINTPTR_MAX;
	if (sp != UINTPTR_MAX)
		return sp > mapping->start ? sp : mapping->start;
	return guarded && !reach->threads_unknown ? find_descriptor(reach, mapping) : mapping->start;
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_root(const struct ct_mapping *mapping)
{
	const char *path = mapping->path;
	if (!mapping->readable || !mapping->writable || ct_region_holds(mapping->start))
		return false;
	if (!strcmp(path, "[heap]"))
		return false;
	/* Reading a device's memory may have side effects. */
	return !begins_with(path, "/dev/") || begins_with(path, "/dev/zero") || begins_with(path, "/dev/shm/");
}

static bool same_file(const struct ct_mapping *a, const struct ct_mapping *b)
{
	return a->inode && a->inode == b->inode && a->device == b->device;
}

static void meet_registers(struct ct_reach *reach)
{
	for (uint32_t i = 0; i < reach->thread_count; i++) {
		for (size_t j = 0; j < sizeof(reach->threads[i].words) / WORD; j++)
			ct_reach_meet(reach, ct_machine_untagged(reach->threads[i].words[j]));
	}
}

bool ct_reach_roots(struct ct_reach *reach)
{
	struct ct_maps maps;
	struct ct_mapping mapping, library = {0};
	uintptr_t guard_end = 0; /* end of the latest mapping that cannot be accessed */
	if (!ct_maps_open(&maps))
		return false;
	while (ct_maps_next(&maps, &mapping)) {
		bool guarded = guard_end == mapping.start;
		if (!mapping.readable && !mapping.writable)
			guard_end = mapping.end;
		if ((uintptr_t)&clone >= mapping.start && (uintptr_t)&clone < mapping.end)
			library = mapping;
		if (!is_root(&mapping))
			continue;
		reach->allocators = same_file(&mapping, &library);
		scan_windows(reach, live_start(reach, &mapping, guarded), mapping.end);
	}
	reach->allocators = false;
	ct_maps_close(&maps);
	meet_registers(reach);
	return true;
}

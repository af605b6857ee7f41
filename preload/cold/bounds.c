/* SPDX-License-Identifier: MIT */
/*
 * Where stacks end: the mapping of /proc/self/maps that holds a stack pointer. Looked up once for each
 * stack that a thread runs on (its own, a signal stack, coroutines) and kept, latest first.
 */
#include <string.h>

#include "cold/cold.h"
#include "cold/maps.h"

static bool contains(const struct ct_stack_bounds *bounds, uintptr_t sp)
{
	return sp >= bounds->low && sp < bounds->high;
}

static void move_to_front(struct ct_thread *thread, struct ct_stack_bounds bounds, uint32_t from)
{
	memmove(&thread->bounds[1], &thread->bounds[0], from * sizeof(bounds));
	thread->bounds[0] = bounds;
}

static bool find_mapping(uintptr_t address, struct ct_stack_bounds *bounds)
{
	struct ct_maps maps;
	struct ct_mapping mapping;
	bool found = false;
	if (!ct_maps_open(&maps))
		return false;
	while (!found && ct_maps_next(&maps, &mapping) && mapping.start <= address)
		found = address < mapping.end;
	ct_maps_close(&maps);
	*bounds = (struct ct_stack_bounds){mapping.start, mapping.end};
	return found;
}

bool ct_stack_find_bounds(struct ct_thread *thread, uintptr_t sp)
{
	for (uint32_t i = 1; i < CT_BOUNDS_KEPT; i++)
		if (contains(&thread->bounds[i], sp)) {
			move_to_front(thread, thread->bounds[i], i);
			return true;
		}
	struct ct_stack_bounds found;
	if (!find_mapping(sp, &found))
		return false;
	/* A stack that has grown replaces what was known of it. */
	uint32_t slot = 0;
	while (slot < CT_BOUNDS_KEPT - 1 && thread->bounds[slot].high != found.high)
		slot++;
	move_to_front(thread, found, slot);
	return true;
}

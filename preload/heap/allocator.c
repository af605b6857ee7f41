/* SPDX-License-Identifier: MIT */
#include "heap/allocator.h"

#include <sched.h>
#include <stddef.h>

#include "heap/real.h"
#include "hot/state.h"
#include "unwind/objects.h"

/*
 * Compare objects, not names: mimalloc too has a __libc_malloc, and a program's own malloc may have no
 * malloc_usable_size.
 */
bool ct_allocator_init(void)
{
	uintptr_t allocator = (uintptr_t)ct_real.malloc;
	struct ct_object object;
	ct_tracer.glibc_blocks = ct_objects_same(allocator, (uintptr_t)&clone);
	if (!ct_tracer.glibc_blocks && ct_object_find(allocator, &object)) {
		ct_tracer.allocator.start = object.start;
		ct_tracer.allocator.end = object.end;
	}
	if (!ct_tracer.glibc_blocks && ct_objects_same(allocator, (uintptr_t)ct_real.malloc_usable_size)) {
		ct_tracer.usable_bytes = ct_real.malloc_usable_size;
		ct_tracer.usable_bytes(NULL); /* tcmalloc's allocates on its first call, which must not be in a hook */
	}
	return ct_tracer.glibc_blocks;
}

/* SPDX-License-Identifier: MIT */
#include "heap/allocator.h"

#include <sched.h>
#include <stddef.h>

#include "heap/real.h"
#include "hot/state.h"
#include "sys/loader.h"
#include "sys/machine.h"
#include "unwind/objects.h"

/*
 * Compare objects, not names: mimalloc too has a __libc_malloc, and a program's own malloc may have no
 * malloc_usable_size.
 */
struct ct_foreign ct_foreign;

bool ct_allocator_init(void)
{
	uintptr_t allocator = (uintptr_t)ct_real.malloc;
	struct ct_object object;
	ct_tracer.glibc_blocks = ct_loader_has_chunks() && ct_objects_same(allocator, (uintptr_t)&clone);
	if (!ct_tracer.glibc_blocks && ct_object_find(allocator, &object)) {
		ct_tracer.allocator.start = object.start;
		ct_tracer.allocator.end = object.end;
	}
	bool is_glibc = ct_tracer.glibc_blocks;
	if (ct_machine_tags_memory())
		ct_tracer.glibc_blocks = false;
	/* It is not called before the first block is there: mimalloc 3 crashes if nothing has been allocated yet. */
	if (!ct_tracer.glibc_blocks && ct_objects_same(allocator, (uintptr_t)ct_real.malloc_usable_size))
		ct_tracer.usable_bytes = ct_real.malloc_usable_size;
#define LOOK(name) ct_foreign.name = !ct_objects_same(allocator, (uintptr_t)ct_real.name)
	LOOK(posix_memalign);
	LOOK(aligned_alloc);
	LOOK(memalign);
	LOOK(valloc);
	LOOK(pvalloc);
#undef LOOK
	return is_glibc;
}

/* SPDX-License-Identifier: MIT */
#include "sys/region.h"

#include "sys/sys.h"

#define REGION_START 0x300000000000ull /* programs are loaded at 0x5..., and their mappings at 0x7f... */
#define GUARD_BYTES 65536ull
#define TRIES 8

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static uint64_t next = REGION_START;
static bool elsewhere;

static void *map(size_t bytes, int protection)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t room = (bytes + 2 * GUARD_BYTES - 1) & ~(GUARD_BYTES - 1);
	for (int i = 0; i < TRIES; i++) {
		uint64_t at = __atomic_fetch_add(&next, room, __ATOMIC_RELAXED);
		void *memory = ct_sys_mmap((void *)at, bytes, protection, flags | MAP_FIXED_NOREPLACE, -1, 0);
		if (memory && (uint64_t)memory != at) /* an old kernel takes the address as a hint only */
			ct_set_relaxed(&elsewhere, true);
		if (memory)
			return memory;
	}
	/* Other mappings are in this region: let the kernel choose the address. */
	ct_set_relaxed(&elsewhere, true);
	return ct_sys_mmap(NULL, bytes, protection, flags, -1, 0);
}

void *ct_region_map(size_t bytes)
{
	void *memory = map(bytes, PROT_READ | PROT_WRITE);
	/*
	 * Our memory is touched in scattered places. With a huge page for each of them, it would be as large as the
	 * program's.
	 */
	if (memory)
		ct_syscall3(SYS_madvise, memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

bool ct_region_holds(uintptr_t address)
{
	return address >= REGION_START && address < ct_get_relaxed(&next);
}

bool ct_region_is_whole(void)
{
	return !ct_get_relaxed(&elsewhere);
}

void *ct_region_reserve(size_t bytes)
{
	return map(bytes, PROT_NONE);
}

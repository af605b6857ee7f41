/* SPDX-License-Identifier: MIT */
#include "sys/region.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "sys/machine.h"
#include "sys/page.h"
#include "sys/sys.h"

#define GUARD_BYTES 65536ull
#define TRIES 8
#define SMALL_BYTES (128u << 10)
#define SHARE 2 /* of RLIMIT_AS, at most half is ours */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE)

static uint64_t start = CT_REGION_START;
static uint64_t next = CT_REGION_START;
static bool elsewhere;
static bool locking;
static uint64_t mapped; /* bytes in all, even if they were unmapped by other means than ct_region_unmap */

void ct_region_init(uintptr_t stack)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(stack), whole = 64 - (unsigned)__builtin_clzll(CT_REGION_START);
	if (bits < whole)
		start = next = CT_REGION_START >> (whole - bits);
}

/*
 * While new mappings are locked: a first page without access, so that nothing is made resident; unlocked, it grows to
 * an unlocked mapping. Just this page counts for RLIMIT_MEMLOCK, for a moment. Shared memory without a file cannot
 * grow, so there all of it counts.
 */
static void *map_unlocked(void *at, size_t bytes, int protection, int flags, int fd, uint64_t offset)
{
	const size_t first = flags & MAP_SHARED && fd < 0 ? bytes : ct_page_bytes;
	char *memory = ct_sys_mmap(at, first, PROT_NONE, flags, fd, offset);
	if (!memory)
		return NULL;
	if (ct_syscall3(SYS_munlock, memory, first, 0) == 0 &&
	    ct_syscall4(SYS_mremap, memory, first, bytes, 0) == (long)memory &&
	    ct_syscall3(SYS_mprotect, memory, bytes, protection) == 0)
		return memory;
	ct_sys_munmap(memory, first);
	return NULL;
}

/*
 * Under RLIMIT_AS, half of the address space stays the program's. The limit may have changed since the last time. The
 * little that the end of a recording needs is always ours.
 */
static bool take_share(size_t bytes)
{
	struct rlimit limit;
	uint64_t used = __atomic_add_fetch(&mapped, bytes, __ATOMIC_RELAXED);
	if (bytes <= SMALL_BYTES || ct_syscall4(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY || used <= limit.rlim_cur / SHARE)
		return true;
	__atomic_fetch_sub(&mapped, bytes, __ATOMIC_RELAXED);
	return false;
}

static void *map(void *at, size_t bytes, int protection, int flags, int fd, uint64_t offset)
{
	void *memory = NULL;
	if (ct_get_relaxed(&locking))
		memory = map_unlocked(at, bytes, protection, flags, fd, offset);
	return memory ? memory : ct_sys_mmap(at, bytes, protection, flags, fd, offset);
}

/* NULL: something else is there, or there is no address space. */
static void *map_free(void *at, size_t bytes, int protection, int flags, int fd, uint64_t offset)
{
	void *memory = map(at, bytes, protection, flags | MAP_FIXED_NOREPLACE, fd, offset);
	if (memory && memory != at) { /* an old kernel takes the address as a hint only */
		ct_sys_munmap(memory, bytes);
		return NULL;
	}
	return memory;
}

static void *next_addresses(size_t bytes)
{
	uint64_t room = (bytes + 2 * GUARD_BYTES - 1) & ~(GUARD_BYTES - 1);
	return (void *)__atomic_fetch_add(&next, room, __ATOMIC_RELAXED);
}

static void *map_memory(size_t bytes, int flags)
{
	void *memory = NULL;
	if (!take_share(bytes))
		return NULL;
	for (int i = 0; i < TRIES && !memory; i++)
		memory = map_free(next_addresses(bytes), bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (!memory) { /* other mappings are in this region: let the kernel choose the address */
		ct_set_relaxed(&elsewhere, true);
		memory = map(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	}
	/*
	 * Our memory is touched in scattered places. With a huge page for each of them, it would be as large as the
	 * program's.
	 */
	if (memory)
		ct_syscall3(SYS_madvise, memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

void *ct_region_map(size_t bytes)
{
	return map_memory(bytes, PRIVATE);
}

void *ct_region_map_shared(size_t bytes)
{
	return map_memory(bytes, SHARED);
}

void ct_region_unmap(void *memory, size_t bytes)
{
	__atomic_fetch_sub(&mapped, bytes, __ATOMIC_RELAXED);
	ct_sys_munmap(memory, bytes);
}

/* Its first page stands for all of it: who uses our region uses more than holes in it. */
void *ct_region_reserve(size_t bytes)
{
	for (int i = 0; i < TRIES; i++) {
		void *at = next_addresses(bytes);
		if (map_free(at, ct_page_bytes, PROT_NONE, PRIVATE, -1, 0)) {
			ct_sys_munmap(at, ct_page_bytes);
			return at;
		}
	}
	ct_set_relaxed(&elsewhere, true);
	return ct_sys_mmap(NULL, bytes, PROT_NONE, PRIVATE, -1, 0);
}

bool ct_region_fill(void *at, size_t bytes, int fd, uint64_t offset)
{
	int flags = fd >= 0 ? MAP_SHARED : PRIVATE;
	if (!take_share(bytes))
		return false;
	if (ct_region_holds((uintptr_t)at))
		return map_free(at, bytes, PROT_READ | PROT_WRITE, flags, fd, offset) != NULL;
	return ct_sys_mmap(at, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, offset) != NULL;
}

void ct_region_set_locking(bool on)
{
	ct_set_relaxed(&locking, on);
}

bool ct_region_holds(uintptr_t address)
{
	return address >= start && address < ct_get_relaxed(&next);
}

bool ct_region_is_whole(void)
{
	return !ct_get_relaxed(&elsewhere);
}

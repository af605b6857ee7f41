/* SPDX-License-Identifier: MIT */
/*
 * mlockall. Our memory stays unlocked: it would count for the program's RLIMIT_MEMLOCK, and tables that are mostly
 * empty would become resident. So what is mapped now is locked piece by piece, without what is ours.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "heap/real.h"
#include "hot/state.h"
#include "sys/maps.h"
#include "sys/region.h"
#include "sys/sys.h"

/* Where this library's own code and data are. */
extern char __ehdr_start __attribute__((visibility("hidden")));
extern char _end __attribute__((visibility("hidden")));

static bool is_own(const struct ct_mapping *mapping)
{
	return ct_region_holds(mapping->start) ||
	       (mapping->start >= (uintptr_t)&__ehdr_start && mapping->start < (uintptr_t)&_end);
}

enum work { COUNT, LOCK, LOCK_ON_FAULT, UNLOCK_OURS };

/* The bytes counted or locked. As mlockall does, skip what cannot be locked. */
static uint64_t walk(enum work work)
{
	struct ct_maps maps;
	struct ct_mapping mapping;
	uint64_t bytes = 0;
	if (!ct_maps_open(&maps))
		return 0;
	while (ct_maps_next(&maps, &mapping)) {
		uint64_t length = mapping.end - mapping.start;
		long error = 0;
		if (is_own(&mapping) != (work == UNLOCK_OURS))
			continue;
		if (work == UNLOCK_OURS)
			error = ct_syscall3(SYS_munlock, mapping.start, length, 0);
		else if (work != COUNT)
			error = ct_syscall3(SYS_mlock2, mapping.start, length, work == LOCK ? 0 : MLOCK_ONFAULT);
		bytes += error ? 0 : length;
	}
	ct_maps_close(&maps);
	return bytes;
}

/* Whether the kernel would lock the whole program if we were not there. */
static bool fits(void)
{
	struct rlimit limit;
	return ct_syscall4(SYS_prlimit64, 0, RLIMIT_MEMLOCK, NULL, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || walk(COUNT) <= limit.rlim_cur);
}

/* Lock what is mapped now. Beyond the limit, success depends on a capability: only the call itself can say. */
static int lock_current(int flags)
{
	if (!fits()) {
		if (ct_real.mlockall(flags | MCL_ONFAULT) != 0)
			return -1;
		walk(UNLOCK_OURS);
	} else if (flags & MCL_FUTURE) {
		if (ct_real.mlockall(flags & ~MCL_CURRENT) != 0)
			return -1;
	} else {
		ct_real.munlockall(); /* new mappings are no longer locked */
	}
	return walk(flags & MCL_ONFAULT ? LOCK_ON_FAULT : LOCK) ? 0 : ct_real.mlockall(flags);
}

CT_EXPORT int mlockall(int flags)
{
	ct_real_resolve();
	bool known = !(flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
	if (!known || !ct_tracer.header || !ct_region_is_whole())
		return ct_real.mlockall(flags);
	ct_region_set_locking(flags & MCL_FUTURE);
	return flags & MCL_CURRENT ? lock_current(flags) : ct_real.mlockall(flags);
}

CT_EXPORT int munlockall(void)
{
	ct_real_resolve();
	ct_region_set_locking(false);
	return ct_real.munlockall();
}

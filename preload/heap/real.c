/* SPDX-License-Identifier: MIT */
#include "heap/real.h"

#include <sched.h>
#include <stddef.h>

#include "hot/thread.h"
#include "sys/loader.h"
#include "sys/say.h"
#include "unwind/objects.h"

#define BOOTSTRAP_ALIGNMENT 16u

struct ct_real ct_real;

char ct_bootstrap_memory[CT_BOOTSTRAP_BYTES] CT_ALIGNED(4096);
static size_t bootstrap_used;

static long resolve_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	ct_real_resolve();
	return ct_real.syscall(number, a, b, c, d, e, f);
}

long (*ct_next_syscall)(long, long, long, long, long, long, long) = resolve_syscall;

static uint32_t resolve_state; /* 0: not begun, 1: a thread is looking up, 2: done */
/* Volatile, because dlsym is declared as a function that never calls back into this file. But its allocations do. */
static __thread volatile bool resolving;

/* A block's size is in the word before it. */
size_t ct_bootstrap_bytes(const void *block)
{
	return ((const size_t *)block)[-1];
}

/* Zeroed, since the memory is static and each part is used only once. */
void *ct_bootstrap_alloc(size_t alignment, size_t bytes)
{
	if (alignment < BOOTSTRAP_ALIGNMENT)
		alignment = BOOTSTRAP_ALIGNMENT;
	if (alignment > 4096 || bytes > CT_BOOTSTRAP_BYTES)
		return NULL;
	size_t room = bytes + alignment + sizeof(size_t);
	size_t start = __atomic_fetch_add(&bootstrap_used, room, __ATOMIC_RELAXED);
	if (start + room > CT_BOOTSTRAP_BYTES)
		return NULL;
	uintptr_t block = (uintptr_t)ct_bootstrap_memory + start + sizeof(size_t);
	block = (block + alignment - 1) & ~(uintptr_t)(alignment - 1);
	((size_t *)block)[-1] = bytes;
	return (void *)block;
}

static void look_up_all(void)
{
#define CT_HOOK(name, result, parameters) ct_real.name = (result(*) parameters)dlsym(RTLD_NEXT, #name);
#include "hooks/hooks.def"
	ct_set_release(&ct_next_syscall, ct_real.syscall);
	ct_real.malloc_usable_size = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
}

bool ct_real_is_sanitizer(void)
{
	if (dlsym(RTLD_DEFAULT, "__sanitizer_get_allocated_size"))
		return true;
	ct_loader_forget_miss();
	return false;
}

bool ct_real_is_first(void)
{
	Dl_info first, ours;
	void *symbol;
	void *active = ct_loader_is_glibc() ? dlsym(RTLD_DEFAULT, "ctrace_api_is_active") : NULL;
	return !active || !dladdr1(active, &first, &symbol, RTLD_DL_SYMENT) ||
	       !dladdr1((const void *)&ct_real_is_first, &ours, &symbol, RTLD_DL_SYMENT) ||
	       first.dli_fbase == ours.dli_fbase;
}

void ct_real_check_malloc(void)
{
	struct ct_object theirs, ours;
	struct ct_text path;
	const ElfW(Sym) * symbol;
	Dl_info info;
	void *first = dlsym(RTLD_DEFAULT, "malloc");
	if (!first || !ct_object_find((uintptr_t)first, &theirs) ||
	    !ct_object_find((uintptr_t)&ct_real_check_malloc, &ours) || theirs.start == ours.start)
		return;
	/* If a program takes malloc's address, its stub of that name is found first; the stub goes to our malloc. */
	if (!dladdr1(first, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol || symbol->st_shndx == SHN_UNDEF)
		return;
	ct_object_path(&theirs, &path);
	ct_say("malloc comes from ", path.length ? path.bytes : "the program itself",
	       "; what it allocates is not recorded");
}

bool ct_real_resolve(void)
{
	if (ct_get_acquire(&resolve_state) == 2)
		return true;
	if (resolving)
		return false;

	uint32_t expected = 0;
	if (__atomic_compare_exchange_n(&resolve_state, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		resolving = true;
		look_up_all();
		resolving = false;
		ct_set_release(&resolve_state, 2);
		return true;
	}
	while (ct_get_acquire(&resolve_state) != 2)
		sched_yield();
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "heap/real.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>

#include "ctrace/store.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "store/store_file.h"
#include "sys/loader.h"
#include "sys/say.h"
#include "sys/text.h"
#include "unwind/objects.h"

#define BOOTSTRAP_ALIGNMENT 16u

struct ct_real ct_real;
bool ct_real_is_late;

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
static __thread volatile bool looking; /* in ct_real_find */

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

void *ct_real_find(void *handle, const char *name)
{
	bool before = looking;
	looking = true;
	void *found = dlsym(handle, name);
	looking = before;
	return found;
}

bool ct_real_is_looking(void)
{
	return looking;
}

/*
 * libc_malloc_debug (mtrace, MALLOC_CHECK_) has malloc only under the versions that old programs ask for, and dlsym
 * passes over these.
 */
static void *versioned(const char *name)
{
	static const char *const versions[] = {"GLIBC_2.2.5", "GLIBC_2.16", "GLIBC_2.17"};
	void *found = NULL;
	bool before = looking;
	looking = true;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && !found; i++) {
		found = dlvsym(RTLD_NEXT, name, versions[i]);
		if (!found)
			ct_loader_forget_miss();
	}
	looking = before;
	return found;
}

static bool is_malloc_debug(void *function)
{
	static const char wanted[] = "libc_malloc_debug.so";
	void *symbol;
	Dl_info info;
	if (!function || !dladdr1(function, &info, &symbol, RTLD_DL_SYMENT) || !info.dli_fname)
		return false;
	return !strncmp(ct_base_name(info.dli_fname), wanted, sizeof(wanted) - 1);
}

/*
 * Ours, or the stub of a program that takes the function's address? The stub would lead through the slot that we write,
 * back to us.
 */
static bool is_no_definition(void *found)
{
	const ElfW(Sym) * symbol;
	struct link_map *ours, *object;
	Dl_info info;
	return !dladdr1((const void *)&ct_real, &info, (void **)&ours, RTLD_DL_LINKMAP) ||
	       !dladdr1(found, &info, (void **)&object, RTLD_DL_LINKMAP) || object == ours ||
	       !dladdr1(found, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol || symbol->st_shndx == SHN_UNDEF;
}

/* RTLD_NEXT of a library that was loaded late sees only what that library depends on. */
void *ct_real_next(const char *name)
{
	void *found = ct_real_is_late ? ct_real_find(RTLD_DEFAULT, name) : NULL;
	if (found && is_no_definition(found))
		found = NULL;
	return found ? found : ct_real_find(RTLD_NEXT, name);
}

static void *look_up(const char *name, bool by_version)
{
	void *found = by_version ? versioned(name) : NULL;
	return found ? found : ct_real_next(name);
}

static void look_up_all(void)
{
	bool by_version = ct_loader_is_ours() && is_malloc_debug(versioned("malloc"));
#define CT_HOOK(name, result, parameters) ct_real.name = (result(*) parameters)look_up(#name, by_version);
#include "hooks/hooks.def"
	ct_set_release(&ct_next_syscall, ct_real.syscall);
	ct_real.malloc_usable_size = (size_t(*)(void *))look_up("malloc_usable_size", by_version);
}

bool ct_real_is_sanitizer(void)
{
	if (ct_real_find(RTLD_DEFAULT, "__sanitizer_get_allocated_size"))
		return true;
	ct_loader_forget_miss();
	return false;
}

bool ct_real_is_first(void)
{
	Dl_info first, ours;
	void *symbol;
	void *active = ct_loader_is_ours() ? dlsym(RTLD_DEFAULT, "ctrace_api_is_active") : NULL;
	return !active || !dladdr1(active, &first, &symbol, RTLD_DL_SYMENT) ||
	       !dladdr1((const void *)&ct_real_is_first, &ours, &symbol, RTLD_DL_SYMENT) ||
	       first.dli_fbase == ours.dli_fbase;
}

/*
 * A malloc that comes before ours in the look-up order. All calls by name go there, so if ours is called, the other one
 * has passed a call on.
 */
static struct {
	void *(*next)(size_t bytes); /* the malloc behind ours; NULL: there is no other one before ours */
	uintptr_t start, end; /* its code */
	uint32_t passes_on; /* atomic: it has called our malloc */
	struct ct_text path;
} other;

/* Used as the next malloc until our hook is called for the first time. */
static void *malloc_passed_on(size_t bytes)
{
	ct_set_relaxed(&other.passes_on, 1);
	ct_set_relaxed(&ct_real.malloc, other.next);
	return other.next(bytes);
}

void ct_real_check_malloc(void)
{
	struct ct_object theirs, ours;
	const ElfW(Sym) * symbol;
	Dl_info info;
	void *first = dlsym(RTLD_DEFAULT, "malloc");
	if (!first || !ct_object_find((uintptr_t)first, &theirs) ||
	    !ct_object_find((uintptr_t)&ct_real_check_malloc, &ours) || theirs.start == ours.start)
		return;
	/* If a program takes malloc's address, its stub of that name is found first; the stub goes to our malloc. */
	if (!dladdr1(first, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol || symbol->st_shndx == SHN_UNDEF)
		return;
	ct_object_path(&theirs, &other.path);
	other.start = (uintptr_t)first;
	other.end = other.start + symbol->st_size;
	other.next = ct_real.malloc;
	ct_set_relaxed(&ct_real.malloc, malloc_passed_on);
}

/* Is a return address in the other malloc, which has called one of our functions? */
static bool is_in_stacks(void)
{
	const struct ct_store_header *header = ct_tracer.header;
	const struct ct_module *modules = ct_store_base(CT_SECTION_MODULES);
	uint64_t count = ct_get_acquire(&header->sections[CT_SECTION_NODES].used);
	for (uint64_t i = 1; i < count; i++) {
		const struct ct_node *node = &ct_tracer.nodes[i];
		if (node->module == CT_MODULE_NONE || node->module == CT_MODULE_PSEUDO)
			continue;
		uintptr_t address = modules[node->module].bias + node->address;
		if (address > other.start && address <= other.end)
			return true;
	}
	return false;
}

bool ct_real_say_malloc(void)
{
	if (!other.next || ct_get_relaxed(&other.passes_on) || is_in_stacks())
		return false;
	/* If something was recorded, its calls may be inlined into the code that made them. */
	bool anything = ct_tracer.header->sections[CT_SECTION_SITES].used > 1;
	ct_say("malloc comes from ", other.path.length ? other.path.bytes : "the program itself",
	       anything ? "; the report lacks what it does not pass on" : "; what it allocates is not recorded");
	if (!anything && !(ct_tracer.header->flags >> CT_STORE_BYPASSED_SHIFT))
		ct_tracer.header->flags |= 1u << CT_STORE_BYPASSED_SHIFT;
	return true;
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

/* SPDX-License-Identifier: MIT */
/*
 * libctrace-mmap.so: mmap and its kin, and pthread_create, preloaded behind libctrace.so by `ctrace record --mmap`.
 * Each calls the next definition of its name, and reports to libctrace.so if that library has asked for it. Alone it
 * does nothing else.
 */
#include "mmap.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/compiler.h"
#include "sys/loader.h"
#include "sys/machine.h"

#define PAGE_BYTES 4096u /* the smallest; a length is rounded up to the kernel's own */
#define HUGE_SHIFT 21u /* of MAP_HUGETLB, where the flags do not say */
#define THREAD_BYTES 2304u /* of the C library's struct pthread, which ends where the stack does */

/*
 * The next definitions. NULL: not looked up yet, or, as in a C library before 2.34, none as long as libpthread is not
 * loaded.
 */
static struct {
	void *(*mmap)(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
	int (*munmap)(void *at, size_t bytes);
	void *(*mremap)(void *at, size_t bytes, size_t new_bytes, int flags, ...);
	int (*brk)(void *end);
	void *(*sbrk)(intptr_t growth);
	int (*pthread_create)(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
			      void *argument);
	int (*default_attributes)(pthread_attr_t *attributes);
	int (*attributes_destroy)(pthread_attr_t *attributes);
	int (*get_stack)(const pthread_attr_t *attributes, void **at, size_t *bytes);
	int (*get_guard)(const pthread_attr_t *attributes, size_t *bytes);
	int (*key_create)(pthread_key_t *key, void (*destructor)(void *));
	int (*set_specific)(pthread_key_t key, const void *value);
} real;

static const struct ct_mmap_recorder *recorder;
static pthread_key_t key; /* its destructor runs when a thread with a recorded stack ends */
static bool has_key;

static void thread_ended(void *stack_end)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (to)
		to->thread_ended((uintptr_t)stack_end);
}

static void resolve_threads(void)
{
	real.default_attributes = dlsym(RTLD_NEXT, "pthread_getattr_default_np");
	real.attributes_destroy = dlsym(RTLD_NEXT, "pthread_attr_destroy");
	real.get_stack = dlsym(RTLD_NEXT, "pthread_attr_getstack");
	real.get_guard = dlsym(RTLD_NEXT, "pthread_attr_getguardsize");
	real.key_create = dlsym(RTLD_NEXT, "pthread_key_create");
	real.set_specific = dlsym(RTLD_NEXT, "pthread_setspecific");
	real.pthread_create = dlsym(RTLD_NEXT, "pthread_create");
	if (!has_key && real.key_create && real.set_specific)
		has_key = real.key_create(&key, thread_ended) == 0;
}

static CT_COLD __attribute__((constructor)) void resolve(void)
{
	real.munmap = dlsym(RTLD_NEXT, "munmap");
	real.mremap = dlsym(RTLD_NEXT, "mremap");
	real.brk = dlsym(RTLD_NEXT, "brk");
	real.sbrk = dlsym(RTLD_NEXT, "sbrk");
	resolve_threads();
	ct_set_release(&real.mmap, dlsym(RTLD_NEXT, "mmap"));
}

CT_EXPORT void ctrace_mmap_begin(const struct ct_mmap_recorder *wanted)
{
	if (!real.mmap)
		resolve();
	ct_set_release(&recorder, wanted);
}

/* Into the exported function, whose caller is meant. */
#define SITE(to, stack)                                                                                                \
	((to)->site(ct_machine_plain_pc((uintptr_t)__builtin_return_address(0)), CT_MACHINE_CALLER_SP,                 \
		    *(const uintptr_t *)__builtin_frame_address(0), stack))

/* A system call before the library's constructor. */
static CT_COLD long call_early(long number, long a, long b, long c, long d, long e, long f)
{
	long result = ct_machine_syscall(number, a, b, c, d, e, f);
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

/* The kernel rounds lengths up. Pages of 4 KiB do for larger pages too: nothing else can be in the rest of one. */
static size_t mapped_bytes(size_t bytes, int flags)
{
	unsigned shift = flags & MAP_HUGETLB ? (unsigned)flags >> 26 & 63 : 0;
	if (flags & MAP_HUGETLB)
		return round_up(bytes, (size_t)1 << (shift ? shift : HUGE_SHIFT));
	return round_up(bytes, PAGE_BYTES);
}

static void report(const struct ct_mmap_recorder *to, uint32_t site, void *memory, size_t bytes)
{
	to->begin();
	to->mapped(site, (uintptr_t)memory, bytes);
	to->end();
}

CT_EXPORT void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (ct_unlikely(!ct_get_acquire(&real.mmap)))
		return (void *)call_early(SYS_mmap, (long)at, (long)bytes, protection, flags, fd, offset);
	if (!to)
		return real.mmap(at, bytes, protection, flags, fd, offset);
	void *memory = real.mmap(at, bytes, protection, flags, fd, offset);
	if (memory != MAP_FAILED)
		report(to, SITE(to, false), memory, mapped_bytes(bytes, flags));
	return memory;
}

CT_EXPORT void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset)
	__attribute__((alias("mmap")));

CT_EXPORT int munmap(void *at, size_t bytes)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (ct_unlikely(!ct_get_acquire(&real.mmap)))
		return (int)call_early(SYS_munmap, (long)at, (long)bytes, 0, 0, 0, 0);
	if (!to)
		return real.munmap(at, bytes);
	to->begin();
	int result = real.munmap(at, bytes);
	if (!result)
		to->unmapped((uintptr_t)at, round_up(bytes, PAGE_BYTES));
	to->end();
	return result;
}

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* mremap has failed, maybe half-way. */
static void doubt(const struct ct_mmap_recorder *to, void *at, size_t bytes, void *fixed, size_t new_bytes, int flags)
{
	if (!(flags & MREMAP_FIXED))
		return;
	to->doubted((uintptr_t)at, bytes);
	to->doubted((uintptr_t)fixed, new_bytes);
}

CT_EXPORT void *mremap(void *at, size_t bytes, size_t new_bytes, int flags, ...)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	va_list more;
	va_start(more, flags);
	void *fixed = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(more, void *) : NULL;
	va_end(more);
	if (ct_unlikely(!ct_get_acquire(&real.mmap)))
		return (void *)call_early(SYS_mremap, (long)at, (long)bytes, (long)new_bytes, flags, (long)fixed, 0);
	if (!to)
		return real.mremap(at, bytes, new_bytes, flags, fixed);
	uint32_t site = SITE(to, false);
	to->begin();
	void *memory = real.mremap(at, bytes, new_bytes, flags, fixed);
	bytes = round_up(bytes, PAGE_BYTES);
	new_bytes = round_up(new_bytes, PAGE_BYTES);
	if (memory == MAP_FAILED)
		doubt(to, at, bytes, fixed, new_bytes, flags);
	else if (!bytes) /* a shared mapping a second time */
		to->mapped(site, (uintptr_t)memory, new_bytes);
	else if (flags & MREMAP_DONTUNMAP)
		to->copied(site, (uintptr_t)at, bytes, (uintptr_t)memory);
	else
		to->moved(site, (uintptr_t)at, bytes, (uintptr_t)memory, new_bytes);
	to->end();
	return memory;
}

static void report_break(const struct ct_mmap_recorder *to, uint32_t site, char *before, char *after)
{
	if (after > before)
		to->mapped(site, (uintptr_t)before, (size_t)(after - before));
	else if (after < before)
		to->unmapped((uintptr_t)after, (size_t)(before - after));
}

CT_EXPORT int brk(void *end)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (!real.brk)
		resolve();
	if (!to)
		return real.brk(end);
	uint32_t site = SITE(to, false);
	to->begin();
	char *before = real.sbrk(0);
	int result = real.brk(end);
	if (!result)
		report_break(to, site, before, end);
	to->end();
	return result;
}

CT_EXPORT void *sbrk(intptr_t growth)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (!real.sbrk)
		resolve();
	if (!to || !growth)
		return real.sbrk(growth);
	uint32_t site = SITE(to, false);
	to->begin();
	char *before = real.sbrk(growth);
	if (before != (void *)-1)
		report_break(to, site, before, before + growth);
	to->end();
	return before;
}

/* --- stacks of threads --- */

/* The thread's first function. It leaves no frame, so that the thread's stacks begin as they do without us. */
static void *begin_thread(void *number)
{
	uintptr_t stack_end = (uintptr_t)__builtin_thread_pointer() + THREAD_BYTES;
	struct ct_mmap_thread thread = ct_get_acquire(&recorder)->thread_began((uint32_t)(uintptr_t)number, stack_end);
	real.set_specific(key, (void *)stack_end);
	return thread.function(thread.argument);
}

/* The bytes that the C library maps for a thread's stack, with its guard. 0: the program gives the stack. */
static __attribute__((noinline)) size_t stack_bytes(const pthread_attr_t *attributes)
{
	pthread_attr_t defaults;
	size_t bytes = 0, guard = 0;
	void *at = NULL;
	bool known;
	if (!real.default_attributes || !real.attributes_destroy || !real.get_stack || !real.get_guard ||
	    real.default_attributes(&defaults))
		return 0;
	known = !real.get_stack(attributes ? attributes : &defaults, &at, &bytes) &&
		!real.get_guard(attributes ? attributes : &defaults, &guard) && !((uintptr_t)at + bytes) &&
		(bytes || !real.get_stack(&defaults, &at, &bytes));
	real.attributes_destroy(&defaults);
	return known ? round_up(bytes, PAGE_BYTES) + round_up(guard, PAGE_BYTES) : 0;
}

/* Left by a jump: the C library allocates inside, and the stacks of its blocks must be as without us. */
CT_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
			     void *argument)
{
	const struct ct_mmap_recorder *to = ct_get_acquire(&recorder);
	if (!real.pthread_create)
		resolve_threads();
	if (!real.pthread_create)
		return EAGAIN;
	size_t bytes = to && has_key ? stack_bytes(attributes) : 0;
	uint32_t site = bytes ? SITE(to, true) : 0;
	uint32_t number = site ? to->thread_made(site, bytes, (struct ct_mmap_thread){function, argument}) : 0;
	if (number) {
		function = begin_thread;
		argument = (void *)(uintptr_t)number;
	}
	return real.pthread_create(thread, attributes, function, argument);
}

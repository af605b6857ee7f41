/* SPDX-License-Identifier: MIT */
/*
 * What libctrace.so and libctrace-mmap.so say to each other. The second library has mmap and its kin, so that the first
 * one need not have them: where mappings are not recorded, none of them costs anything.
 */
#ifndef CT_MMAP_H
#define CT_MMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a thread was created to do. */
struct ct_mmap_thread {
	void *(*function)(void *);
	void *argument;
};

/* What becomes of the program's mappings. Any thread, at any time, even in a signal handler. */
struct ct_mmap_recorder {
	/* The site of a call by the function whose registers these are. 0: it is not recorded. */
	uint32_t (*site)(uintptr_t pc, uintptr_t sp, uintptr_t bp, bool stack);

	/*
	 * Around a call that gives memory back, and around the following five. So no other thread's mapping comes
	 * between what the kernel does and what is written down. They nest.
	 */
	void (*begin)(void);
	void (*end)(void);

	/* A call at this site has mapped a range, which replaces what was there. */
	void (*mapped)(uint32_t site, uintptr_t start, size_t bytes);

	void (*unmapped)(uintptr_t start, size_t bytes);

	/* Parts of a range may be gone, after an mremap that has failed: the kernel unmaps the target first. */
	void (*doubted)(uintptr_t start, size_t bytes);

	/* mremap; site: that of the call, for a mapping that is not known. */
	void (*moved)(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to, size_t new_bytes);

	/* With MREMAP_DONTUNMAP. */
	void (*copied)(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to);

	/*
	 * A thread is being created at this site, with a stack of this size. Returns its number; 0: it is not recorded.
	 * The new thread asks for its function by the number, and from then on its stack counts.
	 */
	uint32_t (*thread_made)(uint32_t site, size_t stack_bytes, struct ct_mmap_thread thread);
	struct ct_mmap_thread (*thread_began)(uint32_t number, uintptr_t stack_end);
	void (*thread_ended)(uintptr_t stack_end);
};

/* Let libctrace-mmap.so report mappings from now on. Weak: that library may be missing. */
__attribute__((weak, visibility("default"))) void ctrace_mmap_begin(const struct ct_mmap_recorder *recorder);

#endif

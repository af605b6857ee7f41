/* SPDX-License-Identifier: MIT */
/*
 * The hooked functions that allocate and free. Each is guard, real call, record, leave. A block's row is taken out of
 * the map before the real free or realloc, which may give the block's address to another thread. Hot path, any thread.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "heap/allocator.h"
#include "heap/real.h"
#include "hooks/entries.h"
#include "hooks/operators.h"
#include "hot/blocks.h"
#include "hot/control.h"
#include "hot/record.h"
#include "sys/loader.h"
#include "hot/sample.h"
#include "hot/slow.h"
#include "life/attach.h"
#include "sys/say.h"

void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);
void cfree(void *block);

/*
 * Calls that are not recorded: before the start, after the end, or from inside the tracer. While dlsym looks up the
 * real functions, and whenever the tracer asks the loader for something, the bootstrap arena serves the calls. So the
 * program's heap stays as it would be without us.
 */
static CT_COLD void *pass_alloc(size_t alignment, size_t bytes)
{
	if (ct_real_is_looking())
		return NULL;
	bool resolved = ct_real_resolve();
	void *block = resolved && !ct_is_own() ? NULL : ct_bootstrap_alloc(alignment, bytes);
	if (block || !resolved)
		return block;
	return alignment ? ct_real.memalign(alignment, bytes) : ct_real.malloc(bytes);
}

static CT_COLD void *pass_calloc(size_t count, size_t size)
{
	if (ct_real_resolve() && !ct_is_own())
		return ct_real.calloc(count, size);
	size_t bytes;
	void *block = __builtin_mul_overflow(count, size, &bytes) ? NULL : pass_alloc(0, bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

static CT_COLD void *pass_realloc(void *block, size_t bytes)
{
	bool ours = ct_bootstrap_owns(block);
	if (block && !ours && ct_real_resolve())
		return ct_real.realloc(block, bytes);
	void *copy = pass_alloc(0, bytes);
	if (copy && ours) {
		size_t old = ct_bootstrap_bytes(block);
		memcpy(copy, block, old < bytes ? old : bytes);
	}
	return copy;
}

static CT_COLD void pass_free(void *block)
{
	if (ct_bootstrap_owns(block) || !ct_real_resolve())
		return;
	ct_real.free(block);
}

/*
 * Free a block without a row: NULL, or one that was allocated before the start or by code that is not hooked. This is
 * not a loss if an operator delete has taken the row, or if the loader frees what it got while we asked it for
 * something.
 */
static CT_COLD void free_unknown(void *block)
{
	if (block && !ct_tracer.partial && block != ct_deleting && !ct_bootstrap_owns(block))
		ct_count_loss(CT_LOSS_UNKNOWN_FREE);
	pass_free(block);
}

/*
 * malloc and its kin look at the control page first, before they have a frame. Two jumps follow from there: to the real
 * function, if the call passes through, or to one of two functions below: NAME_exact records everything; NAME_special
 * does what is left: a new request, a block of the sample, a pause.
 */
static __attribute__((noinline)) void *malloc_exact(size_t size)
{
	if (!ct_enter())
		return pass_alloc(0, size);
	void *block = ct_real.malloc(size);
	if (block)
		ct_record_alloc_exact(CT_CALLER, block, size);
	ct_leave();
	return block;
}

static CT_COLD void *malloc_special(size_t size)
{
	ct_control_follow();
	if (!ct_enter())
		return pass_alloc(0, size);
	void *block = ct_real.malloc(size);
	if (block)
		ct_record_alloc(CT_CALLER, block, size);
	ct_leave();
	return block;
}

CT_EXPORT void *malloc(size_t size)
{
	uint32_t word = ct_control_word();
	if (ct_likely(word == ct_words.exact))
		return malloc_exact(size);
	if (word == ct_words.off || (word == ct_words.sample && ct_sample_skips(size)))
		return ct_real.malloc(size);
	return malloc_special(size);
}

static __attribute__((noinline)) void *calloc_exact(size_t count, size_t size)
{
	if (!ct_enter())
		return pass_calloc(count, size);
	void *block = ct_real.calloc(count, size);
	if (block)
		ct_record_alloc_exact(CT_CALLER, block, count * size);
	ct_leave();
	return block;
}

static CT_COLD void *calloc_special(size_t count, size_t size)
{
	ct_control_follow();
	if (!ct_enter())
		return pass_calloc(count, size);
	void *block = ct_real.calloc(count, size);
	if (block)
		ct_record_alloc(CT_CALLER, block, count * size);
	ct_leave();
	return block;
}

CT_EXPORT void *calloc(size_t count, size_t size)
{
	uint32_t word = ct_control_word();
	if (ct_likely(word == ct_words.exact))
		return calloc_exact(count, size);
	if (word == ct_words.off || (word == ct_words.sample && ct_sample_skips(count * size)))
		return ct_real.calloc(count, size);
	return calloc_special(count, size);
}

static inline __attribute__((always_inline)) void free_between(bool exact, void *block)
{
	if (!ct_enter()) {
		pass_free(block);
		return;
	}
	uint32_t row = ct_block_take((uintptr_t)block);
	if (ct_unlikely(!row)) {
		free_unknown(block);
	} else {
		ct_record_free_as(exact, row, block);
		ct_real.free(block);
	}
	ct_leave();
}

static __attribute__((noinline, flatten)) void free_exact(void *block)
{
	free_between(true, block);
}

static CT_COLD void free_special(void *block)
{
	ct_control_follow();
	free_between(false, block);
}

CT_EXPORT void free(void *block)
{
	uint32_t word = ct_control_word();
	if (ct_likely(word == ct_words.exact))
		free_exact(block);
	else if ((word == ct_words.off || (word == ct_words.sample && ct_sample_lacks(block))) &&
		 !ct_bootstrap_owns(block))
		ct_real.free(block);
	else
		free_special(block);
}

CT_EXPORT void cfree(void *block)
{
	free(block);
}

CT_EXPORT void free_sized(void *block, size_t size)
{
	(void)size;
	free(block);
}

CT_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
	(void)alignment;
	(void)size;
	free(block);
}

/* realloc's work between guard and leave. */
static inline void *resize(const struct ct_registers *caller, void *block, size_t bytes)
{
	if (ct_unlikely(ct_bootstrap_owns(block))) {
		void *copy = pass_realloc(block, bytes);
		if (copy)
			ct_record_alloc(caller, copy, bytes);
		return copy;
	}
	uint32_t row = block ? ct_block_take((uintptr_t)block) : 0;
	void *moved = ct_real.realloc(block, bytes);
	int saved = errno;
	ct_record_resize(caller, row, block, moved, bytes);
	errno = saved;
	return moved;
}

static __attribute__((noinline)) void *realloc_exact(void *block, size_t size)
{
	if (!ct_enter())
		return pass_realloc(block, size);
	void *moved = resize(CT_CALLER, block, size);
	ct_leave();
	return moved;
}

static CT_COLD void *realloc_special(void *block, size_t size)
{
	ct_control_follow();
	if (!ct_enter())
		return pass_realloc(block, size);
	void *moved = resize(CT_CALLER, block, size);
	ct_leave();
	return moved;
}

CT_EXPORT void *realloc(void *block, size_t size)
{
	uint32_t word = ct_control_word();
	if (ct_likely(word == ct_words.exact))
		return realloc_exact(block, size);
	if ((word == ct_words.off || (word == ct_words.sample && ct_sample_lacks(block) && ct_sample_skips(size))) &&
	    !ct_bootstrap_owns(block))
		return ct_real.realloc(block, size);
	return realloc_special(block, size);
}

CT_EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	if (!ct_enter())
		return pass_realloc(block, bytes);
	void *moved = resize(CT_CALLER, block, bytes);
	ct_leave();
	return moved;
}

static inline void record_aligned(const struct ct_registers *caller, void *block, size_t bytes, bool of_another)
{
	if (ct_unlikely(of_another))
		ct_record_alloc_of_another(caller, block, bytes);
	else
		ct_record_alloc(caller, block, bytes);
}

CT_EXPORT int posix_memalign(void **result, size_t alignment, size_t size)
{
	if (!ct_enter()) {
		if (ct_real_resolve())
			return ct_real.posix_memalign(result, alignment, size);
		*result = ct_bootstrap_alloc(alignment, size);
		return *result ? 0 : ENOMEM;
	}
	int error = ct_real.posix_memalign(result, alignment, size);
	ct_new_request.sp = 0; /* libstdc++ 14's aligned operator new asks here, for what it was asked for */
	if (!error && *result)
		record_aligned(CT_CALLER, *result, size, ct_foreign.posix_memalign);
	ct_leave();
	return error;
}

/* `requested` is the size to record. */
#define ALIGNED_HOOK(name, requested)                                                                                  \
	CT_EXPORT void *name(size_t alignment, size_t size)                                                            \
	{                                                                                                              \
		if (!ct_enter())                                                                                       \
			return ct_real_resolve() ? ct_real.name(alignment, size)                                       \
						 : ct_bootstrap_alloc(alignment, size);                                \
		void *block = ct_real.name(alignment, size);                                                           \
		size_t bytes = requested;                                                                              \
		if (block)                                                                                             \
			ct_new_request.sp = 0; /* a failed new runs the new handler and asks again */                  \
		if (block && bytes != CT_RECORDED_BY_NEW)                                                              \
			record_aligned(CT_CALLER, block, bytes, ct_foreign.name);                                      \
		ct_leave();                                                                                            \
		return block;                                                                                          \
	}

/* The alignment is a page, 4096 bytes. */
#define PAGE_HOOK(name)                                                                                                \
	CT_EXPORT void *name(size_t size)                                                                              \
	{                                                                                                              \
		if (!ct_enter())                                                                                       \
			return ct_real_resolve() ? ct_real.name(size) : ct_bootstrap_alloc(4096, size);                \
		void *block = ct_real.name(size);                                                                      \
		if (block)                                                                                             \
			record_aligned(CT_CALLER, block, size, ct_foreign.name);                                       \
		ct_leave();                                                                                            \
		return block;                                                                                          \
	}

/* An aligned operator new rounds the size up to a multiple of the alignment. */
ALIGNED_HOOK(aligned_alloc, ct_requested_bytes(alignment, size, CT_CALLER->sp))
ALIGNED_HOOK(memalign, size)
PAGE_HOOK(valloc)
PAGE_HOOK(pvalloc)

extern const char ct_hooks_are_linked CT_HIDDEN;
const char ct_hooks_are_linked = 1;

/*
 * In most programs an allocation by an earlier library has started us already. Programs that never allocate start here.
 */
__attribute__((constructor)) static void start_at_the_latest(void)
{
	if (ct_attach_init()) /* started by ctrace attach, or not at all */
		return;
	if (ct_start() || ct_get_acquire(&ct_gate.phase) == CT_PHASE_ASLEEP) {
		ct_real_check_malloc();
		ct_entries_init();
		if (ct_tracer.verify) /* else when it may be needed, see hooks/entry_slots.c */
			ct_libunwind_load();
	}
	ct_say_pass_on();
}

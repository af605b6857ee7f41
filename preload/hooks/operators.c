/* SPDX-License-Identifier: MIT */
/*
 * C++'s operators new and delete. Those of libstdc++ and libc++ call malloc and free, which are hooked. Then our
 * operators only jump to the next definition, without a frame of their own. Other allocators (jemalloc, tcmalloc,
 * mimalloc) bring operators that do not go through malloc. Those are recorded here.
 *
 * Each operator jumps through its entry of ct_operator_targets, which hooks/operators_init.c fills. If no global
 * library defines an operator (a C program with a C++ plugin), the caller is needed to find the definition. So each
 * entry begins as a stub that calls ct_operator_resolve.
 *
 * An aligned new rounds the size up before it calls aligned_alloc. Our jump leaves the size that was asked for in
 * ct_new_request, where the hook of aligned_alloc finds it: three stores instead of a frame.
 */
#include "hooks/operators.h"
#include "hot/blocks.h"
#include "hot/record.h"
#include "hot/sample.h"
#include "sys/machine.h"

/* An operator, and the stub in its entry. */
__asm__(CT_STUB_OPERATORS);

#define OPERATOR_new(name) __asm__("ct_operator " #name "\n");
#define OPERATOR_aligned_new(name) __asm__("ct_operator " #name " aligned\n");
#define OPERATOR_delete(name) OPERATOR_new(name)
#define CT_HOOK_NEW(name, kind) OPERATOR_##kind(name)
#include "hooks/hooks.def"

__thread struct ct_new_request ct_new_request;
__thread void *ct_deleting;

_Static_assert(offsetof(struct ct_new_request, bytes) == 0 && offsetof(struct ct_new_request, sp) == 8 &&
		       offsetof(struct ct_new_request, recorded) == 16,
	       "as the jumps write it");

#define CT_HOOK_NEW(name, kind) extern char ct_operator_stub_##name[] __attribute__((visibility("hidden")));
#include "hooks/hooks.def"

void *ct_operator_targets[] = {
#define CT_HOOK_NEW(name, kind) ct_operator_stub_##name,
#include "hooks/hooks.def"
};

void *ct_operator_next[CT_OPERATORS];

/*
 * The operators that are recorded. The real operator runs without the guard: it may throw through us, or call the
 * program's new handler, whose allocations count. All parameters are passed on, as many as the longest operator has.
 */
typedef void *new_function(size_t bytes, uintptr_t second, uintptr_t third);
typedef void delete_function(void *block, uintptr_t second, uintptr_t third);

static inline void *record_new(uint32_t index, const struct ct_registers *caller, size_t bytes, uintptr_t second,
			       uintptr_t third)
{
	ct_new_request.recorded = true;
	void *block = ((new_function *)ct_operator_next[index])(bytes, second, third);
	ct_new_request = (struct ct_new_request){0};
	if (block && ct_enter()) {
		ct_record_alloc(caller, block, bytes);
		ct_leave();
	}
	return block;
}

static inline void record_delete(uint32_t index, void *block, uintptr_t second, uintptr_t third)
{
	if (block && !ct_free_passes(block) && ct_enter()) {
		uint32_t row = ct_block_take((uintptr_t)block);
		if (row)
			ct_record_free(row, block);
		else if (!ct_tracer.partial)
			ct_count_loss(CT_LOSS_UNKNOWN_FREE);
		ct_leave();
	}
	ct_deleting = block;
	((delete_function *)ct_operator_next[index])(block, second, third);
	ct_deleting = NULL;
}

enum operator_index {
#define CT_HOOK_NEW(name, kind) INDEX_##name,
#include "hooks/hooks.def"
};

#define DEFINE_new(name)                                                                                               \
	static void *recorded_##name(size_t bytes, uintptr_t second, uintptr_t third)                                  \
	{                                                                                                              \
		return record_new(INDEX_##name, CT_CALLER, bytes, second, third);                                      \
	}
#define DEFINE_aligned_new(name) DEFINE_new(name)
#define DEFINE_delete(name)                                                                                            \
	static void recorded_##name(void *block, uintptr_t second, uintptr_t third)                                    \
	{                                                                                                              \
		record_delete(INDEX_##name, block, second, third);                                                     \
	}
#define CT_HOOK_NEW(name, kind) DEFINE_##kind(name)
#include "hooks/hooks.def"

void *const ct_operator_recorded[] = {
#define CT_HOOK_NEW(name, kind) (void *)recorded_##name,
#include "hooks/hooks.def"
};

/* SPDX-License-Identifier: MIT */
/*
 * Functions that an allocator has besides malloc and its kin (hooks/entries.def). Programs ask the loader whether they
 * exist, so we must not export them. Instead, hooks/entry_slots.c writes the address of a function of ours into the
 * slots that other objects call the real function through.
 */
#ifndef CT_HOOKS_ENTRIES_H
#define CT_HOOKS_ENTRIES_H

#include "sys/compiler.h"

enum ct_entry_index {
#define CT_ENTRY(name, kind) CT_ENTRY_##name,
#include "hooks/entries.def"
	CT_ENTRIES,
};

struct ct_entry_point {
	const char *name;
	void *ours; /* records, and calls `real` */
	void *real; /* of the first loaded object that has it; NULL: none. Written at start, and under the loader's lock
		     */
	bool foreign; /* not in malloc's object: its blocks are in ct_blocks.foreign_leaves */
	bool is_hook; /* a function of hooks.def: the slots of its own object are wanted too */
};

extern CT_HIDDEN struct ct_entry_point ct_entries[CT_ENTRIES];

/* mimalloc's mi_heap_visit_blocks, and its mi_heap_get_backing; NULL: not loaded. */
typedef bool ct_entry_visitor(const void *heap, const void *area, void *block, size_t bytes, void *context);
extern CT_HIDDEN bool (*ct_entry_visit_heap)(const void *heap, bool blocks, ct_entry_visitor *visitor, void *context);
extern CT_HIDDEN uintptr_t (*ct_entry_first_heap)(void);

/*
 * Find the functions in the loaded objects and write the slots. At start, when the loader has relocated all objects,
 * and again in our constructor.
 */
CT_COLD void ct_entries_init(void);

/*
 * The functions of hooks.def. Only a library that was loaded late needs their slots: a preloaded one is what the loader
 * fills them with.
 */
enum {
	CT_HOOK_POINTS = 0
#define CT_HOOK(name, result, parameters) +1
#define CT_HOOK_ALIAS(name) +1
#define CT_HOOK_NEW(name, kind) +1
#include "hooks/hooks.def"
};

extern CT_HIDDEN struct ct_entry_point ct_hook_points[CT_HOOK_POINTS];

/* The function behind a hook; NULL: the hook is not needed. */
CT_COLD void *ct_hook_point_real(uint32_t index);

/* Loaded late: from now on, all passes write the slots of the hooks too. After ct_entries_init. */
CT_COLD void ct_entries_want_hooks(void);

struct ct_slots_count {
	uint32_t slots; /* written */
	uint32_t objects;
	uint32_t locked; /* slots on pages that could not be made writable */
};

/*
 * Write the slots of all objects, or give all of them back, after which later passes do nothing. Says what was written
 * since the last call.
 */
CT_COLD void ct_entries_pass(bool in, struct ct_slots_count *count);

/* An address in the program; 0: ct_entries_init has not looked yet. */
extern CT_HIDDEN uintptr_t ct_entries_program;

/* Count the functions that are linked into the program, which cannot be recorded, in the store's header. */
CT_COLD void ct_entries_count_bypassed(void);

/* At the end: print a line if there are any. */
CT_COLD void ct_entries_say(void);

#endif

/* SPDX-License-Identifier: MIT */
#include "hot/unwind.h"

#include "cold/cold.h"
#include "hot/state.h"

/* Offsets in the x86-64 kernel's signal frame, from the sp in the trampoline: ucontext_t.uc_mcontext. */
#define SIGNAL_BP 120
#define SIGNAL_SP 160
#define SIGNAL_PC 168

#define RULE_CACHE 16384u /* a power of two */

/* Two words that are not written together: the key is stored xor the rule, so a torn entry matches nothing. */
struct rule_entry {
	uint64_t key_xor_rule;
	uint64_t rule;
};

static struct rule_entry rule_cache[RULE_CACHE];

enum walk_end {
	WALK_ROOT, /* reached the outermost frame */
	WALK_JOINED, /* reached the remembered stack */
	WALK_LOST, /* the callers are unknown */
	WALK_FALLBACK, /* a rule that this unwinder has not: libunwind has to walk */
	WALK_FULL, /* more frames than there is room for */
};

static inline struct ct_rule rule_of(uintptr_t address, uint32_t epoch)
{
	union {
		struct ct_rule rule;
		uint64_t word;
	} found;
	uint64_t key = address | (uint64_t)epoch << 48;
	struct rule_entry *entry = &rule_cache[(address ^ address >> 14) & (RULE_CACHE - 1)];
	found.word = ct_load_relaxed(&entry->rule);
	if (ct_likely((ct_load_relaxed(&entry->key_xor_rule) ^ found.word) == key))
		return found.rule;
	found.rule = ct_cfi_rule(address);
	ct_store_relaxed(&entry->rule, found.word);
	ct_store_relaxed(&entry->key_xor_rule, key ^ found.word);
	return found.rule;
}

static inline bool on_stack(const struct ct_stack_bounds *bounds, uintptr_t address)
{
	return address >= bounds->low && address <= bounds->high - sizeof(uintptr_t) && !(address & 7);
}

static inline uintptr_t load(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

/*
 * From frame to the next outer one, by the rule. On WALK_JOINED (meaning: go on) *outer is filled and
 * frame's slots are set; every other result ends the walk.
 */
static inline enum walk_end step(struct ct_stack_frame *frame, struct ct_rule rule,
				 const struct ct_stack_bounds *bounds, struct ct_registers *outer)
{
	uintptr_t cfa;
	frame->bp_slot = NULL;
	switch ((enum ct_cfa_rule)rule.cfa) {
	case CT_CFA_SP:
		cfa = frame->at.sp + (uintptr_t)(intptr_t)rule.cfa_offset;
		break;
	case CT_CFA_BP:
		cfa = frame->at.bp + (uintptr_t)(intptr_t)rule.cfa_offset;
		break;
	case CT_CFA_BP_LOAD: {
		uintptr_t slot = frame->at.bp + (uintptr_t)(intptr_t)rule.cfa_offset;
		if (!on_stack(bounds, slot))
			return WALK_FALLBACK;
		cfa = load(slot);
		break;
	}
	case CT_CFA_NO_TABLE:
		if (frame->at.sp >= ct_tracer.stack_top) /* the loader's entry code, below constructors */
			return WALK_ROOT;
		if (!on_stack(bounds, frame->at.bp) || frame->at.bp < frame->at.sp)
			return WALK_LOST;
		cfa = frame->at.bp + 2 * sizeof(uintptr_t);
		break;
	case CT_CFA_START:
		frame->exact = true;
		return WALK_ROOT;
	case CT_CFA_END:
		return WALK_ROOT;
	default:
		return WALK_FALLBACK;
	}

	uintptr_t pc_slot = cfa - sizeof(uintptr_t);
	if (ct_unlikely(cfa <= frame->at.sp) || ct_unlikely(!on_stack(bounds, pc_slot)))
		return rule.cfa == CT_CFA_NO_TABLE ? WALK_LOST : WALK_FALLBACK;
	outer->sp = cfa;
	outer->pc = load(pc_slot);
	outer->bp = frame->at.bp;
	if (rule.bp != CT_BP_SAME) {
		uintptr_t slot = (rule.bp == CT_BP_AT_CFA ? cfa : frame->at.bp) + (uintptr_t)(intptr_t)rule.bp_offset;
		if (ct_unlikely(!on_stack(bounds, slot)))
			return WALK_FALLBACK;
		outer->bp = load(slot);
		frame->bp_slot = (const uintptr_t *)slot;
	}
	frame->pc_slot = (const uintptr_t *)pc_slot;
	/* A return address of 0 is how hand-made stacks (coroutines) end. */
	return ct_unlikely(outer->pc == 0) ? WALK_ROOT : WALK_JOINED;
}

/* Bounds of the stack that sp is on, moved to thread->bounds[0]; NULL: none. */
static inline const struct ct_stack_bounds *bounds_of(struct ct_thread *thread, uintptr_t sp)
{
	struct ct_stack_bounds *latest = &thread->bounds[0];
	if (ct_likely(sp >= latest->low && sp < latest->high))
		return latest;
	return ct_stack_find_bounds(thread, sp) ? latest : NULL;
}

#define ALL_STANDS UINT32_MAX

/*
 * Does the remembered stack still stand, from its frame `index` outward? ALL_STANDS, or the innermost
 * frame whose caller has changed.
 */
static inline uint32_t verify(const struct ct_stack_frame *stack, uint32_t index)
{
	for (; index > 0; index--) {
		const struct ct_stack_frame *frame = &stack[index];
		const struct ct_stack_frame *outer = &stack[index - 1];
		if (ct_unlikely(*frame->pc_slot != outer->at.pc))
			return index;
		if (frame->bp_slot && ct_unlikely(*frame->bp_slot != outer->at.bp))
			return index;
	}
	/* Outermost by its rule, or by the return address 0 that it must still have. */
	return !stack[0].pc_slot || *stack[0].pc_slot == 0 ? ALL_STANDS : 0;
}

struct walk {
	uint32_t fresh; /* frames in thread->fresh */
	uint32_t joined; /* remembered frames that still stand, counted from the outermost; 0 = none */
	bool forget; /* crossed a signal frame: slots of two stacks, not to be remembered */
};

/* Load the interrupted code's registers from the kernel's signal frame. */
static bool step_signal(struct ct_thread *thread, const struct ct_stack_bounds *bounds, struct ct_registers *at)
{
	uintptr_t frame = at->sp;
	if (!on_stack(bounds, frame + SIGNAL_PC))
		return false;
	at->pc = load(frame + SIGNAL_PC);
	at->bp = load(frame + SIGNAL_BP);
	at->sp = load(frame + SIGNAL_SP);
	return bounds_of(thread, at->sp) != NULL;
}

static inline enum walk_end walk_stack(struct ct_thread *thread, const struct ct_registers *from, struct walk *walk)
{
	const struct ct_stack_bounds *bounds = bounds_of(thread, from->sp);
	struct ct_registers at = *from;
	uint32_t candidate = thread->depth; /* remembered frames that may still be met */
	bool exact = false;

	walk->fresh = walk->joined = 0;
	walk->forget = false;
	if (ct_unlikely(!bounds))
		return WALK_FALLBACK;
	for (;;) {
		while (candidate && thread->stack[candidate - 1].at.sp < at.sp)
			candidate--;
		if (candidate && thread->stack[candidate - 1].at.sp == at.sp &&
		    thread->stack[candidate - 1].at.pc == at.pc && thread->stack[candidate - 1].at.bp == at.bp) {
			uint32_t changed = verify(thread->stack, candidate - 1);
			if (ct_likely(changed == ALL_STANDS)) {
				walk->joined = candidate;
				return WALK_JOINED;
			}
			if (walk->fresh + (candidate - 1 - changed) + 1 >= CT_STACK_FRAMES)
				return WALK_FULL;
			for (uint32_t i = candidate - 1; i > changed; i--)
				thread->fresh[walk->fresh++] = thread->stack[i];
			at = thread->stack[changed].at;
			candidate = changed;
		}
		if (ct_unlikely(walk->fresh == CT_STACK_FRAMES))
			return WALK_FULL;

		struct ct_stack_frame *frame = &thread->fresh[walk->fresh++];
		frame->at = at;
		frame->exact = exact;
		frame->pc_slot = frame->bp_slot = NULL;
		struct ct_rule rule = rule_of(at.pc - !exact, thread->loader_epoch);
		exact = false;
		if (ct_unlikely(rule.cfa == CT_CFA_SIGNAL)) {
			walk->fresh--; /* the trampoline itself is no caller */
			if (!step_signal(thread, bounds, &at))
				return WALK_LOST;
			bounds = &thread->bounds[0];
			exact = walk->forget = true;
			candidate = 0;
			continue;
		}
		enum walk_end end = step(frame, rule, bounds, &at);
		if (ct_unlikely(end != WALK_JOINED))
			return end;
	}
}

static inline uint32_t child(struct ct_thread *thread, uint32_t parent, const struct ct_stack_frame *frame)
{
	uintptr_t address = frame->at.pc - !frame->exact;
	uint32_t slot = (uint32_t)((address ^ address >> 12) * 31 + parent * 0x9e3779b1u);
	struct ct_node_cache_entry *entry = &thread->node_cache[(slot ^ slot >> 15) & (CT_NODE_CACHE - 1)];
	if (ct_likely(entry->pc == address && entry->parent == parent))
		return entry->node;
	uint32_t node = ct_tree_intern(parent, address);
	if (ct_likely(node))
		*entry = (struct ct_node_cache_entry){.pc = address, .parent = parent, .node = node};
	return node;
}

/*
 * Deeper than the limit: the outer half of the limit is kept, then a mark, then the inner half. Only the
 * outer half's nodes are remembered, since the inner half hangs elsewhere at each depth.
 */
static CT_COLD uint32_t cut_stack(struct ct_thread *thread)
{
	uint32_t half = ct_tracer.depth_limit / 2;
	ct_count_loss(CT_LOSS_TRUNCATED);
	uint32_t node = ct_tree_intern_mark(thread->stack[half - 1].node, CT_MARK_CUT);
	for (uint32_t i = thread->depth - half; node && i < thread->depth; i++)
		node = child(thread, node, &thread->stack[i]);
	return node;
}

/* Put the fresh frames (innermost first) on top of the remembered ones that still stand; find their nodes. */
static inline uint32_t remember(struct ct_thread *thread, const struct walk *walk, uint32_t root)
{
	uint32_t depth = walk->joined;
	uint32_t node = depth ? thread->stack[depth - 1].node : root;
	if (ct_unlikely(walk->fresh + depth > CT_STACK_FRAMES))
		return 0;
	for (uint32_t i = walk->fresh; i-- > 0; depth++) {
		struct ct_stack_frame *frame = &thread->stack[depth];
		*frame = thread->fresh[i];
		frame->node = 0;
		if (ct_likely(depth < ct_tracer.depth_limit)) {
			node = frame->node = child(thread, node, frame);
			if (ct_unlikely(!node)) {
				thread->depth = 0;
				return 0;
			}
		}
	}
	thread->depth = depth;
	if (ct_unlikely(depth > ct_tracer.depth_limit))
		node = cut_stack(thread);
	return node;
}

/* A stack that reaches no root, or too deep to be held: what is known of it, under a mark. */
static CT_COLD uint32_t remember_rootless(struct ct_thread *thread, struct walk *walk, enum ct_mark mark)
{
	ct_count_loss(mark == CT_MARK_CUT ? CT_LOSS_TRUNCATED : CT_LOSS_UNROOTED);
	if (walk->fresh > ct_tracer.depth_limit)
		walk->fresh = ct_tracer.depth_limit;
	walk->joined = 0;
	uint32_t root = ct_tree_intern_mark(0, mark);
	uint32_t node = root ? remember(thread, walk, root) : 0;
	thread->depth = 0;
	return node;
}

static CT_COLD uint32_t unwind_with_libunwind(struct ct_thread *thread, const struct ct_registers *from)
{
	bool complete = false;
	struct walk walk = {.fresh = ct_libunwind_walk(thread, from, &complete)};
	ct_count_loss(CT_LOSS_FALLBACK);
	if (!walk.fresh) {
		thread->fresh[0] = (struct ct_stack_frame){.at = *from};
		walk.fresh = 1;
	}
	if (!complete)
		return remember_rootless(thread, &walk, walk.fresh == CT_STACK_FRAMES ? CT_MARK_CUT : CT_MARK_LOST);
	uint32_t node = remember(thread, &walk, 0);
	thread->depth = 0; /* its slots are not known */
	return node;
}

static CT_COLD void forget_code(struct ct_thread *thread, uint32_t epoch)
{
	__builtin_memset(thread->node_cache, 0, sizeof(thread->node_cache));
	thread->depth = 0;
	thread->loader_epoch = epoch;
}

uint32_t ct_unwind(struct ct_thread *thread, const struct ct_registers *from)
{
	uint32_t epoch = ct_load_relaxed(&ct_tracer.loader_epoch);
	if (ct_unlikely(thread->loader_epoch != epoch))
		forget_code(thread, epoch);

	struct walk walk;
	enum walk_end end = walk_stack(thread, from, &walk);
	uint32_t node;
	switch (end) {
	case WALK_JOINED:
	case WALK_ROOT:
		node = remember(thread, &walk, 0);
		break;
	case WALK_FULL:
		return remember_rootless(thread, &walk, CT_MARK_CUT);
	case WALK_LOST:
		return remember_rootless(thread, &walk, CT_MARK_LOST);
	default:
		return unwind_with_libunwind(thread, from);
	}
	if (ct_unlikely(ct_tracer.verify))
		ct_verify_stack(thread, from, thread->stack, thread->depth);
	if (ct_unlikely(walk.forget))
		thread->depth = 0;
	return node;
}

/* SPDX-License-Identifier: MIT */
#include "hot/unwind.h"

#include "cold/cold.h"
#include "hot/state.h"

/* Offsets in the x86-64 kernel's signal frame, from the sp in the trampoline: ucontext_t.uc_mcontext. */
#define SIGNAL_BP 120
#define SIGNAL_SP 160
#define SIGNAL_PC 168

#define RULE_CACHE_SHIFT 16
enum walk_end {
	WALK_ON, /* not ended */
	WALK_ROOT, /* reached the outermost frame */
	WALK_JOINED, /* reached the remembered stack */
	WALK_LOST, /* the callers are unknown */
	WALK_FALLBACK, /* a rule that this unwinder has not: libunwind has to walk */
	WALK_FULL, /* more frames than there is room for */
};

/* What is known of a lookup address; 0 = no memory. */
static inline uint64_t code_of(const struct ct_thread *thread, uintptr_t address)
{
	uint64_t key = ct_code_key(address, thread->loader_epoch);
	uint64_t code = ct_table_get(&ct_tracer.code, key);
	return ct_likely(code != 0) ? code : ct_code_read(key, address);
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
 * From frame, which `at` has the registers of, to the next outer one by one of the two usual rules. Without branches:
 * what comes next is as irregular as the program. WALK_ON: *at is the outer frame, frame's slots are set.
 */
static inline enum walk_end step(struct ct_stack_frame *frame, struct ct_rule rule, uintptr_t high,
				 struct ct_registers *at)
{
	uintptr_t cfa = (rule.cfa == CT_CFA_SP ? at->sp : at->bp) + (uintptr_t)(intptr_t)rule.cfa_offset;
	uintptr_t pc_slot = cfa - sizeof(uintptr_t);
	uintptr_t saved = -(uintptr_t)rule.bp; /* all ones: CT_BP_AT_CFA */
	uintptr_t bp_slot = pc_slot + (saved & ((uintptr_t)(intptr_t)rule.bp_offset + sizeof(uintptr_t)));
	uintptr_t room = high - at->sp;
	if (ct_unlikely(pc_slot - at->sp >= room) || ct_unlikely(bp_slot - at->sp >= room) ||
	    ct_unlikely((pc_slot | bp_slot) & 7))
		return WALK_FALLBACK;
	frame->pc_slot = (const uintptr_t *)pc_slot;
	frame->bp_slot = (const uintptr_t *)(bp_slot & saved);
	at->pc = load(pc_slot);
	at->sp = cfa;
	at->bp ^= (at->bp ^ load(bp_slot)) & saved;
	return WALK_ON;
}

/* By one of the others. */
static __attribute__((noinline)) enum walk_end step_rare(struct ct_stack_frame *frame, struct ct_rule rule,
							 const struct ct_stack_bounds *bounds, struct ct_registers *at)
{
	uintptr_t cfa;
	switch ((enum ct_cfa_rule)rule.cfa) {
	case CT_CFA_SP:
		cfa = at->sp + (uintptr_t)(intptr_t)rule.cfa_offset;
		break;
	case CT_CFA_BP:
		cfa = at->bp + (uintptr_t)(intptr_t)rule.cfa_offset;
		break;
	case CT_CFA_BP_LOAD: {
		uintptr_t slot = at->bp + (uintptr_t)(intptr_t)rule.cfa_offset;
		if (!on_stack(bounds, slot))
			return WALK_FALLBACK;
		cfa = load(slot);
		break;
	}
	case CT_CFA_NO_TABLE:
		if (at->sp >= ct_tracer.stack_top) /* the loader's entry code, below constructors */
			return WALK_ROOT;
		if (!on_stack(bounds, at->bp) || at->bp < at->sp)
			return WALK_LOST;
		cfa = at->bp + 2 * sizeof(uintptr_t);
		break;
	case CT_CFA_START:
		frame->exact = true;
		frame->place = 0;
		return WALK_ROOT;
	case CT_CFA_END:
		return WALK_ROOT;
	default:
		return WALK_FALLBACK;
	}

	uintptr_t pc_slot = cfa - sizeof(uintptr_t);
	frame->uses_bp = rule.cfa != CT_CFA_SP || rule.bp == CT_BP_AT_BP;
	if (cfa <= at->sp || !on_stack(bounds, pc_slot))
		return rule.cfa == CT_CFA_NO_TABLE ? WALK_LOST : WALK_FALLBACK;
	if (rule.bp != CT_BP_SAME) {
		uintptr_t slot = (rule.bp == CT_BP_AT_CFA ? cfa : at->bp) + (uintptr_t)(intptr_t)rule.bp_offset;
		if (!on_stack(bounds, slot))
			return WALK_FALLBACK;
		at->bp = load(slot);
		frame->bp_slot = (const uintptr_t *)slot;
	}
	at->pc = load(pc_slot);
	at->sp = cfa;
	frame->pc_slot = (const uintptr_t *)pc_slot;
	return WALK_ON;
}

/* Bounds of the stack that sp is on, moved to thread->bounds[0]; NULL: none. */
static inline const struct ct_stack_bounds *bounds_of(struct ct_thread *thread, uintptr_t sp)
{
	struct ct_stack_bounds *latest = &thread->bounds[0];
	if (ct_likely(sp >= latest->low && sp < latest->high))
		return latest;
	return ct_stack_find_bounds(thread, sp) ? latest : NULL;
}

static inline uint16_t *meeting_place(struct ct_thread *thread, uintptr_t sp)
{
	return &thread->met_at[(sp >> 3) & (CT_MEETING_PLACES - 1)];
}

#define ALL_STANDS UINT32_MAX

/*
 * Does the remembered stack still stand, from its frame `index` outward? ALL_STANDS, or the innermost
 * frame whose caller has changed.
 */
static inline uint32_t verify(const struct ct_thread *thread, uint32_t index)
{
	const struct ct_check *check = &thread->checks[thread->stack[index].checks];
	for (;; check -= 4) { /* checks[0] never holds */
		if (ct_unlikely(*check[0].slot != check[0].value))
			break;
		if (ct_unlikely(*check[-1].slot != check[-1].value)) {
			check -= 1;
			break;
		}
		if (ct_unlikely(*check[-2].slot != check[-2].value)) {
			check -= 2;
			break;
		}
		if (ct_unlikely(*check[-3].slot != check[-3].value)) {
			check -= 3;
			break;
		}
	}
	uint32_t changed = (uint32_t)(check - thread->checks);
	if (ct_likely(changed == 0))
		return ALL_STANDS;
	while (index > 0 && thread->stack[index - 1].checks >= changed)
		index--;
	return index;
}

struct walk {
	uint32_t fresh; /* frames in thread->fresh */
	uint32_t joined; /* remembered frames that still stand, counted from the outermost; 0 = none */
	bool forget; /* crossed a signal frame: slots of two stacks, not to be remembered */
};

/* Load the interrupted code's registers from the kernel's signal frame. */
static __attribute__((noinline)) enum walk_end
step_signal(struct ct_thread *thread, const struct ct_stack_bounds *bounds, struct ct_registers *at)
{
	uintptr_t frame = at->sp;
	if (!on_stack(bounds, frame + SIGNAL_PC))
		return WALK_LOST;
	at->pc = load(frame + SIGNAL_PC);
	at->bp = load(frame + SIGNAL_BP);
	at->sp = load(frame + SIGNAL_SP);
	return bounds_of(thread, at->sp) ? WALK_ON : WALK_LOST;
}

static inline enum walk_end walk_stack(struct ct_thread *thread, const struct ct_registers *from, struct walk *walk)
{
	const struct ct_stack_bounds *bounds = bounds_of(thread, from->sp);
	struct ct_registers at = *from;
	uint32_t standing = thread->depth; /* remembered frames that may still be met */
	uint32_t fresh = 0;
	bool exact = false;
	enum walk_end end;

	walk->joined = 0;
	walk->forget = false;
	if (ct_unlikely(!bounds))
		return WALK_FALLBACK;
	do {
		uint32_t index = *meeting_place(thread, at.sp) - 1u;
		const struct ct_remembered *met = &thread->stack[index];
		if (index < standing && met->at.sp == at.sp && met->at.pc == at.pc &&
		    (met->at.bp == at.bp || !met->needs_bp)) {
			standing = verify(thread, index);
			if (ct_likely(standing == ALL_STANDS)) {
				walk->joined = index + 1;
				end = WALK_JOINED;
				break;
			}
		}
		if (ct_unlikely(fresh == CT_STACK_FRAMES)) {
			end = WALK_FULL;
			break;
		}

		struct ct_stack_frame *frame = &thread->fresh[fresh++];
		uint64_t code = code_of(thread, at.pc - !exact);
		struct ct_rule rule = ct_code_rule(code);
		frame->at = at;
		frame->exact = exact;
		frame->place = ct_code_place(code);
		frame->uses_bp = rule.cfa == CT_CFA_BP;
		exact = false;
		if (ct_likely((rule.cfa | rule.bp) <= 1)) {
			end = step(frame, rule, bounds->high, &at);
		} else if (rule.cfa == CT_CFA_SIGNAL) {
			fresh--; /* the trampoline itself is no caller */
			end = step_signal(thread, bounds, &at);
			bounds = &thread->bounds[0];
			exact = walk->forget = true;
			standing = 0;
		} else {
			struct ct_registers outer = at;
			frame->pc_slot = frame->bp_slot = NULL;
			end = step_rare(frame, rule, bounds, &outer);
			at = outer;
		}
		if (ct_unlikely(at.pc == 0) && end == WALK_ON) { /* how hand-made stacks (coroutines) end */
			frame->bp_slot = NULL;
			end = WALK_ROOT;
		}
	} while (ct_likely(end == WALK_ON));
	walk->fresh = fresh;
	return end;
}

static CT_COLD uint32_t place_of(const struct ct_thread *thread, const struct ct_stack_frame *frame)
{
	return ct_code_place(code_of(thread, frame->at.pc - !frame->exact));
}

/* Node and site of a place below a node: the value of ct_tracer.tree; 0 = no memory. */
static inline uint64_t child(uint64_t key)
{
	uint64_t value = ct_table_get(&ct_tracer.tree, key);
	return ct_likely(value != 0) ? value : ct_tree_intern(key);
}

static inline uint64_t key_below(uint32_t parent, uint32_t place)
{
	return (uint64_t)parent << 32 | place;
}

/*
 * Deeper than the limit: the outer half of the limit is kept, then a mark, then the inner half. Only the
 * outer half's nodes are remembered, since the inner half hangs elsewhere at each depth.
 */
static CT_COLD uint32_t cut_stack(struct ct_thread *thread)
{
	uint32_t half = ct_tracer.depth_limit / 2;
	uint64_t key = 0;
	uint64_t value = ct_tree_intern_mark(thread->stack[half - 1].node, CT_MARK_CUT);
	ct_count_loss(CT_LOSS_TRUNCATED);
	for (uint32_t i = thread->depth - half; value && i < thread->depth; i++) {
		key = key_below((uint32_t)value, (uint32_t)thread->stack[i].key);
		value = child(key);
	}
	return value ? ct_tree_site(key) : 0;
}

/*
 * How this frame's caller is verified. A saved bp that no frame farther out uses may change: -fomit-frame-pointer makes
 * bp a register like any other.
 */
static inline uint32_t add_checks(struct ct_check *checks, uint32_t last, const struct ct_stack_frame *frame,
				  const struct ct_remembered *caller)
{
	checks[last + 1] = (struct ct_check){frame->pc_slot, caller->at.pc};
	last += frame->pc_slot != NULL;
	checks[last + 1] = (struct ct_check){frame->bp_slot, caller->at.bp};
	return last + (frame->bp_slot && caller->needs_bp);
}

/*
 * Put the fresh frames (innermost first) on top of the remembered ones that still stand, find their nodes and
 * the site of the innermost.
 */
static inline uint32_t remember(struct ct_thread *thread, const struct walk *walk, uint32_t root)
{
	static const struct ct_remembered none;
	uint32_t depth = walk->joined;
	struct ct_remembered *frame = depth ? &thread->stack[depth - 1] : NULL;
	const struct ct_remembered *caller = depth ? frame : &none;
	uint32_t node = depth ? caller->node : root;
	if (ct_unlikely(walk->fresh + depth > CT_STACK_FRAMES))
		return 0;
	for (uint32_t i = walk->fresh; i-- > 0; depth++) {
		struct ct_stack_frame *fresh = &thread->fresh[i];
		if (ct_unlikely(!fresh->place))
			fresh->place = place_of(thread, fresh);
		frame = &thread->stack[depth];
		frame->at = fresh->at;
		frame->key = key_below(node, fresh->place);
		frame->checks = add_checks(thread->checks, caller->checks, fresh, caller) & (UINT32_MAX >> 1);
		frame->needs_bp = fresh->uses_bp || (!fresh->bp_slot && caller->needs_bp);
		*meeting_place(thread, frame->at.sp) = (uint16_t)(depth + 1);
		uint64_t value = 0;
		if (ct_likely(depth < ct_tracer.depth_limit)) {
			value = ct_likely(fresh->place) ? child(frame->key) : 0;
			if (ct_unlikely(!value)) {
				thread->depth = 0;
				return 0;
			}
		}
		node = frame->node = (uint32_t)value;
		frame->site = (uint32_t)(value >> 32);
		caller = frame;
	}
	thread->depth = depth;
	if (ct_unlikely(depth > ct_tracer.depth_limit))
		return cut_stack(thread);
	if (ct_unlikely(!frame->site))
		frame->site = ct_tree_site(frame->key);
	return frame->site;
}

/* A stack that reaches no root, or too deep to be held: what is known of it, under a mark. */
static CT_COLD uint32_t remember_rootless(struct ct_thread *thread, struct walk *walk, enum ct_mark mark)
{
	ct_count_loss(mark == CT_MARK_CUT ? CT_LOSS_TRUNCATED : CT_LOSS_UNROOTED);
	if (walk->fresh > ct_tracer.depth_limit)
		walk->fresh = ct_tracer.depth_limit;
	walk->joined = 0;
	uint32_t root = (uint32_t)ct_tree_intern_mark(0, mark);
	uint32_t site = root ? remember(thread, walk, root) : 0;
	thread->depth = 0;
	return site;
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
	uint32_t site = remember(thread, &walk, 0);
	thread->depth = 0; /* its slots are not known */
	return site;
}

uint32_t ct_unwind(struct ct_thread *thread, const struct ct_registers *from)
{
	uint32_t epoch = ct_load_relaxed(&ct_tracer.loader_epoch);
	if (ct_unlikely(thread->loader_epoch != epoch)) {
		thread->loader_epoch = epoch;
		thread->depth = 0;
	}

	struct walk walk;
	enum walk_end end = walk_stack(thread, from, &walk);
	if (ct_unlikely(end > WALK_JOINED))
		return end == WALK_FALLBACK
			       ? unwind_with_libunwind(thread, from)
			       : remember_rootless(thread, &walk, end == WALK_FULL ? CT_MARK_CUT : CT_MARK_LOST);
	uint32_t site = remember(thread, &walk, 0);
	if (ct_unlikely(ct_tracer.verify))
		ct_verify_stack(thread, from);
	if (ct_unlikely(walk.forget))
		thread->depth = 0;
	return site;
}

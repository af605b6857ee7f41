/* SPDX-License-Identifier: MIT */
/*
 * One walk along the stack: from the hook's caller outward until it meets a frame of the remembered stack that still
 * stands, or an outermost frame. The frames on the way are in thread->fresh. Hot path; for unwind.c only.
 */
#ifndef CT_HOT_WALK_H
#define CT_HOT_WALK_H

#include "hot/slow.h"
#include "hot/state.h"
#include "hot/unwind.h"
#include "sys/machine.h"

enum walk_end {
	WALK_ON, /* not ended */
	WALK_JOINED, /* reached the remembered stack */
	WALK_THREAD, /* reached the outermost frame of a thread */
	WALK_ROOT, /* reached an outermost frame of another kind (coroutines) */
	WALK_LOST, /* the callers are unknown */
	WALK_FALLBACK, /* this unwinder does not have the rule: libunwind must walk */
	WALK_FULL, /* more frames than there is room for */
};

/* What is known of a lookup address (ct_code_pack); 0: no memory. */
static inline uint64_t code_of(const struct ct_thread *thread, uintptr_t address)
{
	uint64_t key = ct_code_key(address, thread->code_epoch);
	uint64_t code = ct_table_get(&ct_tracer.code, ct_code_hash(key), key);
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
 * Step from `frame` (registers in `at`) to its caller, whose pc is read from the slot in `from`, using one of the two
 * common rules. Without branches, because which rule comes next is as unpredictable as the program. These rules save bp
 * at or above sp, or so little below it that the slot is in our own frames: the load is always safe.
 */
static inline enum walk_end step(struct ct_stack_frame *frame, struct ct_rule rule, uintptr_t high,
				 struct ct_registers *at, struct ct_machine_return *from)
{
	uintptr_t cfa = (rule.cfa == CT_CFA_SP ? at->sp : at->bp) + (uintptr_t)(intptr_t)rule.cfa_offset;
	uintptr_t saved = -(uintptr_t)rule.bp; /* all ones if bp is saved at the CFA, else 0 */
	uintptr_t bp_slot = cfa + (uintptr_t)(intptr_t)rule.bp_offset; /* some slot when bp is not saved */
	uintptr_t pc_slot = ct_machine_return_slot(cfa, rule.bp_offset);
	if (ct_unlikely(pc_slot - at->sp > high - at->sp - sizeof(uintptr_t)))
		return WALK_FALLBACK;
	frame->bp_slot = (const uintptr_t *)(bp_slot & saved);
	ct_machine_return_keep(from, pc_slot);
	at->pc = ct_machine_plain_pc(load(pc_slot));
	at->sp = cfa;
	at->bp ^= (at->bp ^ load(bp_slot)) & saved;
	return WALK_ON;
}

#define STACK_END_BYTES 128u

/*
 * A frame in code without a table, with no frame pointer: is it the first one of a coroutine? At the very end of the
 * stack, or with a return address of 0 and a bp of 0, as coroutines begin.
 */
static inline bool is_coroutines_root(const struct ct_stack_bounds *bounds, const struct ct_registers *at)
{
	return bounds->high - at->sp < STACK_END_BYTES || (!at->bp && on_stack(bounds, at->sp) && !load(at->sp));
}

/* The same for the remaining rules. own: on the thread's own stack. */
static enum walk_end step_rare(struct ct_stack_frame *frame, struct ct_rule rule, const struct ct_stack_bounds *bounds,
			       bool own, struct ct_registers *at, struct ct_machine_return *from)
{
	uintptr_t cfa;
	switch ((enum ct_cfa_rule)rule.cfa) {
	case CT_CFA_SP:
	case CT_CFA_NEAR_SP:
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
		if (!on_stack(bounds, at->bp) || at->bp < at->sp) {
			if (rule.cfa_offset != CT_CFA_PLANTED || frame->exact)
				return !own && is_coroutines_root(bounds, at) ? WALK_ROOT : WALK_LOST;
			frame->exact = true;
			frame->place = 0;
			return WALK_ROOT;
		}
		cfa = at->bp + 2 * sizeof(uintptr_t);
		break;
	case CT_CFA_START:
		frame->exact = true;
		frame->place = 0;
		return WALK_ROOT;
	case CT_CFA_END:
		return WALK_THREAD;
	default:
		return WALK_FALLBACK;
	}

	bool near_sp = rule.cfa == CT_CFA_NEAR_SP;
	uintptr_t from_here = near_sp ? at->sp : cfa;
	uintptr_t pc_slot = ct_machine_return_slot(from_here, rule.bp_offset);
	frame->uses_bp = (rule.cfa != CT_CFA_SP && !near_sp) || rule.bp == CT_BP_AT_BP;
	if (cfa <= at->sp || !on_stack(bounds, pc_slot))
		return rule.cfa == CT_CFA_NO_TABLE ? WALK_LOST : WALK_FALLBACK;
	if (rule.bp != CT_BP_SAME) {
		uintptr_t slot = (rule.bp == CT_BP_AT_CFA ? from_here : at->bp) + (uintptr_t)(intptr_t)rule.bp_offset;
		if (!on_stack(bounds, slot))
			return WALK_FALLBACK;
		at->bp = load(slot);
		frame->bp_slot = (const uintptr_t *)slot;
	}
	ct_machine_return_keep(from, pc_slot);
	at->pc = ct_machine_plain_pc(load(pc_slot));
	at->sp = cfa;
	return WALK_ON;
}

static inline uint32_t *meeting_place(struct ct_thread *thread, uintptr_t sp)
{
	return &thread->met_at[(sp >> 3) & (CT_MEETING_PLACES - 1)];
}

/*
 * Like ct_count_standing, but checks the frames from `index` outward. It stops at the first frame that has changed, so
 * it never reads from a stack that is gone.
 */
static inline uint32_t count_standing_below(const struct ct_thread *thread, uint32_t index)
{
	const struct ct_check *check = &thread->checks[thread->stack[index].checks];
	while (ct_likely(*check->slot == check->value)) /* the first check always fails */
		check--;
	return check == thread->checks ? index + 1
				       : ct_standing_above(thread, index, (uint32_t)(check - thread->checks));
}

/*
 * What a thread can have done to its stack in this many ticks, in bytes that it copied there; a call counts as
 * CALL_COST of them. In each cycle a processor copies at most 32 bytes (more only inside its first cache) or makes one
 * call, and a tick, which is 1 ns or less, has at most four cycles. The rest is for that cache, and for what is
 * executed before, or after, the reading of the clock that comes first in the program.
 */
static inline uint64_t work_in(uint64_t ticks, uint64_t step)
{
	return ticks < 1u << 24 && step < 1u << 24 ? (ticks + step) * 128 + 65536 : UINT64_MAX;
}

#define CALL_COST 32u

/*
 * Like count_standing_below, but by those checks alone that can have begun to fail since the last look. For a frame to
 * change and for this one to look the same, all frames from there to here must have been made again: each by a call,
 * or by copying its bytes. The bytes alone would be no bound, since a call can leave any number of them as they are.
 */
static inline uint32_t count_standing_near(const struct ct_thread *thread, uint32_t index)
{
	uint64_t since = thread->looked_ticks ? ct_ticks() - thread->looked_ticks : UINT64_MAX;
	uint64_t work = work_in(since, ct_tracer.clock_step);
	uintptr_t inner = thread->stack[index].at.sp;
	for (uint32_t i = thread->stack[index].checks; i > 0; i--) {
		const struct ct_check *check = &thread->checks[i];
		uintptr_t bytes = (uintptr_t)check->slot - inner;
		if (*check->slot != check->value)
			return ct_standing_above(thread, index, i);
		inner += bytes;
		bytes = bytes < CALL_COST ? bytes : CALL_COST;
		if (bytes > work)
			break;
		work -= bytes;
	}
	return index + 1;
}

/* What walk_stack finds. `own` is set before. */
struct walk {
	struct ct_machine_return from; /* after a rare step, and at the end: where the pc was read */
	const uintptr_t *root_slot; /* where the outermost frame's return address of 0 was read; NULL: nowhere */
	uint32_t fresh; /* number of frames in thread->fresh */
	uint32_t joined; /* number of remembered frames that still stand, from the outermost; 0: none */
	bool guessed; /* went through code without an unwind table */
	bool own; /* on the thread's own stack */
	bool forget; /* went through our own code, a signal frame or Go code: its slots are on several stacks, so it is
		      * not remembered
		      */
	bool interrupted; /* the latest step was over a signal frame */
	uintptr_t link; /* and this was in the register for return addresses */
	struct ct_go go;
	struct ct_registers at; /* after a rare step */
};

/* Load the interrupted code's registers from the kernel's signal frame. */
static enum walk_end step_signal(struct ct_thread *thread, struct ct_registers *at, uintptr_t *link)
{
	uintptr_t frame = at->sp;
	if (!on_stack(&thread->bounds[0], frame + CT_SIGNAL_PC_OFFSET))
		return WALK_LOST;
	at->pc = load(frame + CT_SIGNAL_PC_OFFSET);
	at->bp = load(frame + CT_SIGNAL_BP_OFFSET);
	*link = load(frame + CT_SIGNAL_LINK_OFFSET);
	at->sp = load(frame + CT_SIGNAL_SP_OFFSET);
	return ct_is_on_latest_stack(thread, at->sp) || ct_stack_find_bounds(thread, at->sp) ? WALK_ON : WALK_LOST;
}

static enum walk_end step_go(struct ct_thread *thread, struct walk *walk, struct ct_registers *at)
{
	if (!walk->go.begun) {
		if (!walk->own)
			ct_stack_check_bounds(thread, at->sp);
		walk->go.before = walk->go.system = thread->bounds[0];
		if (walk->own)
			walk->go.system.high = thread->anchor;
		walk->go.begun = walk->forget = true;
		walk->own = false;
	}
	enum ct_go_step step = ct_go_step(thread, &walk->go, at);
	return step == CT_GO_ON ? WALK_ON : step == CT_GO_ROOT ? WALK_ROOT : WALK_LOST;
}

/* Step over an interrupted function that has not saved its return address. No other frame can be like that. */
static enum walk_end step_link(const struct walk *walk, const struct ct_stack_frame *frame, struct ct_rule rule,
			       struct ct_registers *at)
{
	if (!frame->exact)
		return WALK_FALLBACK;
	at->pc = ct_machine_plain_pc(walk->link);
	at->sp += (uintptr_t)(intptr_t)rule.cfa_offset;
	return WALK_ON;
}

/*
 * After a frame whose record of its caller's bp and pc does not show its caller's sp: if the caller's rule needs sp,
 * find it by the record that the caller's bp points to. Nothing verifies that.
 */
static enum walk_end find_sp(struct ct_thread *thread, struct walk *walk, struct ct_registers *at)
{
	struct ct_rule rule = ct_code_rule(code_of(thread, at->pc - 1));
	if (rule.cfa != CT_CFA_SP && rule.cfa != CT_CFA_NEAR_SP)
		return WALK_ON;
	uintptr_t cfa_offset = rule.cfa == CT_CFA_SP ? (uintptr_t)(intptr_t)rule.cfa_offset : 0;
	uintptr_t sp = at->bp - (uintptr_t)(intptr_t)rule.bp_offset - cfa_offset;
	if (rule.bp != CT_BP_AT_CFA || sp < at->sp || !on_stack(&thread->bounds[0], sp))
		return WALK_LOST;
	at->sp = sp;
	walk->forget = true;
	return WALK_ON;
}

/* Step over a frame that most stacks do not have: a signal frame, or one with a rare rule. */
static __attribute__((noinline)) enum walk_end walk_rare(struct ct_thread *thread, struct walk *walk,
							 struct ct_stack_frame *frame, struct ct_rule rule)
{
	struct ct_registers at = frame->at;
	enum walk_end end;
	frame->bp_slot = NULL;
	walk->from = (struct ct_machine_return){};
	bool is_own = rule.cfa == CT_CFA_OWN_SP || rule.cfa == CT_CFA_OWN_BP;
	if (is_own) {
		rule.cfa -= CT_CFA_OWN_SP - CT_CFA_SP;
		walk->fresh--;
		walk->forget = true; /* nothing would verify where the frame was called from */
	}
	if (rule.cfa == CT_CFA_GO) {
		end = step_go(thread, walk, &at);
	} else if (rule.cfa == CT_CFA_SIGNAL) {
		end = step_signal(thread, &at, &walk->link);
		walk->fresh--; /* the trampoline is not a caller */
		walk->interrupted = walk->forget = true;
	} else if (rule.cfa == CT_CFA_NO_TABLE && rule.cfa_offset == CT_CFA_IN_LIBC) {
		end = walk->own && ct_stack_ends_in_libc(thread, at.sp) ? WALK_THREAD : WALK_LOST;
	} else if (rule.cfa == CT_CFA_LINK) {
		end = step_link(walk, frame, rule, &at);
	} else {
		if (rule.cfa == CT_CFA_NO_TABLE && !walk->guessed) {
			walk->guessed = true;
			if (!walk->own)
				ct_stack_check_bounds(thread, at.sp);
		}
		struct ct_stack_bounds bounds = thread->bounds[0];
		if (walk->own) /* what lies above may be something else, and be unmapped */
			bounds.high = thread->anchor;
		end = step_rare(frame, rule, &bounds, walk->own, &at, &walk->from);
		if (!CT_MACHINE_RECORD_IS_AT_CFA && rule.cfa == CT_CFA_NO_TABLE && end == WALK_ON && at.pc)
			end = find_sp(thread, walk, &at);
	}
	walk->at = at;
	return end;
}

/* Walk from `from` outward until the walk meets one of the `standing` remembered frames, or ends otherwise. */
/*
 * The remembered frame at this sp, if there is one; otherwise one farther out. On one stack, sp grows from each frame
 * to its caller. So each remembered frame is passed once in a walk, which begins at index `standing` - 1.
 */
static inline uint32_t frame_at(const struct ct_thread *thread, uint32_t index, uintptr_t sp)
{
	while (index && thread->stack[index].at.sp < sp)
		index--;
	return index;
}

/* deep: stack[] has so many frames that most are no longer in met_at. */
static inline __attribute__((always_inline)) enum walk_end walk_stack(struct ct_thread *thread,
								      const struct ct_registers *from,
								      struct walk *walk, uint32_t standing,
								      bool counted, bool deep)
{
	uint32_t innermost = standing - 1u;
	const struct ct_stack_bounds *bounds = &thread->bounds[0];
	struct ct_registers at = *from;
	struct ct_machine_return slot = {};
	uintptr_t address = at.pc - 1;
	walk->root_slot = NULL;
	walk->fresh = walk->joined = 0;
	walk->guessed = walk->forget = walk->interrupted = walk->go.begun = walk->go.on_goroutine = false;
	for (;;) {
		uint32_t index = *meeting_place(thread, at.sp) - 1u;
		if (deep && standing && (index >= standing || thread->stack[index].at.sp != at.sp))
			index = innermost = frame_at(thread, innermost, at.sp);
		if (index < standing && ct_is_at(&thread->stack[index], &at)) {
			if (ct_unlikely(!counted))
				standing = (deep ? count_standing_near : count_standing_below)(thread, index);
			if (ct_likely(index < standing)) {
				walk->joined = index + 1;
				walk->from = slot;
				return WALK_JOINED;
			}
		}
		if (ct_unlikely(walk->fresh == thread->room))
			return WALK_FULL;

		struct ct_stack_frame *frame = &thread->fresh[walk->fresh++];
		uint64_t code = code_of(thread, address);
		struct ct_rule rule = ct_code_rule(code);
		frame->at = at;
		frame->from = slot;
		frame->place = ct_code_place(code);
		frame->exact = address == at.pc;
		frame->uses_bp = rule.cfa; /* CT_CFA_BP is 1; step_rare sets it for the other rules */
		enum walk_end end;
		if (ct_likely((rule.cfa | rule.bp) <= 1)) { /* one of the two common rules: cfa and bp are 0 or 1 */
			end = step(frame, rule, bounds->high, &at, &slot);
			address = at.pc - 1;
		} else {
			end = walk_rare(thread, walk, frame, rule);
			at = walk->at;
			slot = walk->from;
			address = at.pc - !walk->interrupted;
			standing = walk->forget ? 0 : standing;
			walk->interrupted = false;
		}
		if (ct_unlikely(end != WALK_ON))
			return end;
		if (ct_unlikely(at.pc == 0)) { /* hand-made stacks (coroutines) end like this */
			frame->bp_slot = NULL;
			walk->root_slot = ct_machine_return_kept(&slot, at.sp);
			return WALK_ROOT;
		}
	}
}

/* The same, with room for the frames. */
static inline __attribute__((always_inline)) enum walk_end walk_in_room(struct ct_thread *thread,
									const struct ct_registers *from,
									struct walk *walk, uint32_t standing,
									bool counted, bool deep)
{
	for (;;) {
		enum walk_end end = walk_stack(thread, from, walk, standing, counted, deep);
		uint32_t frames = walk->fresh + walk->joined + (end == WALK_FULL);
		if (ct_likely(frames <= thread->room))
			return end;
		if (!ct_thread_grow(thread, frames))
			return WALK_FULL;
		if (end != WALK_FULL)
			return end;
	}
}

#endif

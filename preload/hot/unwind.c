/* SPDX-License-Identifier: MIT */
#include "hot/unwind.h"

#include "cold/cold.h"
#include "hot/state.h"

/* Offsets in the x86-64 kernel's signal frame, from the sp in the trampoline: ucontext_t.uc_mcontext. */
#define SIGNAL_BP 120
#define SIGNAL_SP 160
#define SIGNAL_PC 168

#define RULE_CACHE_SHIFT 16
#define KEY_ADDRESS_BITS 48
#define HASH_FACTOR 0x9e3779b97f4a7c15ull

/* Two words that are not written together: the key is stored xor the rule, so a torn entry matches nothing. */
struct rule_entry {
	uint64_t key_xor_rule;
	uint64_t rule;
};

static struct rule_entry rule_cache[1u << RULE_CACHE_SHIFT];

enum walk_end {
	WALK_ON, /* not ended */
	WALK_ROOT, /* reached the outermost frame */
	WALK_JOINED, /* reached the remembered stack */
	WALK_LOST, /* the callers are unknown */
	WALK_FALLBACK, /* a rule that this unwinder has not: libunwind has to walk */
	WALK_FULL, /* more frames than there is room for */
};

/* Part of every key: what was read of code is void once the loader may have put other code there. */
static inline uint64_t epoch_key(const struct ct_thread *thread)
{
	return (uint64_t)(thread->loader_epoch + 1) << KEY_ADDRESS_BITS;
}

static inline bool holds_rule(const struct rule_entry *entry, uint64_t key, uint64_t *rule)
{
	*rule = ct_load_relaxed(&entry->rule);
	return ct_likely((ct_load_relaxed(&entry->key_xor_rule) ^ *rule) == key);
}

static inline struct rule_entry *first_place(uint64_t address)
{
	return &rule_cache[(address ^ address >> RULE_CACHE_SHIFT) & ((1u << RULE_CACHE_SHIFT) - 1)];
}

/* Not in its first place: in its second, or not read yet. */
static CT_COLD uint64_t find_rule(uint64_t address, uint64_t key)
{
	struct rule_entry *first = first_place(address);
	struct rule_entry *second = &rule_cache[address * HASH_FACTOR >> (64 - RULE_CACHE_SHIFT)];
	uint64_t rule;
	if (holds_rule(second, key, &rule))
		return rule;
	rule = ct_rule_pack(ct_cfi_rule(address));
	uint64_t resident = ct_load_relaxed(&first->key_xor_rule) ^ ct_load_relaxed(&first->rule);
	struct rule_entry *entry = (resident ^ key) >> KEY_ADDRESS_BITS ? first : second;
	ct_store_relaxed(&entry->rule, rule);
	ct_store_relaxed(&entry->key_xor_rule, key ^ rule);
	return rule;
}

static inline struct ct_rule rule_of(uint64_t address, uint64_t epoch)
{
	uint64_t rule;
	if (ct_unlikely(!holds_rule(first_place(address), address | epoch, &rule)))
		rule = find_rule(address, address | epoch);
	return ct_rule_unpack(rule);
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
	uint64_t epoch = epoch_key(thread);
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
		struct ct_rule rule = rule_of(at.pc - !exact, epoch);
		frame->at = at;
		frame->exact = exact;
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

static inline uint32_t child(struct ct_thread *thread, uint32_t parent, uintptr_t address)
{
	uint64_t key = address | epoch_key(thread);
	uint64_t place = parent + (address * HASH_FACTOR >> 40);
	struct ct_node_cache_entry *entry = &thread->node_cache[place & (CT_NODE_CACHE - 1)];
	if (ct_likely(entry->key == key && entry->parent == parent))
		return entry->node;
	uint32_t node = ct_tree_intern(parent, address);
	if (ct_likely(node))
		*entry = (struct ct_node_cache_entry){.key = key, .parent = parent, .node = node};
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
		node = child(thread, node, thread->stack[i].at.pc - !thread->stack[i].exact);
	return node;
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

/* Put the fresh frames (innermost first) on top of the remembered ones that still stand; find their nodes. */
static inline uint32_t remember(struct ct_thread *thread, const struct walk *walk, uint32_t root)
{
	static const struct ct_remembered none;
	uint32_t depth = walk->joined;
	const struct ct_remembered *caller = depth ? &thread->stack[depth - 1] : &none;
	uint32_t node = depth ? caller->node : root;
	if (ct_unlikely(walk->fresh + depth > CT_STACK_FRAMES))
		return 0;
	for (uint32_t i = walk->fresh; i-- > 0; depth++) {
		const struct ct_stack_frame *fresh = &thread->fresh[i];
		struct ct_remembered *frame = &thread->stack[depth];
		frame->at = fresh->at;
		frame->node = 0;
		frame->checks = add_checks(thread->checks, caller->checks, fresh, caller) & (UINT32_MAX >> 2);
		frame->needs_bp = fresh->uses_bp || (!fresh->bp_slot && caller->needs_bp);
		frame->exact = fresh->exact;
		*meeting_place(thread, frame->at.sp) = (uint16_t)(depth + 1);
		if (ct_likely(depth < ct_tracer.depth_limit)) {
			node = frame->node = child(thread, node, frame->at.pc - !frame->exact);
			if (ct_unlikely(!node)) {
				thread->depth = 0;
				return 0;
			}
		}
		caller = frame;
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
	uint32_t node = remember(thread, &walk, 0);
	if (ct_unlikely(ct_tracer.verify))
		ct_verify_stack(thread, from);
	if (ct_unlikely(walk.forget))
		thread->depth = 0;
	return node;
}

/* SPDX-License-Identifier: MIT */
#include "hot/unwind.h"

#include "hot/slow.h"
#include "hot/state.h"
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
	uint64_t key = ct_code_key(address, thread->loader_epoch);
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

/* The stack slot of the return address that led to this sp, which is the callee's CFA. */
static inline const uintptr_t *return_slot(uintptr_t sp)
{
	return (const uintptr_t *)(sp + CT_RETURN_OFFSET);
}

/*
 * Step from `frame` (registers in `at`) to its caller, using one of the two common rules. Without branches, because
 * which rule comes next is as unpredictable as the program. These rules save bp at or above sp, or so little below it
 * that the slot is in our own frames: the load is always safe.
 */
static inline enum walk_end step(struct ct_stack_frame *frame, struct ct_rule rule, uintptr_t high,
				 struct ct_registers *at)
{
	uintptr_t cfa = (rule.cfa == CT_CFA_SP ? at->sp : at->bp) + (uintptr_t)(intptr_t)rule.cfa_offset;
	uintptr_t pc_slot = cfa + CT_RETURN_OFFSET;
	uintptr_t saved = -(uintptr_t)rule.bp; /* all ones if bp is saved at the CFA, else 0 */
	uintptr_t bp_slot = cfa + (uintptr_t)(intptr_t)rule.bp_offset; /* CFA - 8 when bp is not saved */
	if (ct_unlikely(pc_slot - at->sp > high - at->sp - sizeof(uintptr_t)))
		return WALK_FALLBACK;
	frame->bp_slot = (const uintptr_t *)(bp_slot & saved);
	at->pc = load(pc_slot);
	at->sp = cfa;
	at->bp ^= (at->bp ^ load(bp_slot)) & saved;
	return WALK_ON;
}

/* The same for the remaining rules. */
static enum walk_end step_rare(struct ct_stack_frame *frame, struct ct_rule rule, const struct ct_stack_bounds *bounds,
			       struct ct_registers *at)
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
		return WALK_THREAD;
	default:
		return WALK_FALLBACK;
	}

	uintptr_t pc_slot = cfa + CT_RETURN_OFFSET;
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
	return WALK_ON;
}

static inline uint16_t *meeting_place(struct ct_thread *thread, uintptr_t sp)
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

/* What walk_stack finds. `own` is set before. */
struct walk {
	const uintptr_t *root_slot; /* where the outermost frame's return address of 0 was read; NULL: nowhere */
	uint32_t fresh; /* number of frames in thread->fresh */
	uint32_t joined; /* number of remembered frames that still stand, from the outermost; 0: none */
	bool guessed; /* went through code without an unwind table */
	bool own; /* on the thread's own stack */
	bool forget; /* went through a signal frame: its slots are on two stacks, so it is not remembered */
	bool interrupted; /* the latest step was over a signal frame */
	struct ct_registers at; /* after a rare step */
};

/* Load the interrupted code's registers from the kernel's signal frame. */
static enum walk_end step_signal(struct ct_thread *thread, struct ct_registers *at)
{
	uintptr_t frame = at->sp;
	if (!on_stack(&thread->bounds[0], frame + CT_SIGNAL_PC_OFFSET))
		return WALK_LOST;
	at->pc = load(frame + CT_SIGNAL_PC_OFFSET);
	at->bp = load(frame + CT_SIGNAL_BP_OFFSET);
	at->sp = load(frame + CT_SIGNAL_SP_OFFSET);
	return ct_is_on_latest_stack(thread, at->sp) || ct_stack_find_bounds(thread, at->sp) ? WALK_ON : WALK_LOST;
}

/* Step over a frame that most stacks do not have: a signal frame, or one with a rare rule. */
static __attribute__((noinline)) enum walk_end walk_rare(struct ct_thread *thread, struct walk *walk,
							 struct ct_stack_frame *frame, struct ct_rule rule)
{
	struct ct_registers at = frame->at;
	enum walk_end end;
	frame->bp_slot = NULL;
	if (rule.cfa == CT_CFA_SIGNAL) {
		end = step_signal(thread, &at);
		walk->fresh--; /* the trampoline is not a caller */
		walk->interrupted = walk->forget = true;
	} else {
		if (rule.cfa == CT_CFA_NO_TABLE && !walk->guessed) {
			walk->guessed = true;
			if (!walk->own)
				ct_stack_check_bounds(thread, at.sp);
		}
		struct ct_stack_bounds bounds = thread->bounds[0];
		if (walk->own) /* what lies above may be something else, and be unmapped */
			bounds.high = thread->anchor;
		end = step_rare(frame, rule, &bounds, &at);
	}
	walk->at = at;
	return end;
}

/* Walk from `from` outward until the walk meets one of the `standing` remembered frames, or ends otherwise. */
static inline enum walk_end walk_stack(struct ct_thread *thread, const struct ct_registers *from, struct walk *walk,
				       uint32_t standing, bool counted)
{
	const struct ct_stack_bounds *bounds = &thread->bounds[0];
	struct ct_registers at = *from;
	uintptr_t address = at.pc - 1;
	walk->root_slot = NULL;
	walk->fresh = walk->joined = 0;
	walk->guessed = walk->forget = walk->interrupted = false;
	for (;;) {
		uint32_t index = *meeting_place(thread, at.sp) - 1u;
		if (index < standing && ct_is_at(&thread->stack[index], &at)) {
			if (ct_unlikely(!counted))
				standing = count_standing_below(thread, index);
			if (ct_likely(index < standing)) {
				walk->joined = index + 1;
				return WALK_JOINED;
			}
		}
		if (ct_unlikely(walk->fresh == CT_STACK_FRAMES))
			return WALK_FULL;

		struct ct_stack_frame *frame = &thread->fresh[walk->fresh++];
		uint64_t code = code_of(thread, address);
		struct ct_rule rule = ct_code_rule(code);
		frame->at = at;
		frame->place = ct_code_place(code);
		frame->exact = address == at.pc;
		frame->uses_bp = rule.cfa; /* CT_CFA_BP is 1; step_rare sets it for the other rules */
		enum walk_end end;
		if (ct_likely((rule.cfa | rule.bp) <= 1)) { /* one of the two common rules: cfa and bp are 0 or 1 */
			end = step(frame, rule, bounds->high, &at);
			address = at.pc - 1;
		} else {
			end = walk_rare(thread, walk, frame, rule);
			at = walk->at;
			address = at.pc - !walk->interrupted;
			standing = walk->interrupted ? 0 : standing;
			walk->interrupted = false;
		}
		if (ct_unlikely(end != WALK_ON))
			return end;
		if (ct_unlikely(at.pc == 0)) { /* hand-made stacks (coroutines) end like this */
			frame->bp_slot = NULL;
			walk->root_slot = return_slot(at.sp);
			return WALK_ROOT;
		}
	}
}

static CT_COLD uint32_t place_of(const struct ct_thread *thread, const struct ct_stack_frame *frame)
{
	return ct_code_place(code_of(thread, frame->at.pc - !frame->exact));
}

static CT_COLD uint64_t make_child(uint32_t hash, uint64_t key, bool *making)
{
	if (!*making)
		ct_tree_begin();
	*making = true;
	return ct_tree_intern(hash, key);
}

/*
 * Node and site of a place below a node, as a value of ct_tracer.tree. 0: no memory. *making: ct_tree_end must follow.
 */
static inline uint64_t child(uint32_t hash, uint64_t key, bool *making)
{
	uint64_t value = ct_table_get(&ct_tracer.tree, ct_hash_slot(hash), key);
	return ct_likely(value != 0) ? value : make_child(hash, key, making);
}

/*
 * The stack is deeper than the limit: keep the outer half of the limit, then a pseudo frame, then the inner half. Only
 * the nodes of the outer half are remembered, since the inner half has other nodes at each depth.
 */
static CT_COLD uint32_t cut_stack(struct ct_thread *thread, bool *making)
{
	uint32_t half = ct_tracer.depth_limit / 2;
	uint64_t key = 0;
	uint64_t value = ct_tree_intern_pseudo(thread->stack[half - 1].node, CT_PSEUDO_CUT);
	uint32_t hash = value ? ct_node_hash((uint32_t)value) : 0;
	ct_count_loss(CT_LOSS_TRUNCATED);
	for (uint32_t i = thread->depth - half; value && i < thread->depth; i++) {
		uint32_t place = thread->stack[i].place;
		hash = ct_hash_below(hash, place);
		key = ct_tree_key((uint32_t)value, place);
		value = child(hash, key, making);
	}
	return value ? ct_tree_site(hash, key) : 0;
}

#define PREFETCH_ENTRIES (1u << 16) /* 1 MiB; smaller tables stay in the cache */
#define PREFETCH_FRAMES 3u

/* Load the nodes of a new stack from a large table at the same time, not one after the other. */
static inline void prefetch_nodes(const struct ct_thread *thread, uint32_t fresh, uint32_t hash)
{
	const struct ct_table *tree = ct_get_acquire(&ct_tracer.tree);
	if (ct_likely(tree->mask < PREFETCH_ENTRIES || fresh < PREFETCH_FRAMES))
		return;
	while (fresh-- > 0) {
		hash = ct_hash_below(hash, thread->fresh[fresh].place);
		__builtin_prefetch(&tree->entries[ct_hash_slot(hash) & tree->mask]);
	}
}

/*
 * Put the fresh frames (innermost first) on top of the remembered ones that still stand. Find their nodes, and the site
 * of the innermost. A saved bp that no outer frame uses is not verified: with -fomit-frame-pointer, bp is a register
 * like any other.
 */
static inline uint32_t remember_frames(struct ct_thread *thread, const struct walk *walk, uint32_t root, bool *making)
{
	uint32_t depth = walk->joined;
	struct ct_remembered *frame = thread->stack;
	struct ct_check *check = &thread->checks[0];
	const uintptr_t *pc_slot = walk->root_slot;
	struct ct_registers caller = {0, 0, 0};
	uint32_t node = root;
	uint32_t hash;
	uint32_t needs_bp = 0;
	if (ct_unlikely(walk->fresh + depth > CT_STACK_FRAMES))
		return 0;
	if (ct_likely(depth)) {
		frame += depth - 1;
		check = &thread->checks[frame->checks];
		caller = frame->at;
		pc_slot = return_slot(caller.sp);
		node = frame->node;
		hash = frame->hash;
		needs_bp = frame->needs_bp;
	} else {
		hash = ct_node_hash(root);
	}
	prefetch_nodes(thread, walk->fresh, hash);
	for (uint32_t i = walk->fresh; i-- > 0;) {
		struct ct_stack_frame *fresh = &thread->fresh[i];
		check[1] = (struct ct_check){pc_slot, caller.pc};
		check += pc_slot != NULL;
		check[1] = (struct ct_check){fresh->bp_slot, caller.bp};
		check += (fresh->bp_slot != NULL) & needs_bp;
		needs_bp = fresh->uses_bp | (needs_bp & (fresh->bp_slot == NULL));
		caller = fresh->at;
		pc_slot = return_slot(caller.sp);

		uint32_t place = fresh->place;
		if (ct_unlikely(!place))
			place = place_of(thread, fresh);
		hash = ct_hash_below(hash, place);
		uint64_t value = 0;
		if (ct_likely(depth < ct_tracer.depth_limit)) {
			value = ct_likely(place) ? child(hash, ct_tree_key(node, place), making) : 0;
			if (ct_unlikely(!value)) {
				thread->depth = 0;
				return 0;
			}
		}
		node = (uint32_t)value;
		frame = &thread->stack[depth++];
		*frame = (struct ct_remembered){
			.at = caller,
			.place = place,
			.hash = hash,
			.node = node,
			.site = (uint32_t)(value >> 32),
			.checks = (uint32_t)(check - thread->checks),
			.needs_bp = needs_bp,
		};
		*meeting_place(thread, caller.sp) = (uint16_t)depth;
	}
	thread->depth = depth;
	check[1] = thread->checks[0];
	if (ct_unlikely(depth > ct_tracer.depth_limit))
		return cut_stack(thread, making);
	if (ct_unlikely(!frame->site)) {
		uint32_t parent = depth > 1 ? frame[-1].node : root;
		frame->site = ct_tree_site(frame->hash, ct_tree_key(parent, frame->place));
	}
	return frame->site;
}

static uint32_t remember(struct ct_thread *thread, const struct walk *walk, uint32_t root)
{
	bool making = false;
	uint32_t site = remember_frames(thread, walk, root, &making);
	if (ct_unlikely(making))
		ct_tree_end();
	return site;
}

/* The stack reaches no root, or is too deep to be held: make a site of the known part of it, below a pseudo frame. */
static CT_COLD uint32_t remember_rootless(struct ct_thread *thread, struct walk *walk, enum ct_pseudo mark)
{
	ct_count_loss(mark == CT_PSEUDO_CUT ? CT_LOSS_TRUNCATED : CT_LOSS_UNROOTED);
	if (walk->fresh > ct_tracer.depth_limit)
		walk->fresh = ct_tracer.depth_limit;
	walk->joined = 0;
	uint32_t root = (uint32_t)ct_tree_intern_pseudo(thread->root, mark);
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
		return remember_rootless(thread, &walk, walk.fresh == CT_STACK_FRAMES ? CT_PSEUDO_CUT : CT_PSEUDO_LOST);
	uint32_t site = remember(thread, &walk, thread->root);
	thread->depth = 0; /* its slots are not known, so it cannot be verified */
	return site;
}

static inline struct ct_path *path_place(struct ct_thread *thread, const struct ct_registers *from)
{
	return &thread->paths[(from->pc ^ from->sp >> 4 ^ from->sp >> 13) & (CT_PATHS - 1)];
}

static inline bool is_same(const struct ct_registers *a, const struct ct_registers *b, uint32_t with_bp)
{
	return a->pc == b->pc && a->sp == b->sp && (a->bp == b->bp || !with_bp);
}

/* The site of a stack that takes a known path to a standing frame. 0: it does not. */
static inline uint32_t site_by_path(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing)
{
	const struct ct_path *path = path_place(thread, from);
	if (!is_same(&path->from, from, path->needs_bp) || path->joined > standing ||
	    path->epoch != thread->loader_epoch)
		return 0;
	const struct ct_remembered *to = &thread->stack[path->joined - 1];
	if (to->node != path->node || !is_same(&to->at, &path->to, to->needs_bp))
		return 0;
	for (uint32_t i = 0; i < path->count; i++)
		if (*path->checks[i].slot != path->checks[i].value)
			return 0;
	return path->site;
}

/* Remember the path that was just walked from `from` to the frame stack[joined - 1]. */
static inline void keep_path(struct ct_thread *thread, const struct ct_registers *from, uint32_t joined, uint32_t site)
{
	const struct ct_remembered *last = &thread->stack[thread->depth - 1];
	const struct ct_remembered *to = &thread->stack[joined - 1];
	uint32_t count = last->checks - to->checks;
	if (count > CT_PATH_CHECKS || !last->site)
		return;
	struct ct_path *path = path_place(thread, from);
	path->from = *from;
	path->to = to->at;
	path->joined = joined;
	path->node = to->node;
	path->site = site;
	path->epoch = thread->loader_epoch;
	path->count = count;
	path->needs_bp = last->needs_bp;
	for (uint32_t i = 0; i < count; i++)
		path->checks[i] = thread->checks[to->checks + 1 + i];
}

uint32_t ct_unwind_walk(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing, bool counted)
{
	if (ct_unlikely(!ct_is_on_latest_stack(thread, from->sp)) && !ct_stack_find_bounds(thread, from->sp))
		return unwind_with_libunwind(thread, from);

	uint32_t site = counted ? site_by_path(thread, from, standing) : 0;
	if (site) {
		if (ct_unlikely(ct_tracer.verify))
			ct_verify_site(thread, from, site);
		return site;
	}
	struct walk walk;
	walk.own = ct_is_own_stack(thread, from->sp);
	/*
	 * Frames that were found by guessing may not be on this stack any more: part of it may have been unmapped, or
	 * another stack may be in its place.
	 */
	if (ct_unlikely(thread->guessed) && !walk.own && !ct_stack_check_bounds(thread, from->sp))
		standing = thread->depth = 0;
	enum walk_end end = walk_stack(thread, from, &walk, standing, counted);
	if (ct_unlikely(end > WALK_ROOT))
		return end == WALK_FALLBACK
			       ? unwind_with_libunwind(thread, from)
			       : remember_rootless(thread, &walk, end == WALK_FULL ? CT_PSEUDO_CUT : CT_PSEUDO_LOST);
	thread->guessed = walk.guessed || (walk.joined && thread->guessed);
	site = remember(thread, &walk, thread->root);
	if (end != WALK_JOINED)
		thread->own_stack = walk.own && end == WALK_THREAD;
	else if (counted && site && !walk.guessed && !walk.forget)
		keep_path(thread, from, walk.joined, site);
	if (ct_unlikely(ct_tracer.verify))
		ct_verify_stack(thread, from);
	if (ct_unlikely(walk.forget))
		thread->depth = 0;
	return site;
}

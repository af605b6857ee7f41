/* SPDX-License-Identifier: MIT */
#include "hot/unwind.h"

#include "hot/journal.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/walk.h"

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

/* The factor of inner_hash, and its power to the half of the limit. */
#define HASH_FACTOR 0x9e3779b97f4a7c15u

static uint64_t factor_of_half(uint32_t half)
{
	static uint64_t power;
	uint64_t known = ct_get_relaxed(&power);
	if (known)
		return known;
	for (known = 1; half; half--)
		known *= HASH_FACTOR;
	ct_set_relaxed(&power, known);
	return known;
}

static uint64_t mixed(uint32_t place)
{
	uint64_t hash = (place + 1ull) * 0xd6e8feb86659fd93u;
	return (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
}

static uint64_t kept_hash(const struct ct_remembered *frame)
{
	return (uint64_t)frame->hash << 32 | frame->node;
}

/*
 * A hash of the innermost `half` places. From a frame to the next, one place is added and one is taken away. Frames
 * beyond the limit have no node, and keep the hash in its place; 0: not known.
 */
static uint64_t inner_hash(struct ct_thread *thread, uint32_t half)
{
	const struct ct_remembered *first = &thread->stack[ct_tracer.depth_limit];
	struct ct_remembered *last = &thread->stack[thread->depth - 1];
	struct ct_remembered *frame = last;
	uint64_t hash = 0;
	uint64_t power = factor_of_half(half);
	while (frame > first && frame > last - half && !kept_hash(frame - 1))
		frame--;
	if (frame > first && kept_hash(frame - 1))
		hash = kept_hash(frame - 1) * HASH_FACTOR + mixed(frame->place) - mixed((frame - half)->place) * power;
	else
		for (uint32_t i = half; i-- > 0;)
			hash = hash * HASH_FACTOR + mixed((frame - i)->place);
	for (;;) {
		frame->hash = (uint32_t)(hash >> 32);
		frame->node = (uint32_t)hash;
		if (frame == last)
			return hash;
		frame++;
		hash = hash * HASH_FACTOR + mixed(frame->place) - mixed((frame - half)->place) * power;
	}
}

/*
 * The stack is deeper than the limit: keep the outer half of the limit, then a pseudo frame, then the inner half. Only
 * the nodes of the outer half are remembered, since the inner half has other nodes at each depth. Recursion has the
 * same inner half again and again, so sites are looked up by its hash first.
 */
static CT_COLD uint32_t cut_stack(struct ct_thread *thread, bool *making)
{
	uint32_t half = ct_tracer.depth_limit / 2;
	uint32_t outer = thread->stack[half - 1].node;
	uint64_t inner = inner_hash(thread, half);
	struct ct_cut *cut = &thread->cuts[(inner ^ inner >> 32) % CT_CUTS];
	uint64_t key = 0;
	ct_count_loss(CT_LOSS_TRUNCATED);
	if (cut->site && cut->inner == inner && cut->outer == outer)
		return cut->site;
	uint64_t value = ct_tree_intern_pseudo(outer, CT_PSEUDO_CUT);
	uint32_t hash = value ? ct_node_hash((uint32_t)value) : 0;
	for (uint32_t i = thread->depth - half; value && i < thread->depth; i++) {
		uint32_t place = thread->stack[i].place;
		hash = ct_hash_below(hash, place);
		key = ct_tree_key((uint32_t)value, place);
		value = child(hash, key, making);
	}
	*cut = (struct ct_cut){.inner = inner, .outer = outer, .site = value ? ct_tree_site(hash, key) : 0};
	return cut->site;
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
	if (ct_likely(depth)) {
		frame += depth - 1;
		check = &thread->checks[frame->checks];
		caller = frame->at;
		pc_slot = ct_machine_return_kept(&walk->from, caller.sp);
		node = frame->node;
		hash = frame->hash;
		needs_bp = frame->needs_bp;
	} else {
		hash = ct_node_hash(root);
	}
	prefetch_nodes(thread, walk->fresh, hash);
	for (uint32_t i = walk->fresh; i-- > 0;) {
		struct ct_stack_frame *fresh = &thread->fresh[i];
		check[1] = (struct ct_check){pc_slot, ct_machine_word_of_pc(pc_slot, caller.pc)};
		check += pc_slot != NULL;
		check[1] = (struct ct_check){fresh->bp_slot, caller.bp};
		check += (fresh->bp_slot != NULL) & needs_bp;
		needs_bp = fresh->uses_bp | (needs_bp & (fresh->bp_slot == NULL));
		caller = fresh->at;
		pc_slot = ct_machine_return_kept(&fresh->from, caller.sp);

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
		} else {
			hash = 0; /* for inner_hash */
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
		*meeting_place(thread, caller.sp) = depth;
	}
	thread->depth = depth;
	check[1] = thread->checks[0];
	if (ct_unlikely(depth > ct_tracer.depth_limit)) {
		uint32_t site = cut_stack(thread, making);
		if (depth >= CT_DEEP_FRAMES) /* below that, each event has to come here to be counted as cut */
			frame->site = site;
		return site;
	}
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

/* walked: the number of frames that our walk has found. They are kept if libunwind is not there. */
static CT_COLD uint32_t unwind_with_libunwind(struct ct_thread *thread, const struct ct_registers *from,
					      uint32_t walked)
{
	bool complete = false;
	struct walk walk = {.fresh = ct_libunwind_walk(thread, from, &complete)};
	if (walk.fresh)
		ct_count_loss(CT_LOSS_FALLBACK);
	else
		walk.fresh = walked;
	if (!walk.fresh) {
		thread->fresh[0] = (struct ct_stack_frame){.at = *from};
		walk.fresh = 1;
	}
	if (!complete)
		return remember_rootless(thread, &walk, walk.fresh == thread->room ? CT_PSEUDO_CUT : CT_PSEUDO_LOST);
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
	if (!is_same(&path->from, from, path->needs_bp) || path->joined > standing || path->epoch != thread->code_epoch)
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
	if (count > CT_PATH_CHECKS || !last->site || thread->depth >= CT_DEEP_FRAMES)
		return;
	struct ct_path *path = path_place(thread, from);
	path->from = *from;
	path->to = to->at;
	path->joined = joined;
	path->node = to->node;
	path->site = site;
	path->epoch = thread->code_epoch;
	path->count = count;
	path->needs_bp = last->needs_bp;
	for (uint32_t i = 0; i < count; i++)
		path->checks[i] = thread->checks[to->checks + 1 + i];
}

static inline __attribute__((always_inline)) uint32_t
walk_and_remember(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing, bool counted, bool deep)
{
	struct walk walk;
	walk.own = ct_is_own_stack(thread, from->sp);
	/*
	 * Frames that were found by guessing may not be on this stack any more: part of it may have been unmapped, or
	 * another stack may be in its place.
	 */
	if (ct_unlikely(thread->guessed) && !walk.own && !ct_stack_check_bounds(thread, from->sp))
		standing = thread->depth = 0;
	enum walk_end end = walk_in_room(thread, from, &walk, standing, counted, deep);
	if (ct_unlikely(walk.go.begun))
		thread->bounds[0] = walk.go.before;
	if (ct_unlikely(end > WALK_ROOT))
		return end == WALK_FALLBACK
			       ? unwind_with_libunwind(thread, from, walk.fresh)
			       : remember_rootless(thread, &walk, end == WALK_FULL ? CT_PSEUDO_CUT : CT_PSEUDO_LOST);
	thread->guessed = walk.guessed || (walk.joined && thread->guessed);
	uint32_t site = remember(thread, &walk, thread->root);
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

uint32_t ct_unwind_walk(struct ct_thread *thread, const struct ct_registers *from, uint32_t standing, bool counted)
{
	if (ct_unlikely(!ct_is_on_latest_stack(thread, from->sp)) && !ct_stack_find_bounds(thread, from->sp))
		return unwind_with_libunwind(thread, from, 0);

	uint32_t site = 0;
	if (counted)
		site = site_by_path(thread, from, standing);
	else if (ct_unlikely(standing >= CT_DEEP_FRAMES))
		return ct_unwind_deep(thread, from);
	if (site) {
		if (ct_unlikely(ct_tracer.verify))
			ct_verify_site(thread, from, site);
		return site;
	}
	return walk_and_remember(thread, from, standing, counted, false);
}

uint32_t ct_unwind_deep(struct ct_thread *thread, const struct ct_registers *from)
{
	uint32_t last = thread->depth - 1;
	uint32_t site = thread->guessed ? 0 : thread->stack[last].site;
	if (!site || !ct_is_at(&thread->stack[last], from) || count_standing_near(thread, last) <= last)
		site = walk_and_remember(thread, from, thread->depth, false, true);
	else if (thread->depth > ct_tracer.depth_limit)
		ct_count_loss(CT_LOSS_TRUNCATED);
	else if (ct_unlikely(ct_tracer.verify))
		ct_verify_site(thread, from, site);
	thread->looked_ticks = ct_ticks(); /* the program's frames do not change while this hook is below them */
	return site;
}

uint32_t ct_unwind_changed(struct ct_thread *thread, const struct ct_registers *from, uint32_t epoch)
{
	thread->loader_epoch = epoch;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* a tag that a signal handler pushes from here on is seen next time */
	if (thread->code_epoch != epoch) {
		thread->code_epoch = epoch;
		thread->depth = 0;
	}
	if (thread->tags)
		ct_tags_apply(thread);
	return ct_unwind(thread, from);
}

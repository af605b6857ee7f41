/* SPDX-License-Identifier: MIT */
/*
 * ctrace_tag_push and ctrace_tag_pop: a tag is a pseudo frame at the root of the thread's stacks. The remembered stack
 * is below another root then. Its frames and slots are still right, so only their nodes are looked up again. Any
 * thread, without a lock except for new tags.
 */
#include <string.h>

#include "ctrace/ctrace.h"
#include "hot/record.h"
#include "hot/table.h"
#include "hot/unwind.h"
#include "store/store_file.h"

#define TAGS_MAX 4096u
#define SLOTS (2 * TAGS_MAX)

/* The names of all tags that were ever pushed, by hash: length << 32 | offset in STRINGS; 0: free. Atomic. */
static uint64_t names[SLOTS];
static uint32_t count;

static uint32_t hash_of(const char *name, uint32_t length)
{
	uint32_t hash = 0x811c9dc5;
	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x01000193u;
	return hash ^ hash >> 15;
}

static const char *text_of(struct ct_span name)
{
	return (const char *)ct_store_base(CT_SECTION_STRINGS) + name.offset;
}

/* The name in STRINGS, where each is once, unless two threads push it for the first time at the same moment. */
static struct ct_span find_name(const char *name, uint32_t length)
{
	uint32_t at = hash_of(name, length);
	for (;; at++) {
		uint64_t *slot = &names[at % SLOTS], known = ct_get_acquire(slot);
		struct ct_span span = {(uint32_t)known, (uint32_t)(known >> 32)};
		if (known && span.bytes == length && !memcmp(text_of(span), name, length))
			return span;
		if (known)
			continue;
		if (ct_get_relaxed(&count) >= TAGS_MAX)
			return (struct ct_span){0, 0};
		__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
		span = ct_store_string(name, length);
		uint64_t packed = (uint64_t)span.bytes << 32 | span.offset;
		if (!packed ||
		    __atomic_compare_exchange_n(slot, &known, packed, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return span;
		at--; /* another thread has taken the slot, perhaps for this name */
	}
}

/* OUTER/TAG, or "others" if there are too many. */
static struct ct_span name_below(struct ct_span outer, const char *tag)
{
	char name[CT_TAG_NAME_MAX];
	uint32_t length = 0;
	if (outer.bytes) {
		memcpy(name, text_of(outer), outer.bytes);
		length = outer.bytes;
		if (length < sizeof(name))
			name[length++] = '/';
	}
	while (tag && *tag && length < sizeof(name))
		name[length++] = *tag++;
	struct ct_span found = find_name(name, length);
	if (found.bytes || !length)
		return found;
	static struct ct_span others; /* written with equal values only */
	if (!others.bytes)
		others = ct_store_string("others", 6);
	return others;
}

/* Look up the nodes of the remembered stack below another root. Frames from the first new node on are forgotten. */
static void set_root(struct ct_thread *thread, uint32_t root)
{
	uint32_t hash = ct_node_hash(root), node = root, depth = 0;
	uint32_t known = thread->depth > ct_tracer.depth_limit ? 0 : thread->depth; /* beyond, frames have no nodes */
	thread->root = root;
	for (; depth < known; depth++) {
		struct ct_remembered *frame = &thread->stack[depth];
		hash = ct_hash_below(hash, frame->place);
		uint64_t value = ct_table_get(&ct_tracer.tree, ct_hash_slot(hash), ct_tree_key(node, frame->place));
		if (!value)
			break;
		frame->hash = hash;
		frame->node = node = (uint32_t)value;
		frame->site = (uint32_t)(value >> 32);
	}
	if (depth) /* the check after the last one always fails */
		thread->checks[thread->stack[depth - 1].checks + 1] = thread->checks[0];
	thread->depth = depth;
}

/* The node of a tag below the thread's own root. 0: no memory. */
static uint32_t root_of(struct ct_thread *thread, uint32_t base, struct ct_span name)
{
	struct ct_tag_root *known = &thread->known_tags[name.offset / 4 % CT_TAGS_KNOWN];
	if (!known->root || known->base != base || known->name.offset != name.offset ||
	    known->name.bytes != name.bytes) {
		uint64_t node = ct_tree_intern_pseudo(base, CT_PSEUDO_TAG_FRAME(name.offset, name.bytes));
		*known = (struct ct_tag_root){.name = name, .base = base, .root = (uint32_t)node};
	}
	return known->root;
}

CT_EXPORT void ctrace_api_tag_push(const char *tag)
{
	if (!ct_enter())
		return;
	struct ct_thread *thread = ct_thread_current();
	uint32_t depth = thread ? thread->tag_depth++ : CT_TAGS_NESTED;
	if (depth < CT_TAGS_NESTED) {
		uint32_t base = depth ? thread->tag_roots[0] : thread->root;
		struct ct_span outer = depth ? thread->tags[depth - 1] : (struct ct_span){0, 0};
		struct ct_span name = name_below(outer, tag);
		uint32_t root = root_of(thread, base, name);
		thread->tag_roots[depth] = thread->root;
		thread->tags[depth] = name;
		if (root)
			set_root(thread, root);
	}
	ct_leave();
}

CT_EXPORT void ctrace_api_tag_pop(void)
{
	if (!ct_enter())
		return;
	struct ct_thread *thread = ct_thread_current();
	if (thread && thread->tag_depth && --thread->tag_depth < CT_TAGS_NESTED)
		set_root(thread, thread->tag_roots[thread->tag_depth]);
	ct_leave();
}

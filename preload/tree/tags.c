/* SPDX-License-Identifier: MIT */
/*
 * A tag is a pseudo frame at the root of the thread's stacks. The remembered stack is below another root then. Its
 * frames and slots are still right, so only their nodes are looked up again. Any thread, without a lock except for new
 * tags.
 */
#include <string.h>

#include "hot/slow.h"
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

/* Put a frame of the remembered stack below another root, and keep what it was. */
static inline __attribute__((always_inline)) void move_frame(struct ct_thread *thread, uint32_t at,
							     struct ct_tag_frame moved)
{
	struct ct_remembered *frame = &thread->stack[at];
	if (at < CT_TAG_FRAMES)
		thread->tags->frames[at] =
			(struct ct_tag_frame){thread->root, moved.node, frame->hash, frame->node, frame->site};
	frame->hash = moved.hash;
	frame->node = moved.node;
	frame->site = moved.site;
}

/*
 * Put the remembered stack below another root. Frames from the first new node on are forgotten. Mostly it is the
 * root that they were below before, since programs alternate between a tag and none.
 */
static void set_root(struct ct_thread *thread, uint32_t root)
{
	uint32_t known = thread->depth > ct_tracer.depth_limit ? 0 : thread->depth; /* beyond, frames have no nodes */
	uint32_t depth = 0, hash = ct_node_hash(root), node = root;
	for (; depth < known && depth < CT_TAG_FRAMES; depth++) {
		const struct ct_tag_frame *before = &thread->tags->frames[depth];
		if (before->mate != thread->stack[depth].node || before->root != root)
			break;
		hash = before->hash;
		node = before->node;
		move_frame(thread, depth, *before);
	}
	for (; depth < known; depth++) {
		uint32_t place = thread->stack[depth].place;
		hash = ct_hash_below(hash, place);
		uint64_t value = ct_table_get(&ct_tracer.tree, ct_hash_slot(hash), ct_tree_key(node, place));
		if (!value)
			break;
		node = (uint32_t)value;
		move_frame(thread, depth,
			   (struct ct_tag_frame){.hash = hash, .node = node, .site = (uint32_t)(value >> 32)});
	}
	if (depth) /* the check after the last one always fails */
		thread->checks[thread->stack[depth - 1].checks + 1] = thread->checks[0];
	thread->depth = depth;
	thread->root = root;
}

/* Look up what is in a slot. The slots before it are known. */
static CT_COLD void look_up(struct ct_thread *thread, uint32_t at)
{
	struct ct_tags *tags = thread->tags;
	char *text = tags->looked_up[at];
	size_t length = strlen(tags->slots[at]);
	memcpy(text, tags->slots[at], length);
	text[length] = 0;
	struct ct_span name = name_below(at ? tags->tags[at - 1].name : (struct ct_span){0, 0}, text);
	struct ct_tag *seen = &tags->seen[name.offset / 4 % CT_TAGS_KNOWN];
	if (!seen->root || seen->base != thread->own_root || seen->name.offset != name.offset ||
	    seen->name.bytes != name.bytes) {
		uint64_t node = ct_tree_intern_pseudo(thread->own_root, CT_PSEUDO_TAG_FRAME(name.offset, name.bytes));
		*seen = (struct ct_tag){.name = name, .base = thread->own_root, .root = (uint32_t)node};
	}
	tags->tags[at] = *seen;
	if (!seen->root) /* no memory */
		tags->tags[at].root = at ? tags->tags[at - 1].root : thread->own_root;
	tags->known = at + 1;
}

void ct_tags_apply(struct ct_thread *thread)
{
	struct ct_tags *tags = thread->tags;
	const char *next = ct_tls.tags.next;
	uint32_t depth = next ? (uint32_t)(next - tags->slots[0]) / CTRACE_TAG_SLOT_BYTES : 0;
	for (uint32_t i = 0; i < depth; i++) {
		if (*(const uint64_t *)(const void *)tags->slots[i] == CTRACE_TAG_FREE) {
			/* A signal handler has interrupted the push. */
			tags->tags[i] = i ? tags->tags[i - 1] : (struct ct_tag){.root = thread->own_root};
			if (tags->known > i) /* what is nested in it has another name now */
				tags->known = i;
		} else if (i >= tags->known || strcmp(tags->slots[i], tags->looked_up[i]) != 0) {
			look_up(thread, i);
		}
	}
	uint32_t root = depth ? tags->tags[depth - 1].root : thread->own_root;
	if (root != thread->root)
		set_root(thread, root);
}

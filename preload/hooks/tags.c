/* SPDX-License-Identifier: MIT */
/*
 * What ctrace_tag_push and ctrace_tag_pop call if they cannot do it inline: the name has 16 bytes or more, or reaches
 * the end of a page; it is the thread's first tag; or there are too many. The names of a thread's tags are in its
 * slots, and its next event looks at them (ct_tags_apply). A name is copied, since its buffer may hold something else
 * by then, or be gone.
 *
 * A signal handler may push and pop between any two instructions. It leaves what it found, but `changed` is set.
 */
#include <string.h>

#include "ctrace/ctrace.h"
#include "hot/record.h"
#include "sys/region.h"

#define READABLE_BYTES 4096u /* a page has at least as many */
#define ONES 0x0101010101010101u

_Static_assert(offsetof(struct ct_tags, slots) == CTRACE_TAG_SLOTS_BYTES &&
		       sizeof(((struct ct_tags *)0)->slots) == CTRACE_TAG_SLOTS_BYTES,
	       "the slots are the upper half of a page");

static inline bool is_free_slot(const char *next)
{
	return (uintptr_t)next & CTRACE_TAG_SLOTS_BYTES;
}

static inline bool has_zero(uint64_t word)
{
	return ((word - ONES) & ~word & ONES << 7) != 0;
}

/* The slot of the thread's first tag. NULL: there are too many, or no memory, or nothing is recorded. */
static CT_COLD char *find_slot(void)
{
	struct ct_thread *thread = ct_tls.thread;
	if (ct_tls.tags.next) {
		thread->tags->excess++;
		return NULL;
	}
	if (!ct_enter())
		return NULL;
	thread = ct_thread_current();
	if (thread && !thread->tags)
		thread->tags = ct_region_map(sizeof(*thread->tags));
	if (thread && thread->tags) {
		thread->tags->excess = thread->tags->known = 0;
		for (uint32_t i = 0; i < CT_TAGS_NESTED; i++)
			memset(thread->tags->slots[i], 0xff, sizeof(uint64_t)); /* CTRACE_TAG_FREE */
		ct_tls.tags.changed = &thread->loader_epoch;
		ct_tls.tags.next = thread->tags->slots[0];
	}
	ct_leave();
	return ct_tls.tags.next;
}

/* The first word comes last: until then the slot counts as free. */
static inline void end_push(char *slot, uint64_t first)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*(volatile uint64_t *)(void *)slot = first;
	*ct_tls.tags.changed = CTRACE_TAG_CHANGED;
}

/* Byte by byte. */
static CT_COLD void push_any(const char *tag)
{
	char *slot = ct_tls.tags.next;
	uint64_t first = 0;
	if (!is_free_slot(slot) && !(slot = find_slot()))
		return;
	ct_tls.tags.next = slot + CTRACE_TAG_SLOT_BYTES;
	uint32_t length = 0;
	for (; tag && tag[length] && length < CT_TAG_NAME_MAX; length++)
		*(length < sizeof(first) ? (char *)&first + length : slot + length) = tag[length];
	if (length >= sizeof(first))
		slot[length] = 0;
	end_push(slot, first);
}

CT_EXPORT void ctrace_api_tag_push(const char *tag)
{
	uint64_t first, rest = 0;
	char *slot = ct_tls.tags.next;
	if (CT_MACHINE_READS_ON && !ct_machine_is_valgrind() && ct_likely(is_free_slot(slot)) &&
	    ct_likely(((uintptr_t)tag - 1) % READABLE_BYTES < READABLE_BYTES - 16)) {
		memcpy(&first, tag, sizeof(first));
		if (!has_zero(first))
			memcpy(&rest, tag + sizeof(first), sizeof(rest));
		if (has_zero(first) || has_zero(rest)) {
			ct_tls.tags.next = slot + CTRACE_TAG_SLOT_BYTES;
			memcpy(slot + sizeof(first), &rest, sizeof(rest));
			end_push(slot, first);
			return;
		}
	}
	push_any(tag);
}

CT_EXPORT void ctrace_api_tag_pop(void)
{
	char *next = ct_tls.tags.next;
	bool full = next && !is_free_slot(next);
	if (full && ct_tls.thread->tags->excess) {
		ct_tls.thread->tags->excess--;
	} else if (full || (uintptr_t)next & (CTRACE_TAG_SLOTS_BYTES - CTRACE_TAG_SLOT_BYTES)) {
		next -= CTRACE_TAG_SLOT_BYTES;
		ct_tls.tags.next = next;
		*(volatile uint64_t *)(void *)next = CTRACE_TAG_FREE;
		*ct_tls.tags.changed = CTRACE_TAG_CHANGED;
	}
}

CT_EXPORT long ctrace_api_tags(void)
{
	/* Memcheck would report the bytes behind a name. */
	return ct_machine_is_valgrind() ? 0 : (char *)&ct_tls.tags - (char *)ctrace_tags_of_thread(0);
}

/* SPDX-License-Identifier: MIT */
#include "memory/stacks.h"

#define WORD sizeof(uint64_t)
#define WORDS (CT_PAGE / WORD)
#define PAGES_MAX 4096 /* resident pages of a stack that are looked at for its descriptor */
#define DESCRIPTOR_WORDS 400 /* glibc's struct pthread has 2,304 bytes */

/*
 * The descriptor has the addresses and sizes of the stack with its guard, which begins where the guard does. Returns
 * the stack's end; 0: there is none.
 */
static uint64_t end_in(const struct ct_peer *peer, uint64_t descriptor, const struct ct_area *area)
{
	uint64_t words[DESCRIPTOR_WORDS];
	uint64_t room = area->end - descriptor;
	size_t count = ct_peer_read(peer, descriptor, words, room < sizeof(words) ? room : sizeof(words)) / WORD;
	for (size_t i = 0; i + 1 < count; i++) {
		uint64_t end = words[i] + words[i + 1];
		if (words[i] < area->start && words[i] >= area[-1].start && end > descriptor && end <= area->end)
			return end;
	}
	return 0;
}

/* A descriptor's first and third word are its own address. */
static uint64_t look_at_page(const struct ct_peer *peer, uint64_t page, const struct ct_area *area)
{
	uint64_t words[WORDS], end = 0;
	size_t count = ct_peer_read(peer, page, words, sizeof(words)) / WORD;
	for (size_t i = 0; i + 2 < count && !end; i++)
		if (words[i] == page + i * WORD && words[i + 2] == words[i])
			end = end_in(peer, words[i], area);
	return end;
}

uint64_t ct_stack_end(const struct ct_peer *peer, const struct ct_area *area)
{
	uint64_t end = 0;
	unsigned left = PAGES_MAX;
	if (area == peer->areas || area->kind != CT_AREA_ANONYMOUS || !area->writable || area[-1].end != area->start ||
	    area[-1].readable || area[-1].writable || area[-1].kind != CT_AREA_ANONYMOUS)
		return 0;
	for (size_t i = 0; i < area->run_count; i++) {
		const struct ct_page_run *run = &peer->runs.rows[area->first_run + i];
		for (uint64_t page = run->start; page < run->end && run->resident && !end && left;
		     page += CT_PAGE, left--)
			end = look_at_page(peer, page, area);
	}
	return end;
}

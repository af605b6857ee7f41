/* SPDX-License-Identifier: MIT */
#include "reach/reach.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "heap/block_rows.h"
#include "hot/blocks.h"
#include "hot/state.h"
#include "store/store_file.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/sys.h"

#define PIECE_BYTES (64u << 10)
#define PAGEMAP_MIN (1u << 20) /* smaller ranges are read as a whole */
#define PAGES_AT_ONCE 4096u
#define PAGE_IS_THERE (3ull << 62) /* present or swapped */
#define SECONDS_MAX 60u
#define WORD sizeof(uintptr_t)
#define TOGETHER 64u /* blocks read by one system call */
#define SMALL_BYTES (PIECE_BYTES / TOGETHER)

enum { FINE, NO_MAPS, OUT_OF_TIME };

const char *ct_reach_refuses(void)
{
	char byte = 0, copy;
	if (ct_tracer.special & CT_SPECIAL_OFF)
		return "the recording was off at the end";
	if (ct_tracer.sample_bytes)
		return "a sample does not have all blocks";
	if (!ct_tracer.glibc_blocks)
		return "the program's allocator is not the C library's";
	if (!ct_region_is_whole())
		return "ctrace's own memory is among the program's";
	if (ct_sys_read_memory(ct_sys_getpid(), (uintptr_t)&byte, &copy, 1) != 1)
		return "the system does not let it read the memory (process_vm_readv)";
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec now = {0};
	ct_syscall3(SYS_clock_gettime, CLOCK_MONOTONIC, &now, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct ct_reach *ct_reach_new(uintptr_t stack)
{
	uint32_t room = ct_blocks_rows_end();
	struct ct_reach *reach = ct_region_map(sizeof(*reach));
	if (!reach)
		return NULL;
	*reach = (struct ct_reach){
		.held = ct_region_map(room * sizeof(*reach->held)),
		.room = room,
		.threads = ct_region_map(CT_REACH_THREADS_MAX * sizeof(*reach->threads)),
		.buffer = ct_region_map(PIECE_BYTES + PAGES_AT_ONCE * sizeof(uint64_t)),
		.stack = stack,
		.pid = ct_sys_getpid(),
		.tid = ct_sys_gettid(),
	};
	if (!reach->held || !reach->threads || !reach->buffer)
		return NULL;
	ct_reach_find_threads(reach);
	return reach;
}

static bool add_block(void *context, uintptr_t address, uint32_t row)
{
	struct ct_reach *reach = context;
	const struct ct_block *block = &ct_blocks.rows[row];
	if ((ct_block_birth(block) & ~CT_BLOCK_RESIZED) < ct_tracer.segment_ticks)
		return true;
	if (reach->count == reach->room)
		return false;
	reach->held[reach->count++] = (struct ct_held){
		.address = address,
		.bytes = ct_block_bytes(block),
		.class = CT_REACH_LOST,
		.site = ct_block_site(block),
	};
	return true;
}

long ct_reach_read(const struct ct_reach *reach, uintptr_t address, void *to, size_t bytes)
{
	return ct_sys_read_memory(reach->pid, address, to, bytes);
}

uint32_t ct_reach_find(const struct ct_reach *reach, uintptr_t address)
{
	uint32_t low = 0, high = reach->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (reach->held[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The block that the word points to or into; NULL: none. A block of 0 bytes has only its address. */
static struct ct_held *block_of(const struct ct_reach *reach, uintptr_t word)
{
	uint32_t at = ct_reach_find(reach, word + 1);
	if (!at)
		return NULL;
	struct ct_held *held = &reach->held[at - 1];
	return word - held->address < held->bytes || word == held->address ? held : NULL;
}

/* Put a block on the list of those whose words are still to be read. */
static void list(struct ct_reach *reach, struct ct_held *held)
{
	if (held->listed)
		return;
	held->listed = 1;
	held->next = reach->listed;
	reach->listed = (uint32_t)(held - reach->held) + 1;
}

/*
 * Is the word a pointer behind a header of the block, and so as good as one to its start? Headers are the length before
 * a buffer (64 bits in sqlite3), the number of elements before a C++ array, and the length, capacity and number of
 * users before the text of an older libstdc++'s string. These are Valgrind's rules except its fourth, a second base
 * class.
 */
static bool is_behind_head(const struct ct_reach *reach, const struct ct_held *held, uintptr_t word)
{
	uint64_t head[3];
	uintptr_t offset = word - held->address;
	if ((offset != 8 && offset != 24) || held->bytes < offset ||
	    ct_reach_read(reach, held->address, head, offset) != (long)offset)
		return false;
	uint64_t rest = held->bytes - offset;
	if (offset == 8)
		return head[0] == rest || (head[0] && rest % head[0] == 0 && rest);
	return head[0] <= head[1] && rest == head[1] + 1;
}

/*
 * Is the word the address of the chunk after this block? The C library's lists of free memory hold addresses of chunks.
 * A chunk begins with the last word of the block before it, but such an address is no pointer into that block.
 */
static bool is_chunk_behind(const struct ct_reach *reach, const struct ct_held *held, uintptr_t word)
{
	uint64_t chunk_bytes = 0;
	ct_reach_read(reach, held->address - WORD, &chunk_bytes, WORD);
	return word == held->address - 2 * WORD + (chunk_bytes & ~(uint64_t)7);
}

void ct_reach_meet(struct ct_reach *reach, uintptr_t word)
{
	struct ct_held *held = block_of(reach, word);
	if (!held)
		return;
	if (reach->leader) {
		if (held->class == CT_REACH_LOST && held != &reach->held[reach->leader - 1]) {
			held->class = CT_REACH_INDIRECT;
			list(reach, held);
		}
		return;
	}
	if (held->class == CT_REACH_REACHABLE)
		return;
	bool whole = word == held->address || is_behind_head(reach, held, word);
	if (!whole && reach->allocators && is_chunk_behind(reach, held, word))
		return;
	enum ct_reach_class class = whole && reach->definite ? CT_REACH_REACHABLE : CT_REACH_POSSIBLE;
	if (class <= held->class)
		return;
	held->class = class;
	list(reach, held);
}

static void scan_piece(struct ct_reach *reach, const char *bytes, size_t length)
{
	uintptr_t least = reach->held[0].address;
	uintptr_t most = reach->held[reach->count - 1].address + reach->held[reach->count - 1].bytes;
	for (size_t i = 0; i + WORD <= length; i += WORD) {
		uintptr_t word;
		memcpy(&word, bytes + i, WORD);
		word = ct_machine_untagged(word);
		if (word >= least && word <= most)
			ct_reach_meet(reach, word);
	}
	if (++reach->pieces % 1024 == 0)
		reach->late = reach->late || now_ns() > reach->deadline_ns;
}

static void scan_all(struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	while (from + WORD <= to && !reach->late) {
		size_t bytes = to - from < PIECE_BYTES ? to - from : PIECE_BYTES;
		long got = ct_reach_read(reach, from, reach->buffer, bytes);
		if (got <= 0)
			got = 0;
		scan_piece(reach, reach->buffer, (size_t)got);
		from = (size_t)got == bytes ? from + bytes : ct_page_round_down(from + (size_t)got + ct_page_bytes);
	}
}

/* Reservations of many GiB have few pages that exist: read only those. */
static void scan_large(struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	uint64_t *pages = (uint64_t *)(reach->buffer + PIECE_BYTES);
	while (from < to && !reach->late) {
		uintptr_t page = from / ct_page_bytes;
		long got = ct_syscall4(SYS_pread64, reach->pagemap, pages, PAGES_AT_ONCE * sizeof(*pages),
				       page * sizeof(*pages));
		if (got < (long)sizeof(*pages)) {
			scan_all(reach, from, to);
			return;
		}
		for (size_t i = 0; i < (size_t)got / sizeof(*pages) && from < to; i++) {
			uintptr_t end = (page + i + 1) * ct_page_bytes;
			if (pages[i] & PAGE_IS_THERE)
				scan_all(reach, from, end < to ? end : to);
			from = end;
		}
		reach->late = reach->late || now_ns() > reach->deadline_ns;
	}
}

void ct_reach_scan(struct ct_reach *reach, uintptr_t from, uintptr_t to)
{
	from = (from + WORD - 1) & ~(WORD - 1);
	if (from < to && to - from >= PAGEMAP_MIN && reach->pagemap >= 0)
		scan_large(reach, from, to);
	else
		scan_all(reach, from, to);
}

static void scan_block(struct ct_reach *reach, const struct ct_held *held)
{
	ct_reach_scan(reach, held->address, held->address + held->bytes);
}

static struct ct_held *next_listed(const struct ct_reach *reach)
{
	return reach->listed ? &reach->held[reach->listed - 1] : NULL;
}

static void take_listed(struct ct_reach *reach, struct ct_held *held)
{
	reach->listed = held->next;
	held->listed = 0;
}

/* Read several small blocks by one system call. A call for each would take 1 us. */
static void scan_together(struct ct_reach *reach)
{
	struct iovec blocks[TOGETHER], local = {reach->buffer, 0};
	const struct ct_held *taken[TOGETHER];
	struct ct_held *held;
	uint32_t count = 0;
	while (count < TOGETHER && (held = next_listed(reach)) && held->bytes <= SMALL_BYTES &&
	       (held->class == CT_REACH_REACHABLE) == reach->definite) {
		take_listed(reach, held);
		taken[count] = held;
		blocks[count++] = (struct iovec){(void *)held->address, held->bytes & ~(WORD - 1)};
		local.iov_len += held->bytes & ~(WORD - 1);
	}
	if (ct_syscall6(SYS_process_vm_readv, reach->pid, (long)&local, 1, (long)blocks, count, 0) ==
	    (long)local.iov_len)
		scan_piece(reach, reach->buffer, local.iov_len);
	else
		for (uint32_t i = 0; i < count; i++)
			scan_block(reach, taken[i]);
}

static void scan_listed(struct ct_reach *reach)
{
	struct ct_held *held;
	while ((held = next_listed(reach)) && !reach->late) {
		reach->definite = held->class == CT_REACH_REACHABLE;
		if (held->bytes <= SMALL_BYTES) {
			scan_together(reach);
		} else {
			take_listed(reach, held);
			scan_block(reach, held);
		}
	}
}

int ct_reach_classify(void *argument)
{
	struct ct_reach *reach = argument;
	uint64_t all = ~0ull;
	/* The program's signal handlers must not run here, and this child must not outlive the program. */
	ct_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, sizeof(all));
	ct_syscall3(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
	reach->deadline_ns = now_ns() + SECONDS_MAX * 1000000000ull;
	if (reach->thread_count || reach->threads_unknown)
		ct_reach_stop_threads(reach);
	ct_blocks_each(add_block, reach);
	if (!reach->count)
		return FINE;
	reach->pagemap = ct_sys_open("/proc/self/pagemap", O_RDONLY, 0);
	reach->definite = true;
	bool known = ct_reach_roots(reach);
	scan_listed(reach);
	for (uint32_t i = 0; i < reach->count && !reach->late; i++) {
		if (reach->held[i].class != CT_REACH_LOST)
			continue;
		reach->leader = i + 1;
		scan_block(reach, &reach->held[i]);
		scan_listed(reach);
	}
	if (reach->pagemap >= 0)
		ct_sys_close(reach->pagemap);
	return !known ? NO_MAPS : reach->late ? OUT_OF_TIME : FINE;
}

bool ct_reach_publish(const struct ct_reach *reach)
{
	struct ct_section *section = &ct_tracer.header->sections[CT_SECTION_REACH];
	uint64_t sites = ct_tracer.header->sections[CT_SECTION_SITES].used, used = 0;
	struct ct_reach_row *sums = ct_region_map(sites * sizeof(*sums));
	if (!sums)
		return false;
	for (uint32_t i = 0; i < reach->count; i++) {
		const struct ct_held *held = &reach->held[i];
		if (held->site >= sites)
			continue;
		sums[held->site].bytes[held->class] += held->bytes;
		sums[held->site].blocks[held->class]++;
		if (!sums[held->site].site)
			used++;
		sums[held->site].site = held->site;
	}
	if (used > ct_store_limit(CT_SECTION_REACH) ||
	    (used > ct_store_capacity(CT_SECTION_REACH) && !ct_store_grow(CT_SECTION_REACH, used)))
		return false;
	struct ct_reach_row *row = ct_store_base(CT_SECTION_REACH);
	for (uint64_t site = 1; site < sites; site++)
		if (sums[site].site)
			*row++ = sums[site];
	ct_set_release(&section->used, used);
	ct_tracer.header->flags |= CT_STORE_REACH;
	ct_sys_munmap(sums, sites * sizeof(*sums));
	return true;
}

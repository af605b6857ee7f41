/* SPDX-License-Identifier: MIT */
/*
 * Another process's memory, from outside: its mappings, which of its pages are resident, and what is in them. The
 * process is neither stopped nor signalled. Pages that are not resident are never read, since that would bring them
 * back from swap, or map the page of zeros. Everything read is untrusted.
 */
#ifndef CT_MEMORY_PEER_H
#define CT_MEMORY_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "live/process.h"
#include "util/error.h"

#define CT_PAGE UINT64_C(4096)

enum ct_area_kind {
	CT_AREA_ANONYMOUS,
	CT_AREA_FILE, /* also the kernel's own: [vdso] */
	CT_AREA_SHARED_MEMORY,
	CT_AREA_HEAP, /* [heap] */
	CT_AREA_STACK, /* [stack] */
	CT_AREA_OWN, /* ctrace's: its region, its library, the store */
};

/* A mapping. */
struct ct_area {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	uint64_t inode; /* 0: no file */
	uint64_t resident_bytes, swapped_bytes; /* as /proc/PID/smaps has them */
	enum ct_area_kind kind;
	bool readable, writable;
	bool heap; /* all of it is the allocator's; found out by memory/take.c */
	char *path; /* of a file; else "[heap]" and the like, or "" */
	size_t first_run, run_count; /* of ct_peer.runs */
};

/* Neighbouring pages of one state. Pages that are in no run have never been touched, or were given back. */
struct ct_page_run {
	uint64_t start, end;
	bool resident; /* false: swapped */
};

struct ct_page_runs {
	struct ct_page_run *rows; /* in the order of addresses */
	size_t count, room;
	size_t closed; /* rows of earlier ranges, which do not grow any more */
};

struct ct_peer {
	const struct ct_process *process;
	int pagemap;
	bool scans; /* the kernel has PAGEMAP_SCAN (Linux 6.7) */
	bool skips_shared; /* without it: take pages that could be the one of zeros for that */
	struct ct_area *areas; /* in the order of addresses */
	size_t area_count, area_room;
	struct ct_page_runs runs; /* of all anonymous writable areas, read at one time */
	uint64_t rss_bytes; /* from smaps_rollup */
};

/* Read the mappings and which pages are resident. 0 or < 0; call ct_peer_close in both cases. */
int ct_peer_open(const struct ct_process *process, struct ct_peer *peer, struct ct_error_text *error);
void ct_peer_close(struct ct_peer *peer);

/* The area of an address; NULL: none. */
struct ct_area *ct_peer_area(const struct ct_peer *peer, uint64_t address);

/* Is the page of this address resident? */
bool ct_peer_is_resident(struct ct_peer *peer, uint64_t address);

/* Add the runs of an address range, whose start is that of a page. 0, or < 0 when out of memory. */
int ct_peer_pages(struct ct_peer *peer, uint64_t start, uint64_t end, struct ct_page_runs *runs);

/* Copy memory whose pages are resident. Returns how many bytes could be read. */
size_t ct_peer_read(const struct ct_peer *peer, uint64_t address, void *to, size_t bytes);

/* Resident bytes of [start, end). *at is 0 at first; the starts of later calls must not be lower. */
uint64_t ct_runs_resident(const struct ct_page_runs *runs, size_t *at, uint64_t start, uint64_t end, uint64_t *swapped);

#endif

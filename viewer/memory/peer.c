/* SPDX-License-Identifier: MIT */
#include "memory/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctrace/block_map.h"
#include "util/array.h"
#include "util/text.h"

#define REGION_END (CT_REGION_START + (UINT64_C(1) << 42))

/* linux/fs.h, which older systems have without it. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, regions, region_count, pages_max, inverted, all_of, any_of,
		returned;
};

#define PAGES_SCAN _IOWR('f', 16, struct scan)
#define IS_PRESENT (1u << 3)
#define IS_SWAPPED (1u << 4)
#define IS_ZEROS (1u << 5) /* the shared page of zeros, which is in no process's RSS */
#define REGIONS 512

/* Bits of a word of pagemap. */
#define MAP_PRESENT (UINT64_C(1) << 63)
#define MAP_SWAPPED (UINT64_C(1) << 62)
#define MAP_OWN (UINT64_C(1) << 61 | UINT64_C(1) << 56) /* of a file, or mapped by one process only */
#define WORDS 4096

static enum ct_area_kind kind_of(const struct ct_area *area, const char *path, bool shared)
{
	if (area->start >= CT_REGION_START && area->start < REGION_END)
		return CT_AREA_OWN;
	if (!strcmp(path, "[heap]"))
		return CT_AREA_HEAP;
	if (!strcmp(path, "[stack]"))
		return CT_AREA_STACK;
	if (shared && (!strncmp(path, "/dev/zero", 9) || !strncmp(path, "/dev/shm/", 9) || !strncmp(path, "/SYSV", 5) ||
		       !strncmp(path, "/memfd:", 7) || !strncmp(path, "[anon_shmem:", 12)))
		return CT_AREA_SHARED_MEMORY;
	if (!strncmp(path, "/anon_hugepage", 14)) /* MAP_HUGETLB */
		return shared ? CT_AREA_SHARED_MEMORY : CT_AREA_ANONYMOUS;
	return !*path || !strncmp(path, "[anon:", 6) ? CT_AREA_ANONYMOUS : CT_AREA_FILE;
}

/* A line such as "7f00-7f01 rw-p 00000000 08:01 42   /path". */
static bool parse_area(char *line, struct ct_area *area)
{
	char mode[5];
	int at = 0;
	unsigned long start, end, offset, inode;
	if (sscanf(line, "%lx-%lx %4s %lx %*s %lu %n", &start, &end, mode, &offset, &inode, &at) != 5 || !at ||
	    end <= start)
		return false;
	line[at + (int)strcspn(line + at, "\n")] = '\0';
	*area = (struct ct_area){
		.start = start,
		.end = end,
		.offset = offset,
		.inode = inode,
		.readable = mode[0] == 'r',
		.writable = mode[1] == 'w',
	};
	area->kind = kind_of(area, line + at, mode[3] == 's');
	area->path = line + at;
	return true;
}

/* A program's variables without a value in its file lie in a mapping of their own, right behind those with one. */
static void join_variables(struct ct_peer *peer)
{
	for (size_t i = 1; i < peer->area_count; i++) {
		struct ct_area *area = &peer->areas[i], *before = area - 1;
		if (area->kind == CT_AREA_ANONYMOUS && area->writable && before->kind == CT_AREA_FILE &&
		    before->writable && before->inode && before->end == area->start)
			area->kind = CT_AREA_FILE;
	}
}

/* Add up the values of a field such as "Rss:", in bytes. */
static bool add_field(const char *line, const char *field, uint64_t *sum)
{
	size_t length = strlen(field);
	if (strncmp(line, field, length))
		return false;
	*sum += strtoull(line + length, NULL, 10) * 1024;
	return true;
}

/* The kernel counts pages of hugetlbfs apart from RSS. */
static bool add_resident(const char *line, uint64_t *sum)
{
	return add_field(line, "Rss:", sum) || add_field(line, "Shared_Hugetlb:", sum) ||
	       add_field(line, "Private_Hugetlb:", sum);
}

static uint64_t read_rss(const struct ct_process *process)
{
	char line[256];
	uint64_t bytes = 0;
	FILE *rollup = ct_process_part(process, "smaps_rollup");
	while (rollup && fgets(line, sizeof(line), rollup))
		add_resident(line, &bytes);
	if (rollup)
		fclose(rollup);
	return bytes;
}

static int read_areas(struct ct_peer *peer, FILE *smaps, struct ct_error_text *error)
{
	char *line = NULL;
	size_t room = 0;
	int code = CT_OK;
	while (!code && getline(&line, &room, smaps) > 0) {
		struct ct_area area, *last = peer->area_count ? &peer->areas[peer->area_count - 1] : NULL;
		if (last &&
		    (add_resident(line, &last->resident_bytes) || add_field(line, "Swap:", &last->swapped_bytes)))
			continue;
		if (!parse_area(line, &area) || (last && area.start < last->end))
			continue;
		area.path = strdup(area.path);
		if (area.path &&
		    ct_array_room(&peer->areas, &peer->area_room, peer->area_count + 1, sizeof(*peer->areas))) {
			peer->areas[peer->area_count++] = area;
		} else {
			free(area.path);
			code = ct_error_no_memory(error);
		}
	}
	free(line);
	join_variables(peer);
	return code;
}

struct ct_area *ct_peer_area(const struct ct_peer *peer, uint64_t address)
{
	size_t low = 0, high = peer->area_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (peer->areas[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < peer->area_count && peer->areas[low].start <= address ? &peer->areas[low] : NULL;
}

static int add_run(struct ct_page_runs *runs, uint64_t start, uint64_t end, bool resident)
{
	struct ct_page_run *last = runs->count > runs->closed ? &runs->rows[runs->count - 1] : NULL;
	if (last && last->end == start && last->resident == resident) {
		last->end = end;
		return 0;
	}
	if (!ct_array_room(&runs->rows, &runs->room, runs->count + 1, sizeof(*runs->rows)))
		return -1;
	runs->rows[runs->count++] = (struct ct_page_run){start, end, resident};
	return 0;
}

/* 0, < 0 when out of memory, or > 0: the kernel cannot do it. */
static int scan(struct ct_peer *peer, uint64_t start, uint64_t end, struct ct_page_runs *runs)
{
	struct scan_region regions[REGIONS];
	while (start < end) {
		struct scan scan = {
			.size = sizeof(scan),
			.start = start,
			.end = end,
			.regions = (uintptr_t)regions,
			.region_count = REGIONS,
			.any_of = IS_PRESENT | IS_SWAPPED,
			.returned = IS_PRESENT | IS_SWAPPED | IS_ZEROS,
		};
		int count = ioctl(peer->pagemap, PAGES_SCAN, &scan);
		if (count < 0 || scan.walk_end <= start)
			return 1;
		for (int i = 0; i < count; i++)
			if (!(regions[i].categories & IS_ZEROS) &&
			    add_run(runs, regions[i].start, regions[i].end, regions[i].categories & IS_PRESENT))
				return -1;
		start = scan.walk_end;
	}
	return 0;
}

/* The page of zeros looks like a page that is shared since a fork. */
static int read_pagemap(struct ct_peer *peer, uint64_t start, uint64_t end, struct ct_page_runs *runs)
{
	uint64_t words[WORDS];
	while (start < end) {
		uint64_t wanted = (end - start + CT_PAGE - 1) / CT_PAGE;
		ssize_t got = pread(peer->pagemap, words, (wanted < WORDS ? wanted : WORDS) * sizeof(*words),
				    (off_t)(start / CT_PAGE * sizeof(*words)));
		if (got < (ssize_t)sizeof(*words))
			return 0;
		for (size_t i = 0; i < (size_t)got / sizeof(*words); i++, start += CT_PAGE)
			if (words[i] & (MAP_PRESENT | MAP_SWAPPED) &&
			    (!peer->skips_shared || words[i] & (MAP_SWAPPED | MAP_OWN)) &&
			    add_run(runs, start, start + CT_PAGE, words[i] & MAP_PRESENT))
				return -1;
	}
	return 0;
}

int ct_peer_pages(struct ct_peer *peer, uint64_t start, uint64_t end, struct ct_page_runs *runs)
{
	size_t before = runs->count;
	runs->closed = before;
	int code = peer->scans ? scan(peer, start, end, runs) : 1;
	if (code <= 0)
		return code;
	peer->scans = false;
	runs->count = before;
	return read_pagemap(peer, start, end, runs);
}

bool ct_peer_is_resident(struct ct_peer *peer, uint64_t address)
{
	struct ct_page_runs runs = {0};
	uint64_t page = address & -CT_PAGE;
	bool resident = !ct_peer_pages(peer, page, page + CT_PAGE, &runs) && runs.count && runs.rows[0].resident;
	free(runs.rows);
	return resident;
}

static int read_area_runs(struct ct_peer *peer, struct ct_area *area)
{
	area->first_run = peer->runs.count;
	int code = ct_peer_pages(peer, area->start, area->end, &peer->runs);
	area->run_count = peer->runs.count - area->first_run;
	area->resident_bytes = 0;
	for (size_t i = area->first_run; i < peer->runs.count; i++)
		if (peer->runs.rows[i].resident)
			area->resident_bytes += peer->runs.rows[i].end - peer->runs.rows[i].start;
	return code;
}

/*
 * The pages of one area after the other, as close together in time as possible. Without PAGEMAP_SCAN, smaps knows
 * whether the pages that could be those of zeros are: it does not count them.
 */
static int read_runs(struct ct_peer *peer)
{
	int code = 0;
	for (size_t i = 0; i < peer->area_count && !code; i++) {
		struct ct_area *area = &peer->areas[i];
		uint64_t resident_bytes = area->resident_bytes;
		bool holds = area->writable || resident_bytes || area->swapped_bytes; /* else a mere reservation */
		if ((area->kind != CT_AREA_ANONYMOUS && area->kind != CT_AREA_HEAP) || !holds)
			continue;
		code = read_area_runs(peer, area);
		if (code || peer->scans || area->resident_bytes <= resident_bytes)
			continue;
		uint64_t excess = area->resident_bytes - resident_bytes;
		peer->runs.count = area->first_run;
		peer->skips_shared = true;
		code = read_area_runs(peer, area);
		peer->skips_shared = false;
		if (!code && resident_bytes > area->resident_bytes && resident_bytes - area->resident_bytes > excess) {
			peer->runs.count = area->first_run;
			code = read_area_runs(peer, area);
		}
	}
	return code;
}

int ct_peer_open(const struct ct_process *process, struct ct_peer *peer, struct ct_error_text *error)
{
	*peer = (struct ct_peer){.process = process, .pagemap = -1, .scans = true};
	FILE *smaps = ct_process_part(process, "smaps");
	if (!smaps)
		return ct_error_set(error, CT_ERR_IO, "/proc/%d/smaps cannot be read: %s%s", process->pid,
				    strerror(errno), errno == EACCES ? "; run this as its user or as root" : "");
	peer->pagemap = openat(process->folder, "pagemap", O_RDONLY | O_CLOEXEC);
	int code = peer->pagemap < 0 ? ct_error_set(error, CT_ERR_IO, "/proc/%d/pagemap cannot be read: %s",
						    process->pid, strerror(errno))
				     : read_areas(peer, smaps, error);
	fclose(smaps);
	if (!code && read_runs(peer))
		code = ct_error_no_memory(error);
	peer->rss_bytes = read_rss(process);
	if (!code && !peer->area_count)
		code = ct_error_set(error, CT_ERR_IO, "process %d has ended", process->pid);
	return code;
}

void ct_peer_close(struct ct_peer *peer)
{
	if (peer->pagemap >= 0)
		close(peer->pagemap);
	for (size_t i = 0; i < peer->area_count; i++)
		free(peer->areas[i].path);
	free(peer->areas);
	free(peer->runs.rows);
}

size_t ct_peer_read(const struct ct_peer *peer, uint64_t address, void *to, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)address, bytes};
	ssize_t got = process_vm_readv(peer->process->pid, &local, 1, &remote, 1, 0);
	return got < 0 ? 0 : (size_t)got;
}

uint64_t ct_runs_resident(const struct ct_page_runs *runs, size_t *at, uint64_t start, uint64_t end, uint64_t *swapped)
{
	uint64_t resident = 0;
	while (*at < runs->count && runs->rows[*at].end <= start)
		++*at;
	for (size_t i = *at; i < runs->count && runs->rows[i].start < end; i++) {
		const struct ct_page_run *run = &runs->rows[i];
		uint64_t from = run->start > start ? run->start : start, to = run->end < end ? run->end : end;
		if (from >= to)
			continue;
		if (run->resident)
			resident += to - from;
		else
			*swapped += to - from;
	}
	return resident;
}

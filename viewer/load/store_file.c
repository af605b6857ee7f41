/* SPDX-License-Identifier: MIT */
#include "load/store_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CALIBRATION_NS 5000000u
#define CALIBRATION_LEAST_NS 10000u /* the two readings of a pair are tens of nanoseconds apart */
#define LIVE_TRIES 500

static const uint32_t element_bytes[CT_SECTION_COUNT] = {
	[CT_SECTION_STRINGS] = 1,
	[CT_SECTION_MODULES] = sizeof(struct ct_module),
	[CT_SECTION_NODES] = sizeof(struct ct_node),
	[CT_SECTION_SITES] = sizeof(struct ct_site),
	[CT_SECTION_RINGS] = sizeof(struct ct_ring),
	[CT_SECTION_EVENTS] = sizeof(struct ct_event),
};

static const char *const section_names[CT_SECTION_COUNT] = {
	[CT_SECTION_STRINGS] = "strings", [CT_SECTION_MODULES] = "modules", [CT_SECTION_NODES] = "nodes",
	[CT_SECTION_SITES] = "sites",     [CT_SECTION_RINGS] = "rings",     [CT_SECTION_EVENTS] = "events",
};

int ct_store_damaged(struct ct_error_text *error, const char *what)
{
	return ct_error_set(error, CT_ERR_DAMAGED, "damaged store: %s", what);
}

/* Read exactly; a file that ends before is damaged. */
static int read_at(int fd, void *buffer, size_t bytes, uint64_t offset, struct ct_error_text *error)
{
	while (bytes) {
		ssize_t got = pread(fd, buffer, bytes, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
		if (got == 0)
			return ct_store_damaged(error, "the file is shorter than its header says");
		buffer = (char *)buffer + got;
		offset += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return CT_OK;
}

static int check_header(const struct ct_store_header *header, struct ct_error_text *error)
{
	if (memcmp(header->magic, CT_STORE_MAGIC, sizeof(header->magic)))
		return ct_error_set(error, CT_ERR_DAMAGED, "not a ctrace store (or one whose recording never began)");
	if (header->byte_order != CT_STORE_BYTE_ORDER)
		return ct_error_set(error, CT_ERR_DAMAGED,
				    "store of a machine with another byte order; export it there");
	if (header->version != CT_STORE_VERSION)
		return ct_error_set(
			error, CT_ERR_DAMAGED,
			"store version %u, but this ctrace reads version %u; export it with the ctrace that wrote it",
			header->version, CT_STORE_VERSION);
	if (header->machine != EM_X86_64)
		return ct_error_set(error, CT_ERR_DAMAGED, "store of an unknown machine (ELF number %u)",
				    header->machine);
	if (header->header_bytes != CT_STORE_HEADER_BYTES)
		return ct_store_damaged(error, "wrong header size");
	if (header->state < CT_STATE_RECORDING || header->state > CT_STATE_STOPPED)
		return ct_store_damaged(error, "unknown state");
	if (header->clock != CT_CLOCK_TSC && header->clock != CT_CLOCK_MONOTONIC)
		return ct_store_damaged(error, "unknown clock");
	if (header->extent_count > CT_EXTENTS_MAX || header->timeline_half > 1)
		return ct_store_damaged(error, "count out of range");
	for (int i = 0; i < 2; i++)
		if (header->timeline[i].used > CT_TIMELINE_BUCKETS || header->timeline[i].shift > 63)
			return ct_store_damaged(error, "bad timeline");
	for (int i = 0; i < CT_SECTION_COUNT; i++)
		if (header->sections[i].element_bytes != element_bytes[i])
			return ct_store_damaged(error, "wrong element size");
	return CT_OK;
}

/* Bytes that the extents give each section, all inside the file. */
static int measure(const struct ct_store_header *header, uint64_t file_bytes, uint64_t capacity[CT_SECTION_COUNT],
		   struct ct_error_text *error)
{
	memset(capacity, 0, CT_SECTION_COUNT * sizeof(*capacity));
	for (uint32_t i = 0; i < header->extent_count; i++) {
		const struct ct_extent *extent = &header->extents[i];
		uint64_t bytes = (uint64_t)extent->pages * CT_STORE_PAGE;
		if (extent->section >= CT_SECTION_COUNT)
			return ct_store_damaged(error, "extent of an unknown section");
		if (extent->file_offset % CT_STORE_PAGE || extent->file_offset < CT_STORE_HEADER_BYTES ||
		    extent->file_offset > file_bytes || bytes > file_bytes - extent->file_offset)
			return ct_store_damaged(error, "extent outside the file (was it cut short?)");
		capacity[extent->section] += bytes;
	}
	/* Extents may not overlap, so together they cannot be larger than the file. */
	uint64_t all = CT_STORE_HEADER_BYTES;
	for (int i = 0; i < CT_SECTION_COUNT; i++)
		all += capacity[i];
	return all > file_bytes ? ct_store_damaged(error, "overlapping extents") : CT_OK;
}

/* The used part of a section, back to back in memory; zeroed slack of one element, so never NULL. */
static int read_section(int fd, const struct ct_store_header *header, uint32_t section, uint64_t capacity,
			void **memory, size_t *count, struct ct_error_text *error)
{
	uint64_t used = header->sections[section].used;
	if (used > capacity / element_bytes[section])
		return ct_error_set(error, CT_ERR_DAMAGED, "damaged store: more %s than there is room for",
				    section_names[section]);
	size_t bytes = used * element_bytes[section];
	char *data = calloc(1, bytes + element_bytes[section]);
	if (!data)
		return ct_error_no_memory(error);
	*memory = data;
	*count = used;
	size_t done = 0;
	for (uint32_t i = 0; i < header->extent_count && done < bytes; i++) {
		if (header->extents[i].section != section)
			continue;
		size_t part = (size_t)header->extents[i].pages * CT_STORE_PAGE;
		if (part > bytes - done)
			part = bytes - done;
		int code = read_at(fd, data + done, part, header->extents[i].file_offset, error);
		if (code)
			return code;
		done += part;
	}
	return CT_OK;
}

static bool span_fits(const struct ct_store_file *store, struct ct_span span)
{
	return span.offset <= store->string_bytes && span.bytes <= store->string_bytes - span.offset;
}

static int check_references(const struct ct_store_file *store, struct ct_error_text *error)
{
	const struct ct_store_header *header = store->header;
	if (!store->module_count || !store->node_count || !store->site_count)
		return ct_store_damaged(error, "a section lacks its first element");
	if (!span_fits(store, header->exe) || !span_fits(store, header->command) || !span_fits(store, header->output) ||
	    !span_fits(store, header->session) || !span_fits(store, header->stop_reason))
		return ct_store_damaged(error, "string outside the strings");
	for (size_t i = 1; i < store->module_count; i++)
		if (!span_fits(store, store->modules[i].path) || store->modules[i].build_id_bytes > CT_BUILD_ID_MAX)
			return ct_store_damaged(error, "bad module");
	for (size_t i = 1; i < store->node_count; i++) {
		const struct ct_node *node = &store->nodes[i];
		if (node->parent >= i || (node->module >= store->module_count && node->module != CT_MODULE_MARK))
			return ct_store_damaged(error, "bad node in the call tree");
	}
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].node >= store->node_count || !store->sites[i].node)
			return ct_store_damaged(error, "site without a stack");
	return CT_OK;
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* This machine's clock, for a program that was killed before it noted its own twice. */
static long double measure_ns_per_tick(void)
{
	uint64_t start_ns = now_ns();
	uint64_t start_ticks = __builtin_ia32_rdtsc();
	uint64_t spent;
	do
		spent = now_ns() - start_ns;
	while (spent < CALIBRATION_NS);
	return (long double)spent / (long double)(__builtin_ia32_rdtsc() - start_ticks);
}

static void set_clock(struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	uint64_t ticks = header->latest_ticks - header->start_ticks;
	uint64_t ns = header->latest_ns - header->boot_ns;
	long double ns_per_tick = 1;
	if (header->clock == CT_CLOCK_TSC)
		ns_per_tick = ns < CALIBRATION_LEAST_NS || !ticks || header->latest_ns < header->boot_ns
				      ? measure_ns_per_tick()
				      : (long double)ns / (long double)ticks;
	store->us_per_tick = ns_per_tick / 1000;
}

uint64_t ct_store_file_us(const struct ct_store_file *store, uint64_t ticks)
{
	long double us = (long double)ticks * store->us_per_tick + 0.5L;
	return us < 0x1p63L ? (uint64_t)us : UINT64_MAX / 2;
}

static int read_store(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	struct stat file;
	uint64_t capacity[CT_SECTION_COUNT];
	if (fstat(fd, &file) < 0)
		return ct_error_set(error, CT_ERR_IO, "cannot stat: %s", strerror(errno));
	if (!S_ISREG(file.st_mode))
		return ct_error_set(error, CT_ERR_IO, "not a regular file");
	store->header = malloc(CT_STORE_HEADER_BYTES);
	if (!store->header)
		return ct_error_no_memory(error);
	int code = read_at(fd, store->header, CT_STORE_HEADER_BYTES, 0, error);
	if (!code)
		code = check_header(store->header, error);
	if (!code)
		code = measure(store->header, (uint64_t)file.st_size, capacity, error);

	size_t event_count = 0;
	struct {
		void *memory;
		size_t *count;
	} parts[CT_SECTION_COUNT] = {
		[CT_SECTION_STRINGS] = {&store->strings, &store->string_bytes},
		[CT_SECTION_MODULES] = {&store->modules, &store->module_count},
		[CT_SECTION_NODES] = {&store->nodes, &store->node_count},
		[CT_SECTION_SITES] = {&store->sites, &store->site_count},
		[CT_SECTION_RINGS] = {&store->rings, &store->ring_count},
		[CT_SECTION_EVENTS] = {&store->events, &event_count},
	};
	for (uint32_t i = 0; i < CT_SECTION_COUNT && !code; i++)
		code = read_section(fd, store->header, i, capacity[i], parts[i].memory, parts[i].count, error);
	if (!code && store->ring_count > event_count / CT_RING_EVENTS)
		code = ct_store_damaged(error, "rings without events");
	if (!code)
		code = check_references(store, error);
	return code;
}

/* What the combiner changes in any of its steps. */
static bool same_progress(const struct ct_progress *a, const struct ct_progress *b)
{
	return a->progress == b->progress && a->limits_round == b->limits_round && a->undo_mark == b->undo_mark &&
	       a->undo_count == b->undo_count;
}

static bool is_alive(const struct ct_store_header *header)
{
	return header && header->state == CT_STATE_RECORDING && header->pid && kill((pid_t)header->pid, 0) == 0;
}

/*
 * Read a store that may change at the same time: it is consistent when no fold began or ended meanwhile.
 * Events that come during the reading do no harm, they are beyond the heads that were read.
 */
static int read_steady(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	for (int tries = 0;; tries++) {
		struct ct_progress now;
		int code = read_store(fd, store, error);
		bool alive = is_alive(store->header);
		if (!alive || code == CT_ERR_MEMORY)
			return code;
		if (!code)
			code = read_at(fd, &now, sizeof(now), offsetof(struct ct_store_header, progress), error);
		if (!code && same_progress(&now, &store->header->progress))
			return CT_OK;
		if (tries == LIVE_TRIES)
			return code ? code
				    : ct_error_set(error, CT_ERR_IO,
						   "pid %u is still running and records faster than this can read; "
						   "try again, or stop it for a moment (kill -STOP)",
						   store->header->pid);
		ct_store_file_close(store);
		usleep((useconds_t)(tries * 37 % 1000));
	}
}

int ct_store_file_open(const char *path, struct ct_store_file *store, struct ct_error_text *error)
{
	memset(store, 0, sizeof(*store));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	int code = read_steady(fd, store, error);
	close(fd);
	if (!code)
		code = ct_store_file_replay(store, error);
	if (code)
		return ct_error_context(error, code, "%s", path);
	set_clock(store);
	return CT_OK;
}

void ct_store_file_close(struct ct_store_file *store)
{
	free(store->header);
	free(store->strings);
	free(store->modules);
	free(store->nodes);
	free(store->sites);
	free(store->rings);
	free(store->events);
	memset(store, 0, sizeof(*store));
}

/* SPDX-License-Identifier: MIT */
#include "load/store/store_last_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/hash.h"
#include "util/read.h"
#include "util/write.h"

#define BYTES_MAX (UINT64_C(1) << 56) /* so that no sum of numbers overflows */

_Static_assert(CT_LAST_LOOK_LEDGER_ROWS == CT_LEDGER_UNEXPLAINED, "the rows of the ledger");
_Static_assert(sizeof(struct ct_taken_site) == CT_LAST_LOOK_NUMBERS * sizeof(uint64_t), "the numbers of a site");

uint64_t ct_store_last_look_at(const struct ct_store_header *header)
{
	uint64_t end = header->header_bytes;
	for (uint32_t i = 0; i < header->extent_count; i++) {
		uint64_t after = header->extents[i].file_offset + (uint64_t)header->extents[i].pages * CT_STORE_PAGE;
		if (after > end)
			end = after;
	}
	return end;
}

static uint64_t hash_of(const char *look, size_t bytes)
{
	uint64_t hash = CT_HASH_START, word;
	for (size_t at = sizeof(word); at + sizeof(word) <= bytes; at += sizeof(word)) {
		memcpy(&word, look + at, sizeof(word));
		hash = ct_hash_add(hash, word);
	}
	return hash;
}

void ct_store_last_look_seal(char *look, size_t bytes)
{
	uint64_t hash = hash_of(look, bytes);
	memcpy(look, &hash, sizeof(hash));
}

static struct ct_last_look_head pack_ledger(const struct ct_ledger *ledger)
{
	struct ct_last_look_head head = {
		.flags = (ledger->has_sites ? CT_LAST_LOOK_SITES : 0) |
			 (ledger->slack_estimated ? CT_LAST_LOOK_SLACK_ESTIMATED : 0) |
			 (ledger->knows_mappings ? CT_LAST_LOOK_MAPPINGS : 0) | (ledger->late ? CT_LAST_LOOK_LATE : 0),
		.rss = ledger->rss_bytes,
		.swapped = ledger->swapped_bytes,
		.heap = ledger->heap_bytes,
		.pinned = ledger->pinned_bytes,
		.whole = ledger->whole_bytes,
		.live = ledger->live_bytes,
		.live_blocks = ledger->live_blocks,
		.live_swapped = ledger->live_swapped_bytes,
		.live_untouched = ledger->live_untouched_bytes,
		.took_ns = ledger->took_ns,
	};
	memcpy(head.ledger, ledger->bytes, sizeof(head.ledger));
	return head;
}

static void unpack_ledger(const struct ct_last_look_head *head, struct ct_ledger *ledger)
{
	*ledger = (struct ct_ledger){
		.rss_bytes = head->rss,
		.swapped_bytes = head->swapped,
		.heap_bytes = head->heap,
		.pinned_bytes = head->pinned,
		.whole_bytes = head->whole,
		.live_bytes = head->live,
		.live_blocks = head->live_blocks,
		.live_swapped_bytes = head->live_swapped,
		.live_untouched_bytes = head->live_untouched,
		.took_ns = head->took_ns,
		.has_sites = head->flags & CT_LAST_LOOK_SITES,
		.slack_estimated = head->flags & CT_LAST_LOOK_SLACK_ESTIMATED,
		.knows_mappings = head->flags & CT_LAST_LOOK_MAPPINGS,
		.late = head->flags & CT_LAST_LOOK_LATE,
	};
	memcpy(ledger->bytes, head->ledger, sizeof(head->ledger));
	ct_ledger_balance(ledger);
}

/* The row of a site; false: there is nothing to say of it. */
static bool pack_site(const struct ct_taken *taken, size_t site, struct ct_last_look_row *row)
{
	const struct ct_taken_site *blocks = &taken->sites[site];
	const struct ct_taken_mapping *mapping = &taken->mappings[site];
	*row = (struct ct_last_look_row){.site = (uint32_t)site};
	if (mapping->mapped) {
		row->kind = mapping->stack ? CT_LAST_LOOK_STACK : CT_LAST_LOOK_MAPPING;
		row->numbers[0] = mapping->mapped;
		row->numbers[1] = mapping->resident;
	} else {
		memcpy(row->numbers, blocks, sizeof(*blocks));
	}
	return mapping->mapped || blocks->blocks;
}

char *ct_store_last_look_pack(const struct ct_taken *taken, uint64_t *bytes)
{
	struct ct_last_look_head head = pack_ledger(&taken->ledger);
	char *look = malloc(sizeof(head) + taken->site_count * sizeof(struct ct_last_look_row));
	if (!look)
		return NULL;
	*bytes = sizeof(head);
	for (size_t i = 1; i < taken->site_count; i++) {
		struct ct_last_look_row row;
		if (!pack_site(taken, i, &row))
			continue;
		memcpy(look + *bytes, &row, sizeof(row));
		*bytes += sizeof(row);
		head.row_count++;
	}
	memcpy(look, &head, sizeof(head));
	ct_store_last_look_seal(look, *bytes);
	return look;
}

static int write_at(int fd, const void *bytes, size_t count, uint64_t at, struct ct_error_text *error)
{
	if (lseek(fd, (off_t)at, SEEK_SET) >= 0 && ct_write_all(fd, bytes, count))
		return CT_OK;
	return ct_error_set(error, CT_ERR_IO, "it cannot be kept in the store: %s", strerror(errno));
}

int ct_store_last_look_keep(int fd, const struct ct_store_file *store, const struct ct_taken *taken,
			    struct ct_error_text *error)
{
	uint64_t bytes;
	char *look = ct_store_last_look_pack(taken, &bytes);
	if (!look)
		return ct_error_no_memory(error);
	int code = write_at(fd, look, bytes, ct_store_last_look_at(store->header), error);
	if (!code)
		code = write_at(fd, &bytes, sizeof(bytes), offsetof(struct ct_store_header, look.bytes), error);
	free(look);
	return code;
}

void ct_store_last_look_fail(int fd, const char *why)
{
	struct ct_error_text ignored;
	char text[CT_LAST_LOOK_PROBLEM_ROOM] = "";
	snprintf(text, sizeof(text), "%s", why);
	write_at(fd, text, sizeof(text), offsetof(struct ct_store_header, look.problem), &ignored);
}

/* Add a number to a sum that must stay small; false: it does not. */
static bool add(uint64_t *sum, uint64_t number)
{
	*sum += number < BYTES_MAX ? number : BYTES_MAX;
	return *sum < BYTES_MAX;
}

static const char *check_head(const struct ct_last_look_head *head)
{
	const uint64_t numbers[] = {head->rss,  head->swapped,     head->heap,         head->pinned,        head->whole,
				    head->live, head->live_blocks, head->live_swapped, head->live_untouched};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!add(&sum, numbers[i]))
			return "a number out of range";
	for (size_t i = 0; i < CT_LAST_LOOK_LEDGER_ROWS; i++)
		if (!add(&sum, (uint64_t)(head->ledger[i] < 0 ? -(head->ledger[i] + 1) : head->ledger[i])))
			return "a number out of range";
	return head->rss ? NULL : "no resident memory";
}

/* NULL: it is fine. before: the site of the row before it, 0: none. sums: of all rows, by number. */
static const char *unpack_row(const struct ct_last_look_row *row, uint32_t before, uint64_t sums[CT_LAST_LOOK_NUMBERS],
			      struct ct_taken *taken)
{
	if (row->site <= before || row->site >= taken->site_count || row->kind >= CT_LAST_LOOK_KINDS)
		return "a row of an unknown site, or out of order";
	for (size_t i = 0; i < CT_LAST_LOOK_NUMBERS; i++)
		if (!add(&sums[i], row->numbers[i]))
			return "a number out of range";
	if (row->kind == CT_LAST_LOOK_BLOCKS)
		memcpy(&taken->sites[row->site], row->numbers, sizeof(taken->sites[row->site]));
	else
		taken->mappings[row->site] = (struct ct_taken_mapping){.mapped = row->numbers[0],
								       .resident = row->numbers[1],
								       .stack = row->kind == CT_LAST_LOOK_STACK};
	return NULL;
}

static const char *unpack(const char *look, size_t bytes, struct ct_taken *taken)
{
	struct ct_last_look_head head;
	struct ct_last_look_row row = {0};
	uint64_t sums[CT_LAST_LOOK_NUMBERS] = {0};
	memcpy(&head, look, sizeof(head));
	if (head.hash != hash_of(look, bytes))
		return "its words do not fit its hash";
	if (head.row_count != (bytes - sizeof(head)) / sizeof(row))
		return "another number of rows";
	const char *why = check_head(&head);
	for (size_t i = 0; i < head.row_count && !why; i++) {
		uint32_t before = row.site;
		memcpy(&row, look + sizeof(head) + i * sizeof(row), sizeof(row));
		why = unpack_row(&row, before, sums, taken);
	}
	if (!why)
		unpack_ledger(&head, &taken->ledger);
	return why;
}

/* The look's bytes, to be freed; NULL, with *why, or with neither: out of memory. */
static char *read_bytes(int fd, const struct ct_store_file *store, const char **why)
{
	uint64_t bytes = store->header->look.bytes;
	/* A row for each site: this bounds our memory. */
	bool fits = bytes >= sizeof(struct ct_last_look_head) &&
		    (bytes - sizeof(struct ct_last_look_head)) % sizeof(struct ct_last_look_row) == 0 &&
		    (bytes - sizeof(struct ct_last_look_head)) / sizeof(struct ct_last_look_row) < store->site_count;
	*why = fits ? NULL : "a wrong size";
	char *look = fits ? malloc(bytes) : NULL;
	if (look && ct_read_at(fd, look, bytes, (off_t)ct_store_last_look_at(store->header)) != (ssize_t)bytes)
		*why = "the file ends before it does";
	if (!*why)
		return look;
	free(look);
	return NULL;
}

static struct ct_taken *new_taken(size_t sites)
{
	struct ct_taken *taken = calloc(1, sizeof(*taken));
	if (!taken)
		return NULL;
	taken->site_count = sites;
	taken->sites = calloc(sites, sizeof(*taken->sites));
	taken->mappings = calloc(sites, sizeof(*taken->mappings));
	if (taken->sites && taken->mappings)
		return taken;
	ct_taken_fini(taken);
	free(taken);
	return NULL;
}

int ct_store_last_look_read(int fd, struct ct_store_file *store, struct ct_error_text *error)
{
	const char *why;
	if (!store->header->look.bytes)
		return CT_OK;
	char *look = read_bytes(fd, store, &why);
	struct ct_taken *taken = look ? new_taken(store->site_count) : NULL;
	if (!why && !taken) {
		free(look);
		return ct_error_no_memory(error);
	}
	if (!why)
		why = unpack(look, store->header->look.bytes, taken);
	store->look = taken;
	if (why) {
		snprintf(store->look_problem, sizeof(store->look_problem), "the look at it in the store is damaged: %s",
			 why);
		ct_store_last_look_free(store);
	}
	free(look);
	return CT_OK;
}

void ct_store_last_look_free(struct ct_store_file *store)
{
	if (store->look)
		ct_taken_fini(store->look);
	free(store->look);
	store->look = NULL;
}

/* Why the look that was wanted is missing. "": there is one, or none was wanted. */
static void find_problem(const struct ct_store_file *store, char out[CT_LAST_LOOK_PROBLEM_ROOM])
{
	const struct ct_store_header *header = store->header;
	const char *why = "";
	if (*store->look_problem)
		why = store->look_problem;
	else if (store->look || !(header->flags & CT_STORE_MEMORY))
		why = "";
	else if (*header->look.problem)
		why = header->look.problem;
	else
		why = header->state == CT_STATE_RECORDING
			      ? "the program has not come to its end: it was killed, has started another, or runs"
			      : "nothing has looked at it at the program's end";
	snprintf(out, CT_LAST_LOOK_PROBLEM_ROOM, "%.*s", CT_LAST_LOOK_PROBLEM_ROOM - 1, why);
}

int ct_store_last_look_put(const struct ct_store_file *store, struct ct_store_builder *builder,
			   struct ct_error_text *error)
{
	struct ct_profile *profile = ct_store_builder_profile(builder);
	profile->no_memory[0] = '\0';
	if (store->segment.number != ct_segment_latest(store->header)->number)
		return CT_OK; /* an earlier segment's blocks are not those at the end */
	find_problem(store, profile->no_memory);
	if (!store->look)
		return CT_OK;
	struct ct_taken look = *store->look; /* its arrays stay the store's */
	int code = ct_taken_name(&look, store, error);
	if (!code)
		ct_taken_put(&look, builder);
	return code;
}

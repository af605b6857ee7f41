/* SPDX-License-Identifier: MIT */
/* Reads the ledger of our own reports, the member "memory" of "ctrace"; viewer/write/ledger.c writes it. */
#include "load/dhat/dhat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

#define RSS_BITS 56 /* so that no sum of rows overflows */

static int read_row(struct ct_dhat *dhat, struct ct_json_piece key, struct ct_json_piece value)
{
	struct ct_ledger *ledger = &dhat->profile->ledger;
	for (int i = 0; i < CT_LEDGER_UNEXPLAINED; i++) { /* what is unexplained follows from the others */
		uint64_t bytes;
		if (!ct_json_is(key, ct_ledger_name((enum ct_ledger_row)i)))
			continue;
		if (ct_dhat_number(dhat, value, ct_ledger_name((enum ct_ledger_row)i), &bytes) < 0)
			return CT_ERR_DAMAGED;
		if (bytes > ledger->rss_bytes)
			return ct_json_damaged(&dhat->file, value.text, dhat->error,
					       "a row of \"memory\" is larger than \"rssBytes\" before it");
		ledger->bytes[i] = (int64_t)bytes;
	}
	return CT_OK;
}

static int read_rows(struct ct_dhat *dhat, struct ct_json_piece piece)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more;
	if (!ct_json_enter(&cursor, &dhat->file, piece) || !cursor.object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"rows\" is not an object");
	while ((more = ct_json_next(&cursor, &key, &value, dhat->error)) > 0)
		if ((more = read_row(dhat, key, value)) < 0)
			break;
	return more;
}

static int read_name(struct ct_dhat *dhat, struct ct_json_piece value, char out[CT_LEDGER_PART_ROOM])
{
	cJSON *item = ct_dhat_string(dhat, value, "a name of a part of \"memory\"");
	char *clean = item ? ct_utf8_clean(item->valuestring, strlen(item->valuestring), NULL) : NULL;
	if (clean)
		snprintf(out, CT_LEDGER_PART_ROOM, "%.*s", (int)ct_utf8_fit(clean, CT_LEDGER_PART_ROOM - 1), clean);
	cJSON_Delete(item);
	free(clean);
	if (item && !clean)
		return ct_dhat_no_memory(dhat);
	return item ? CT_OK : CT_ERR_DAMAGED;
}

/* The row that has parts of this name; CT_LEDGER_ROWS: none. The piece is a string with its quotes. */
static enum ct_ledger_row row_of_parts(struct ct_json_piece piece)
{
	static const enum ct_ledger_row rows[] = {CT_LEDGER_STACKS, CT_LEDGER_MAPPED};
	struct ct_json_piece name = {piece.text + 1, piece.length > 2 ? piece.length - 2 : 0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (*piece.text == '"' && ct_json_is(name, ct_ledger_name(rows[i])))
			return rows[i];
	return CT_LEDGER_ROWS;
}

/* A row that is not known is left out, as are parts beyond those that we write. */
static int read_part(struct ct_dhat *dhat, struct ct_json_piece piece)
{
	struct ct_ledger *ledger = &dhat->profile->ledger;
	struct ct_ledger_part part = {.row = CT_LEDGER_ROWS};
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more;
	if (!ct_json_enter(&cursor, &dhat->file, piece) || !cursor.object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "a part of \"memory\" is not an object");
	while ((more = ct_json_next(&cursor, &key, &value, dhat->error)) > 0) {
		if (ct_json_is(key, "row"))
			part.row = row_of_parts(value);
		else if (ct_json_is(key, "residentBytes") &&
			 ct_dhat_number(dhat, value, "residentBytes", &part.resident))
			return CT_ERR_DAMAGED;
		else if (ct_json_is(key, "mappedBytes") && ct_dhat_number(dhat, value, "mappedBytes", &part.mapped))
			return CT_ERR_DAMAGED;
		else if (ct_json_is(key, "site") && read_name(dhat, value, part.name))
			return CT_ERR_DAMAGED;
	}
	if (!more && part.row != CT_LEDGER_ROWS && ledger->part_count < CT_LEDGER_PARTS &&
	    part.resident >> RSS_BITS == 0)
		ledger->parts[ledger->part_count++] = part;
	return more;
}

static int read_parts(struct ct_dhat *dhat, struct ct_json_piece piece)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more;
	if (!ct_json_enter(&cursor, &dhat->file, piece) || cursor.object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"parts\" is not an array");
	while ((more = ct_json_next(&cursor, &key, &value, dhat->error)) > 0)
		if ((more = read_part(dhat, value)) < 0)
			break;
	return more;
}

static int read_member(struct ct_dhat *dhat, struct ct_json_piece key, struct ct_json_piece value)
{
	struct ct_ledger *ledger = &dhat->profile->ledger;
	const struct {
		const char *name;
		uint64_t *number;
	} numbers[] = {
		{"rssBytes", &ledger->rss_bytes},
		{"heapBytes", &ledger->heap_bytes},
		{"liveBytes", &ledger->live_bytes},
		{"liveBlocks", &ledger->live_blocks},
		{"swappedBytes", &ledger->swapped_bytes},
		{"pinnedBytes", &ledger->pinned_bytes},
		{"wholePageBytes", &ledger->whole_bytes},
		{"liveSwappedBytes", &ledger->live_swapped_bytes},
		{"liveUntouchedBytes", &ledger->live_untouched_bytes},
		{"tookNs", &ledger->took_ns},
	};
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"exact", &ledger->has_sites},
		{"slackEstimated", &ledger->slack_estimated},
		{"late", &ledger->late},
		{"mappings", &ledger->knows_mappings},
	};
	if (ct_json_is(key, "rows"))
		return read_rows(dhat, value);
	if (ct_json_is(key, "parts"))
		return read_parts(dhat, value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (ct_json_is(key, numbers[i].name))
			return ct_dhat_number(dhat, value, numbers[i].name, numbers[i].number);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (ct_json_is(key, flags[i].name))
			*flags[i].flag = ct_json_is(value, "true");
	return CT_OK;
}

int ct_dhat_read_memory(struct ct_dhat *dhat, struct ct_json_piece piece)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more;
	if (!ct_json_enter(&cursor, &dhat->file, piece) || !cursor.object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"memory\" is not an object");
	while ((more = ct_json_next(&cursor, &key, &value, dhat->error)) > 0)
		if ((more = read_member(dhat, key, value)) < 0)
			return more;
	if (dhat->profile->ledger.rss_bytes >> RSS_BITS)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"rssBytes\" is 2^%d or more", RSS_BITS);
	ct_ledger_balance(&dhat->profile->ledger);
	return more;
}

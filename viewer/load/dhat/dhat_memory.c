/* SPDX-License-Identifier: MIT */
/* Reads the ledger of our own reports, the member "memory" of "ctrace"; viewer/write/ledger.c writes it. */
#include "load/dhat/dhat.h"

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
	};
	if (ct_json_is(key, "rows"))
		return read_rows(dhat, value);
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

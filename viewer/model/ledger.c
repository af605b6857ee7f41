/* SPDX-License-Identifier: MIT */
#include "model/ledger.h"

#include <stdio.h>

#include "names/number.h"

static const struct {
	const char *name, *words;
} rows[CT_LEDGER_ROWS] = {
#define CT_LEDGER(ROW, name, words) [CT_LEDGER_##ROW] = {name, words},
#include "model/ledger.def"
#undef CT_LEDGER
};

const char *ct_ledger_name(enum ct_ledger_row row)
{
	return rows[row].name;
}

const char *ct_ledger_words(enum ct_ledger_row row)
{
	return rows[row].words;
}

void ct_ledger_balance(struct ct_ledger *ledger)
{
	int64_t rest = (int64_t)ledger->rss_bytes;
	for (int i = 0; i < CT_LEDGER_UNEXPLAINED; i++)
		rest -= ledger->bytes[i];
	ledger->bytes[CT_LEDGER_UNEXPLAINED] = rest;
}

bool ct_ledger_is_explained(const struct ct_ledger *ledger)
{
	int64_t rest = ledger->bytes[CT_LEDGER_UNEXPLAINED];
	return (uint64_t)(rest < 0 ? -rest : rest) <= ledger->rss_bytes / 100 * CT_LEDGER_UNEXPLAINED_MAX;
}

char *ct_ledger_fragmentation(const struct ct_ledger *ledger, char out[CT_LEDGER_ROOM])
{
	char heap[CT_NUMBER_ROOM], live[CT_NUMBER_ROOM], pinned[CT_NUMBER_ROOM], whole[CT_NUMBER_ROOM];
	int64_t bytes = ledger->bytes[CT_LEDGER_LIVE];
	ct_number_bytes(heap, ledger->heap_bytes);
	ct_number_bytes(live, bytes > 0 ? (uint64_t)bytes : 0);
	if (ledger->has_sites)
		snprintf(out, CT_LEDGER_ROOM,
			 "holds %s: %s are live, %s are free but pinned, %s are free in whole pages", heap, live,
			 ct_number_bytes(pinned, ledger->pinned_bytes), ct_number_bytes(whole, ledger->whole_bytes));
	else
		snprintf(out, CT_LEDGER_ROOM, "holds %s, about %s are live", heap, live);
	return out;
}

char *ct_ledger_caveat(const struct ct_ledger *ledger, char out[CT_LEDGER_ROOM])
{
	snprintf(out, CT_LEDGER_ROOM, "%s%s%s",
		 !ledger->has_sites ? "live and slack are estimates from a sample; "
		 : ledger->slack_estimated
			 ? "slack is an estimate; the rest of the allocator's own is in the free memory; "
			 : "",
		 ledger->late ? "the recording did not begin with the program: older blocks count as free; " : "",
		 ct_ledger_is_explained(ledger) ? "" : "the process changed while it was read; ");
	size_t length = 0;
	while (out[length])
		length++;
	if (length)
		out[length - 2] = '\0';
	return out;
}

const char *ct_ledger_hint(const struct ct_ledger *ledger)
{
	bool some = ledger->bytes[CT_LEDGER_MAPPED] > 0 || ledger->bytes[CT_LEDGER_STACKS] > 0;
	return some && !ledger->knows_mappings
		       ? "a recording with --mmap (CTRACE_MMAP=1) names the sites of anonymous mappings and of stacks"
		       : NULL;
}

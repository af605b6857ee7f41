/* SPDX-License-Identifier: MIT */
#include "write/ledger.h"

#include "write/put_json.h"
#include "write/put_profile.h"

static void put_parts(FILE *out, const struct ct_ledger *ledger)
{
	for (size_t i = 0; i < ledger->part_count; i++) {
		const struct ct_ledger_part *part = &ledger->parts[i];
		fputs(i ? ",{" : ",\"parts\":[{", out);
		fprintf(out, "\"row\":\"%s\"", ct_ledger_name(part->row));
		ct_put_text_member(out, "site", part->name);
		ct_put_number_member(out, "residentBytes", part->resident);
		ct_put_number_member(out, "mappedBytes", part->mapped);
		putc('}', out);
	}
	if (ledger->part_count)
		putc(']', out);
}

void ct_put_ledger(FILE *out, const struct ct_ledger *ledger)
{
	fputs("{\"rssBytes\":", out);
	ct_put_number(out, ledger->rss_bytes);
	fputs(",\"rows\":{", out);
	for (int i = 0; i < CT_LEDGER_ROWS; i++) {
		fprintf(out, "%s\"%s\":", i ? "," : "", ct_ledger_name((enum ct_ledger_row)i));
		ct_put_signed(out, ledger->bytes[i]);
	}
	putc('}', out);
	ct_put_number_member(out, "heapBytes", ledger->heap_bytes);
	ct_put_number_member(out, "liveBytes", ledger->live_bytes);
	ct_put_number_member(out, "liveBlocks", ledger->live_blocks);
	ct_put_number_member(out, "swappedBytes", ledger->swapped_bytes);
	ct_put_bool_member(out, "exact", ledger->has_sites);
	if (ledger->has_sites) {
		ct_put_number_member(out, "pinnedBytes", ledger->pinned_bytes);
		ct_put_number_member(out, "wholePageBytes", ledger->whole_bytes);
		ct_put_number_member(out, "liveSwappedBytes", ledger->live_swapped_bytes);
		ct_put_number_member(out, "liveUntouchedBytes", ledger->live_untouched_bytes);
	}
	ct_put_bool_member(out, "slackEstimated", ledger->slack_estimated);
	ct_put_bool_member(out, "late", ledger->late);
	ct_put_bool_member(out, "mappings", ledger->knows_mappings);
	put_parts(out, ledger);
	ct_put_number_member(out, "tookNs", ledger->took_ns);
	putc('}', out);
}

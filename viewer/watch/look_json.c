/* SPDX-License-Identifier: MIT */
#include "watch/look.h"
#include "write/ledger.h"
#include "write/put_json.h"
#include "write/put_profile.h"

static void put_frames(FILE *out, const struct ct_profile *profile, uint32_t id)
{
	const struct ct_site_row *site = &profile->sites[id];
	fputs(",\"frames\":[", out);
	for (uint32_t i = 0; i < site->frame_count; i++) {
		if (i)
			putc(',', out);
		ct_put_text(out, profile->strings[profile->frames[profile->frame_ids[site->first_frame + i]].text]);
	}
	putc(']', out);
}

static void put_sites(FILE *out, const struct ct_look *look)
{
	fputs(",\"growthSeconds\":[", out);
	for (unsigned i = 0; i < look->times; i++)
		fprintf(out, "%s%.3f", i ? "," : "", look->seconds[i]);
	fputs("],\"sites\":[", out);
	for (size_t i = 0; i < look->shown; i++) {
		const struct ct_fold_row *row = &look->fold.rows[look->rows[i].row];
		fputs(i ? ",{\"liveBytes\":" : "{\"liveBytes\":", out);
		ct_put_number(out, row->counters->end_bytes);
		ct_put_number_member(out, "liveBlocks", row->counters->end_blocks);
		fputs(",\"grownBytes\":[", out);
		for (unsigned at = 0; at < look->times; at++) {
			if (at)
				putc(',', out);
			ct_put_signed(out, look->rows[i].grown[at]);
		}
		putc(']', out);
		put_frames(out, look->profile, row->site);
		putc('}', out);
	}
	putc(']', out);
}

static void put_allocations(FILE *out, const struct ct_look *look)
{
	fputs(",\"latestAllocations\":[", out);
	for (size_t i = 0; i < look->allocation_count; i++) {
		const struct ct_look_allocation *one = &look->allocations[i];
		fputs(i ? ",{\"thread\":" : "{\"thread\":", out);
		ct_put_number(out, one->thread);
		ct_put_number_member(out, "bytes", one->bytes);
		ct_put_bool_member(out, "resized", one->resized);
		ct_put_number_member(out, "beforeUs", one->before_us);
		put_frames(out, look->profile, one->site);
		putc('}', out);
	}
	putc(']', out);
}

int ct_look_put_json(FILE *out, const struct ct_look *look, const char *title)
{
	fputs("{\"moment\":", out);
	ct_put_text(out, title);
	ct_put_number_member(out, "unixNs", look->unix_ns);
	ct_put_number_member(out, "usedBytes", look->used_bytes);
	ct_put_number_member(out, "limitBytes", look->limit_bytes);
	if (look->pressure >= 0)
		fprintf(out, ",\"pressurePercent\":%d.%02d", look->pressure / 100, look->pressure % 100);
	ct_put_number_member(out, "liveBytes", look->profile->totals.end_bytes);
	ct_put_number_member(out, "liveBlocks", look->profile->totals.end_blocks);
	ct_put_number_member(out, "sampleBytes", look->profile->sample_bytes);
	put_sites(out, look);
	put_allocations(out, look);
	if (look->ledger) {
		ct_put_number_member(out, "ledgerAgeNs", look->ledger_age_ns);
		fputs(",\"ledger\":", out);
		ct_put_ledger(out, look->ledger);
	}
	putc('}', out);
	return ferror(out) ? -1 : 0;
}

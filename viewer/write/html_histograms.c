/* SPDX-License-Identifier: MIT */
#include "write/html_histograms.h"

#include "model/histogram.h"
#include "write/put_json.h"

static void put_item(FILE *out, bool more, uint64_t number)
{
	if (more)
		putc_unlocked(',', out);
	ct_put_number(out, number);
}

static void put_kind(const struct ct_profile *profile, const uint32_t *order, enum ct_histogram_kind kind, FILE *out)
{
	bool more = false;
	fputs("\"low\":[", out);
	for (size_t i = 0; i < profile->site_count; i++)
		put_item(out, i > 0, profile->sites[order[i]].buckets[kind].low);
	fputs("],\n\"count\":[", out);
	for (size_t i = 0; i < profile->site_count; i++)
		put_item(out, i > 0, profile->sites[order[i]].buckets[kind].count);
	fputs("],\n\"blocks\":[", out);
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[order[i]];
		for (unsigned j = 0; j < site->buckets[kind].count; j++, more = true)
			put_item(out, more, ct_histogram_blocks(profile, site, kind)[j]);
	}
	fputs("],\n\"starts\":[", out);
	for (unsigned i = 0; i < CT_BUCKETS; i++)
		fprintf(out, "%s%.0f", i ? "," : "", ct_bucket_start(profile, kind, i));
	fputs("]", out);
}

void ct_put_html_histograms(const struct ct_profile *profile, const uint32_t *order, FILE *out)
{
	if (!profile->has_histograms)
		return;
	fputs(",\n\"histograms\":{\"sizes\":{", out);
	put_kind(profile, order, CT_HISTOGRAM_SIZES, out);
	fputs("},\n\"lifetimes\":{", out);
	put_kind(profile, order, CT_HISTOGRAM_LIFETIMES, out);
	fputs("}}", out);
}

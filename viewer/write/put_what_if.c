/* SPDX-License-Identifier: MIT */
#include "write/put_what_if.h"

#include <inttypes.h>

#include "model/advise.h"
#include "util/whole.h"
#include "write/put_json.h"

#define PAGE_ROWS 20

static void put_row(const struct ct_profile *profile, const struct ct_what_if *what_if,
		    const struct ct_smaller_size *row, const uint32_t *place, FILE *out)
{
	char text[CT_ADVICE_ROOM];
	fputs("{\"where\":", out);
	ct_put_text(out, ct_advice_place(profile, &what_if->origins, row->site, row->frame, row->site_count, text));
	ct_put_number_member(out, "bytes", row->bytes);
	ct_put_number_member(out, "smaller", row->smaller);
	ct_put_number_member(out, "peakBlocks", row->blocks);
	ct_put_number_member(out, "stacks", row->site_count);
	if (place)
		ct_put_number_member(out, "site", place[row->site]);
	fputs(",\"saved\":{", out);
	for (int i = 0; i < CT_ALLOCATORS; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", ct_allocator_title((enum ct_allocator)i),
			row->saved[i]);
	fputs("}}", out);
}

void ct_put_what_if(const struct ct_profile *profile, const struct ct_what_if *what_if, size_t rows,
		    const uint32_t *place, FILE *out)
{
	ct_put_number_member(out, "peakBytes", profile->totals.peak_bytes);
	ct_put_number_member(out, "peakBlocks", profile->totals.peak_blocks);
	ct_put_number_member(out, "estimatedBytes", what_if->estimated_bytes);
	if (what_if->recorded_slack >= 0)
		ct_put_number_member(out, "recordedSlackBytes", ct_whole(what_if->recorded_slack));
	fputs(",\"takenBytes\":{", out);
	for (int i = 0; i < CT_ALLOCATORS; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", ct_allocator_title((enum ct_allocator)i),
			ct_whole(what_if->taken[i]));
	fputs("},\n\"smallerSizes\":[", out);
	for (size_t i = 0; i < rows && i < what_if->count; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_row(profile, what_if, &what_if->rows[i], place, out);
	}
	putc(']', out);
}

void ct_put_what_if_of(const struct ct_profile *profile, const uint32_t *place, FILE *out)
{
	struct ct_what_if what_if;
	struct ct_error_text ignored;
	if (profile->mode != CT_MODE_HEAP || !profile->totals.peak_bytes)
		return;
	if (!ct_what_if(profile, &what_if, &ignored)) {
		fprintf(out, ",\n\"whatIf\":{\"version\":%d", CT_WHAT_IF_VERSION);
		ct_put_what_if(profile, &what_if, PAGE_ROWS, place, out);
		putc('}', out);
	}
	ct_what_if_fini(&what_if);
}

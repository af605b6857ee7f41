/* SPDX-License-Identifier: MIT */
#include "view/together.h"

#include "names/number.h"
#include "view/view.h"

void ct_line_put_together(struct ct_line *line, const struct ct_together *together)
{
	uint64_t sparks[CT_SPARKS_MAX];
	char number[CT_NUMBER_ROOM];
	int count = ct_summary_spark_count(line);
	if (!together->most_bytes || count < 1)
		return;
	for (int i = 0; i < count; i++)
		sparks[i] = ct_together_most(together, (size_t)i, (size_t)count);
	ct_summary_sparks(line, "live", sparks, count, together->most_bytes);
	ct_line_format(line, " up to %s", ct_number_bytes(number, together->most_bytes));
	ct_line_end(line);
}

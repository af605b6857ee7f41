/* SPDX-License-Identifier: MIT */
#include "view/change.h"

#include <stdio.h>
#include <string.h>

#include "names/number.h"
#include "view/caveat.h"

int ct_change_sign(int64_t change, double whole)
{
	double size = change < 0 ? -(double)change : (double)change;
	if (!change || size < whole * CT_CHANGE_SHARE_MIN)
		return 0;
	return change > 0 ? 1 : -1;
}

enum ct_style ct_change_style(int64_t change, double whole)
{
	int sign = ct_change_sign(change, whole);
	return sign > 0 ? CT_STYLE_MORE : sign < 0 ? CT_STYLE_LESS : CT_STYLE_PLAIN;
}

char *ct_change_amount(const struct ct_diff_view *view, uint64_t amount, enum ct_metric metric, char *out)
{
	const struct ct_profile *profile = view->diff->profiles[CT_DIFF_OLD];
	if (amount == 0)
		return strcpy(out, "-");
	if (metric == CT_METRIC_LIFETIME && !view->exact)
		return ct_number_time(out, (double)amount, profile->time_unit);
	if (!ct_metric_is_bytes(metric) || view->exact || profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, amount);
	return ct_number_bytes_column(out, amount);
}

char *ct_change_text(const struct ct_diff_view *view, int64_t change, enum ct_metric metric, char *out)
{
	if (change == 0)
		return strcpy(out, "-");
	*out = change > 0 ? '+' : '-';
	ct_change_amount(view, change > 0 ? (uint64_t)change : -(uint64_t)change, metric, out + 1);
	return out;
}

char *ct_change_percent(int64_t change, double whole, char *out)
{
	if (change == 0 || whole == 0)
		return strcpy(out, "-");
	snprintf(out, CT_NUMBER_ROOM, "%+.1f", (double)change / whole * 100);
	return out;
}

void ct_change_put_side(const struct ct_diff_view *view, enum ct_diff_side side, struct ct_line *line)
{
	const struct ct_profile *profile = view->diff->profiles[side];
	char caveat[CT_CAVEAT_ROOM];
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, side == CT_DIFF_OLD ? "old" : "new");
	ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add_cut(line, view->diff->names[side], line->terminal->columns / 2);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_format(line, " · recorded by %s", profile->producer);
	if (*profile->command) {
		ct_line_add(line, " · ");
		ct_line_add_rest(line, profile->command);
	}
	ct_line_end(line);
	if (*ct_caveat(profile, caveat))
		ct_line_put_remark(line, "caution", caveat);
}

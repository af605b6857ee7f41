/* SPDX-License-Identifier: MIT */
#include "write/put_profile.h"

#include <inttypes.h>

#include "model/functions.h"
#include "model/losses.h"
#include "names/names.h"
#include "write/ledger.h"

void ct_put_bool_member(FILE *out, const char *name, bool value)
{
	fprintf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

void ct_put_counters(const struct ct_profile *profile, const struct ct_counters *counters, bool more, FILE *out)
{
	for (int i = 1; i < CT_COUNTER_COUNT; i++) {
		if (!ct_metric_exists(profile, (enum ct_metric)i))
			continue;
		fprintf(out, "%s\"%s\":", more ? "," : "", ct_metric_member((enum ct_metric)i));
		ct_put_number(out, ct_metric_value(counters, (enum ct_metric)i));
		more = true;
	}
}

static void put_losses(const struct ct_losses *losses, FILE *out)
{
	fputs(",\n\"losses\":{", out);
	for (size_t i = 0; i < CT_LOSS_ROWS; i++) {
		fprintf(out, "%s\"%s\":", i ? "," : "", ct_loss_rows[i].name);
		ct_put_number(out, ct_loss_value(losses, i));
	}
	putc('}', out);
}

void ct_put_profile(const struct ct_profile *profile, FILE *out)
{
	ct_put_text_member(out, "producer", profile->producer);
	ct_put_text_member(out, "mode", ct_mode_text(profile->mode));
	ct_put_text_member(out, "command", profile->command);
	ct_put_text_member(out, "program", profile->program);
	ct_put_number_member(out, "pid", profile->pid);
	ct_put_number_member(out, "startUnixMs", profile->start_unix_ns / 1000000);
	ct_put_text_member(out, "timeUnit", profile->time_unit);
	ct_put_number_member(out, "endTime", profile->end_time);
	if (ct_metric_exists(profile, CT_METRIC_PEAK_BYTES))
		ct_put_number_member(out, "peakTime", profile->peak_time);
	ct_put_number_member(out, "sampleBytes", profile->sample_bytes);
	ct_put_bool_member(out, "ended", profile->ended);
	ct_put_bool_member(out, "torn", profile->torn);
	if (profile->ledger.rss_bytes) {
		fputs(",\n\"memory\":", out);
		ct_put_ledger(out, &profile->ledger);
	}
	put_losses(&profile->losses, out);
	fputs(",\n\"totals\":{", out);
	ct_put_counters(profile, &profile->totals, false, out);
	putc('}', out);
}

void ct_put_frame_members(const struct ct_profile *profile, const struct ct_frame *frame, const char *function_member,
			  const char *place_member, FILE *out)
{
	const struct ct_function function = {.name = frame->function, .module = frame->module};
	char room[CT_FUNCTION_NAME_ROOM], place[CT_NAME_ROOM];
	fprintf(out, "\"%s\":", function_member);
	ct_put_text(out, ct_function_name(profile, &function, room));
	ct_put_text_member(out, place_member, ct_name_place(profile, frame, place));
}

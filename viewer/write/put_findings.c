/* SPDX-License-Identifier: MIT */
#include "write/put_findings.h"

#include "write/put_json.h"

#define FINDINGS_MAX 200
#define STAYS_MAX 20

static void put_finding(const struct ct_profile *profile, const struct ct_findings *findings,
			const struct ct_advice *advice, const uint32_t *place, FILE *out)
{
	char text[CT_ADVICE_ROOM];
	fputs("{\"kind\":", out);
	ct_put_text(out, ct_advice_name(advice->kind));
	ct_put_text_member(out, "title", ct_advice_title(advice->kind));
	ct_put_text_member(out, "where", ct_advice_where(profile, findings, advice, text));
	ct_put_text_member(out, "because", ct_advice_evidence(profile, advice, text));
	ct_put_text_member(out, "saves", ct_advice_saving(profile, advice, text));
	ct_put_text_member(out, "try", ct_advice_action(advice));
	ct_put_text_member(out, "metric", ct_metric_member(ct_advice_metric(advice->kind)));
	ct_put_number_member(out, "site", place[advice->site]);
	putc_unlocked('}', out);
}

/* The verdicts on what stays, the largest first. */
static void put_stays(const struct ct_profile *profile, const struct ct_findings *findings, const uint32_t *place,
		      FILE *out)
{
	char verdict[CT_ADVICE_ROOM], where[CT_ADVICE_ROOM];
	bool any = false;
	fputs(",\n\"stays\":[", out);
	for (size_t i = 0; i < findings->stays.count && i < STAYS_MAX; i++) {
		const struct ct_stay *stay = &findings->stays.rows[i];
		if (!*ct_stay_verdict(profile, stay, verdict))
			continue;
		fputs(any ? ",\n{\"where\":" : "\n{\"where\":", out);
		any = true;
		ct_put_text(out, ct_stay_place(profile, findings, stay, where));
		ct_put_text_member(out, "verdict", verdict);
		ct_put_number_member(out, "endBytes", stay->counters.end_bytes);
		ct_put_number_member(out, "site", place[stay->site]);
		putc_unlocked('}', out);
	}
	putc_unlocked(']', out);
}

void ct_put_findings(const struct ct_profile *profile, const struct ct_findings *findings, const uint32_t *place,
		     FILE *out)
{
	char text[CT_ADVICE_ROOM] = "";
	fputs(",\n\"findings\":[", out);
	for (size_t i = 0; i < findings->count && i < FINDINGS_MAX; i++) {
		fputs(i ? ",\n" : "\n", out);
		put_finding(profile, findings, &findings->rows[i], place, out);
	}
	putc_unlocked(']', out);
	if (findings->origins.of_frame)
		ct_findings_no_leak(profile, findings, text);
	ct_put_text_member(out, "noLeak", text);
	put_stays(profile, findings, place, out);
}

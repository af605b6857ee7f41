/* SPDX-License-Identifier: MIT */
#include "live/leaking.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/metric.h"

bool ct_leaking_possible(const struct ct_profile *profile)
{
	return profile->mode == CT_MODE_HEAP && ct_metric_exists(profile, CT_METRIC_END_BYTES);
}

void ct_leaking_fini(struct ct_leaking *leaking)
{
	ct_findings_fini(&leaking->findings);
	free(leaking->left_out);
	leaking->left_out = NULL;
}

/* Say what the largest finding about leaks is, or why there is none. The rules drop findings, too. */
static void judge(struct ct_leaking *leaking, const struct ct_profile *profile, const uint8_t *classes)
{
	const struct ct_findings *findings = &leaking->findings;
	char where[CT_ADVICE_ROOM], evidence[CT_ADVICE_ROOM];
	for (size_t i = 0; i < findings->count; i++) {
		const struct ct_advice *advice = &findings->rows[i];
		if (classes[advice->site] == CT_LEAK_SUPPRESSED || ct_findings_leak(findings, advice->site) != advice)
			continue;
		snprintf(leaking->verdict, sizeof(leaking->verdict), "%s: %s",
			 ct_advice_where(profile, findings, advice, where),
			 ct_advice_evidence(profile, advice, evidence));
		return;
	}
	if (profile->recent_us) {
		snprintf(leaking->verdict, sizeof(leaking->verdict),
			 "no finding yet; what has grown since the baseline comes first (m sets it)");
		return;
	}
	ct_findings_no_leak(profile, findings, where);
	snprintf(leaking->verdict, sizeof(leaking->verdict), "%s",
		 *where ? where : "the suppressions drop all findings about leaks");
}

int ct_leaking_find(struct ct_leaking *leaking, const struct ct_profile *profile, const bool *filtered)
{
	struct ct_error_text error;
	ct_leaking_fini(leaking);
	leaking->left_out = calloc(profile->site_count + 1, sizeof(*leaking->left_out));
	uint8_t *classes = calloc(profile->site_count + 1, sizeof(*classes));
	int code = leaking->left_out && classes ? CT_OK : CT_ERR_MEMORY;
	if (!code)
		code = ct_leaks_find(&leaking->leaks, profile, classes, &error);
	if (!code && (code = ct_advise(profile, &leaking->findings, &error)) == CT_ERR_USAGE)
		code = CT_OK; /* a file that has only what was live */
	if (!code)
		judge(leaking, profile, classes);
	for (size_t i = 0; i < profile->site_count && !code; i++) {
		bool shown = classes[i] == CT_LEAK_CANDIDATE ||
			     (classes[i] == CT_LEAK_NONE && ct_findings_leak(&leaking->findings, i));
		leaking->left_out[i] = !shown || (filtered && filtered[i]);
	}
	free(classes);
	return code;
}

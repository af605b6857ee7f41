/* SPDX-License-Identifier: MIT */
/* Applies the rules of a budget to profiles. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/budget.h"
#include "model/chain.h"
#include "names/names.h"

/*
 * Does the rule's pattern match? For a function, by its whole name, or by its name without clone suffixes, parameters
 * and long template arguments.
 */
static bool matches(const struct ct_budget_rule *rule, const struct ct_profile *profile, const struct ct_frame *frame)
{
	char name[CT_NAME_ROOM];
	if (rule->scope == CT_SCOPE_MODULE) {
		const char *path = profile->strings[frame->module];
		return *path && (!fnmatch(rule->pattern, ct_name_base(path), 0) || !fnmatch(rule->pattern, path, 0));
	}
	const char *function = profile->strings[frame->function];
	if (!*function)
		return false;
	if (!fnmatch(rule->pattern, function, 0) || !fnmatch(rule->pattern, ct_name_short(profile, frame, name), 0))
		return true;
	size_t length;
	function = ct_chain_name(function, &length);
	snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name) - 1), function);
	return !fnmatch(rule->pattern, name, 0);
}

/* Flags by frame id. Many frames share a name, so each name is matched only once. */
static bool *find_frames(const struct ct_budget_rule *rule, const struct ct_profile *profile)
{
	enum { UNKNOWN, NO, YES };
	uint8_t *known = calloc(profile->string_count, sizeof(*known));
	bool *found = calloc(profile->frame_count, sizeof(*found));
	for (size_t i = 1; i < profile->frame_count && known && found; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		uint8_t *name = &known[rule->scope == CT_SCOPE_MODULE ? frame->module : frame->function];
		if (*name == UNKNOWN)
			*name = matches(rule, profile, frame) ? YES : NO;
		found[i] = *name == YES;
	}
	if (!known) {
		free(found);
		found = NULL;
	}
	free(known);
	return found;
}

bool *ct_rule_sites(const struct ct_budget_rule *rule, const struct ct_profile *profile)
{
	bool *sites = calloc(profile->site_count + 1, sizeof(*sites));
	bool *frames = rule->scope == CT_SCOPE_PROCESS ? NULL : find_frames(rule, profile);
	if (!sites || (!frames && rule->scope != CT_SCOPE_PROCESS)) {
		free(sites);
		free(frames);
		return NULL;
	}
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		sites[i] = !frames;
		for (uint32_t j = 0; j < site->frame_count && !sites[i]; j++)
			sites[i] = frames[profile->frame_ids[site->first_frame + j]];
	}
	free(frames);
	return sites;
}

int ct_rule_check(const struct ct_budget_rule *rule, const struct ct_profile *profile, const char *name,
		  struct ct_error_text *error)
{
	if (!ct_metric_exists(profile, rule->metric))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s has no %s, which the rule '%s' needs: %s did not record it", name,
				    ct_metric_name(rule->metric), rule->text, profile->producer);
	if (rule->scope == CT_SCOPE_MODULE && !ct_chain_knows_modules(profile))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s does not have the module of all functions, which the rule '%s' needs; "
				    "recordings of ctrace do",
				    name, rule->text);
	return CT_OK;
}

/* The number in the rule's scope; it saturates rather than wraps. */
static int measure(const struct ct_budget_rule *rule, const struct ct_profile *profile, uint64_t *sum, bool *matched)
{
	bool *sites = ct_rule_sites(rule, profile);
	if (!sites)
		return -1;
	*sum = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		*matched = *matched || sites[i];
		if (sites[i] &&
		    __builtin_add_overflow(*sum, ct_metric_value(&profile->sites[i].counters, rule->metric), sum))
			*sum = UINT64_MAX;
	}
	free(sites);
	if (rule->scope == CT_SCOPE_PROCESS)
		*matched = true;
	/* the peak of several processes is less than the sum of their peaks */
	if (rule->scope == CT_SCOPE_PROCESS &&
	    (!ct_metric_adds_up(rule->metric) || rule->metric == CT_METRIC_PEAK_BYTES))
		*sum = ct_metric_value(&profile->totals, rule->metric);
	return 0;
}

static bool compare(uint64_t actual, enum ct_operator operator, uint64_t limit)
{
	switch (operator) {
	case CT_AT_MOST:
		return actual <= limit;
	case CT_BELOW:
		return actual < limit;
	case CT_ABOVE:
		return actual > limit;
	case CT_AT_LEAST:
		return actual >= limit;
	default:
		return actual == limit;
	}
}

/* The old number plus what may be added. 1e-6: in binary, decimal fractions such as 0.3 are a little too small. */
static uint64_t grown_limit(const struct ct_budget_rule *rule, uint64_t old)
{
	long double more = floorl((long double)old * rule->percent / 100 + 1e-6L);
	uint64_t limit;
	if (__builtin_add_overflow(old, rule->limit, &limit) || (long double)limit + more >= 0x1p64L)
		return UINT64_MAX;
	return limit + (uint64_t)more;
}

int ct_rule_judge(const struct ct_budget_rule *rule, const struct ct_profile *profile,
		  const struct ct_profile *baseline, struct ct_verdict *verdict)
{
	*verdict = (struct ct_verdict){.limit = rule->limit};
	if (measure(rule, profile, &verdict->actual, &verdict->matched))
		return -1;
	if (rule->growth) {
		if (measure(rule, baseline, &verdict->old, &verdict->matched))
			return -1;
		verdict->limit = grown_limit(rule, verdict->old);
	}
	verdict->holds = compare(verdict->actual, rule->operator, verdict->limit);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules that a profile must keep. A budget file has one a line, # starts a comment:
 *
 *   [function GLOB | module GLOB] METRIC OPERATOR LIMIT        peak <= 64 MiB
 *   [function GLOB | module GLOB] METRIC LIMIT                 peak 5%          (growth against a baseline)
 *
 * A scope takes in the sites whose stack has such a function or module anywhere, each site once. Within one,
 * maxima are the sum of the sites' own: an upper bound, so rules on them may only say "at most".
 */
#ifndef CT_MODEL_BUDGET_H
#define CT_MODEL_BUDGET_H

#include "model/metric.h"
#include "util/error.h"

enum ct_scope { CT_SCOPE_PROCESS, CT_SCOPE_FUNCTION, CT_SCOPE_MODULE };

enum ct_operator { CT_AT_MOST, CT_BELOW, CT_EQUAL, CT_ABOVE, CT_AT_LEAST };

struct ct_budget_rule {
	char *text; /* as it was written */
	char *pattern; /* of the scope; NULL: the process */
	enum ct_scope scope;
	enum ct_metric metric;
	enum ct_operator operator;
	bool growth; /* limit and percent are on top of the baseline's number */
	uint64_t limit;
	long double percent;
};

struct ct_budget {
	struct ct_budget_rule *rules;
	size_t count, room;
};

struct ct_verdict {
	bool holds;
	bool matched; /* false: the scope has no site */
	uint64_t actual;
	uint64_t limit; /* of a growth rule with the baseline's number */
	uint64_t old; /* of a growth rule */
};

/* Add the rules of a file; errors name file and line. 0 or < 0; free with ct_budget_fini, also then. */
int ct_budget_read(struct ct_budget *budget, const char *path, struct ct_error_text *error);

/* Add a rule about growth: "peak 5%", "module libfoo* end 1 MiB". */
int ct_budget_add_growth(struct ct_budget *budget, const char *text, struct ct_error_text *error);

/* One line of a file; nothing is added for an empty one. */
int ct_budget_add_line(struct ct_budget *budget, const char *line, struct ct_error_text *error);

void ct_budget_fini(struct ct_budget *budget);

/* Which of the profile's sites are in the rule's scope: site_count flags for free(), NULL without memory. */
bool *ct_rule_sites(const struct ct_budget_rule *rule, const struct ct_profile *profile);

/* Can the rule be judged by this profile, called name? CT_ERR_USAGE: it lacks the number or the modules. */
int ct_rule_check(const struct ct_budget_rule *rule, const struct ct_profile *profile, const char *name,
		  struct ct_error_text *error);

/* baseline: of growth rules. 0, or < 0 without memory. */
int ct_rule_judge(const struct ct_budget_rule *rule, const struct ct_profile *profile,
		  const struct ct_profile *baseline, struct ct_verdict *verdict);

#endif

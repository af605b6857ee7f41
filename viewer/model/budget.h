/* SPDX-License-Identifier: MIT */
/*
 * Rules that a profile must keep. A budget file has one rule per line; # starts a comment:
 *
 *   [function GLOB | module GLOB] METRIC OPERATOR LIMIT        peak <= 64 MiB
 *   [function GLOB | module GLOB] METRIC LIMIT                 peak 5%          (growth against a baseline)
 *
 * A scope covers the sites whose stack contains a matching function or module, each site once. Within a scope, a
 * maximum is the sum of the sites' own maxima. That is an upper bound, so a rule on it may only say "at most".
 */
#ifndef CT_MODEL_BUDGET_H
#define CT_MODEL_BUDGET_H

#include "model/metric.h"
#include "util/error.h"

enum ct_scope { CT_SCOPE_PROCESS, CT_SCOPE_FUNCTION, CT_SCOPE_MODULE };

enum ct_operator { CT_AT_MOST, CT_BELOW, CT_EQUAL, CT_ABOVE, CT_AT_LEAST };

struct ct_budget_rule {
	char *text; /* the rule as written, clean UTF-8 */
	const char *file; /* of the budget, the caller's; NULL: not from a file */
	uint32_t line;
	char *pattern; /* the scope's; NULL: the whole process */
	enum ct_scope scope;
	enum ct_metric metric;
	enum ct_operator operator;
	bool growth; /* limit and percent are added to the baseline's number */
	uint64_t limit;
	long double percent;
};

struct ct_budget {
	struct ct_budget_rule *rules;
	size_t count, room;
};

struct ct_verdict {
	bool holds;
	bool matched; /* false: no site is in the scope */
	uint64_t actual;
	uint64_t limit; /* for a growth rule, including the baseline's number */
	uint64_t old; /* for a growth rule: the baseline's number */
};

/*
 * Add the rules in a file; errors name file and line. path must outlive the budget. 0 or < 0; call ct_budget_fini in
 * both cases.
 */
int ct_budget_read(struct ct_budget *budget, const char *path, struct ct_error_text *error);

/* Add a rule about growth: "peak 5%", "module libfoo* end 1 MiB". */
int ct_budget_add_growth(struct ct_budget *budget, const char *text, struct ct_error_text *error);

/* Add the rule on one line of a file; an empty line adds none. */
int ct_budget_add_line(struct ct_budget *budget, const char *line, struct ct_error_text *error);

void ct_budget_fini(struct ct_budget *budget);

/* Flag the profile's sites that are in the rule's scope: site_count flags, to be freed; NULL when out of memory. */
bool *ct_rule_sites(const struct ct_budget_rule *rule, const struct ct_profile *profile);

/* Check a profile, called name in errors, for what the rule needs. CT_ERR_USAGE: it lacks the number or modules. */
int ct_rule_check(const struct ct_budget_rule *rule, const struct ct_profile *profile, const char *name,
		  struct ct_error_text *error);

/* Apply the rule; only growth rules need baseline. 0, or < 0 when out of memory. */
int ct_rule_judge(const struct ct_budget_rule *rule, const struct ct_profile *profile,
		  const struct ct_profile *baseline, struct ct_verdict *verdict);

#endif

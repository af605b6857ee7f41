/* SPDX-License-Identifier: MIT */
/* Budget files: each line is read as a rule and as a growth rule, applied and printed. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gate/gate.h"
#include "view/terminal.h"

static void judge(const struct ct_budget *budget, const struct ct_profile *profile, const struct ct_diff *diff)
{
	struct ct_verdict *verdicts = calloc(budget->count + 1, sizeof(*verdicts));
	struct ct_error_text error;
	bool good = verdicts;
	for (size_t i = 0; i < budget->count && good; i++)
		good = !ct_rule_check(&budget->rules[i], profile, "profile", &error) &&
		       !ct_rule_judge(&budget->rules[i], profile, profile, &verdicts[i]);
	for (int strict = 0; strict < 2 && good; strict++) {
		static const struct ct_terminal terminal = {.columns = 80};
		const struct ct_gate_case judged = {.budget = budget,
						    .verdicts = verdicts,
						    .profile = profile,
						    .name = "profile",
						    .diff = diff,
						    .strict = strict};
		struct ct_gate gate;
		FILE *out = fuzz_nowhere();
		if (!ct_gate_init(&gate, &judged)) {
			ct_gate_text(&gate, &terminal, out);
			ct_gate_markdown(&gate, out);
			ct_gate_github(&gate, out);
			ct_gate_junit(&gate, out);
			ct_gate_sarif(&gate, out);
		}
		ct_gate_fini(&gate);
		fclose(out);
	}
	free(verdicts);
}

static void as_growth(struct ct_budget *budget, char *text)
{
	struct ct_error_text error;
	for (char *line; (line = strsep(&text, "\n"));)
		ct_budget_add_growth(budget, line, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ct_profile *profile;
	static struct ct_diff diff;
	struct ct_budget budget = {0}, growth = {0};
	struct ct_error_text error;
	if (!profile) {
		profile = fuzz_profile();
		const struct ct_profile *const sides[CT_DIFF_SIDES] = {profile, profile};
		const char *const names[CT_DIFF_SIDES] = {"old", "new"};
		if (ct_diff_init(&diff, sides, names, CT_DIFF_OWN, &error))
			abort();
	}
	fuzz_file(data, size);
	if (!ct_budget_read(&budget, fuzz_path, &error))
		judge(&budget, profile, NULL);
	char *text = calloc(1, size + 1);
	memcpy(text, data, size);
	as_growth(&growth, text);
	judge(&growth, profile, &diff);
	free(text);
	ct_budget_fini(&budget);
	ct_budget_fini(&growth);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "gate/gate.h"

#include <stdlib.h>
#include <string.h>

#include "model/fold.h"
#include "util/utf8.h"
#include "view/caveat.h"

struct work {
	struct ct_gate *gate;
	const struct ct_gate_case *judged;
	struct ct_origins origins;
};

/* Keep the largest suspects, largest first. */
static void note_suspect(struct ct_gate_rule *rule, struct ct_suspect suspect)
{
	if (!suspect.amount)
		return;
	for (size_t i = 0; i < rule->suspect_count; i++) {
		if (suspect.amount <= rule->suspects[i].amount)
			continue;
		struct ct_suspect smaller = rule->suspects[i];
		rule->suspects[i] = suspect;
		suspect = smaller;
	}
	if (rule->suspect_count < CT_GATE_SUSPECTS)
		rule->suspects[rule->suspect_count++] = suspect;
}

/* The rows of own code (model/fold.h) in the rule's scope. */
static int find_largest(const struct work *work, struct ct_gate_rule *rule, bool *sites)
{
	const struct ct_profile *profile = work->gate->profile;
	struct ct_fold fold;
	for (size_t i = 0; i < profile->site_count; i++)
		sites[i] = !sites[i]; /* now: left out */
	int code = ct_fold_init(&fold, profile, &work->origins, false, sites);
	for (size_t i = 0; i < fold.count && !code; i++)
		note_suspect(rule, (struct ct_suspect){
					   .site = &profile->sites[fold.rows[i].site],
					   .amount = ct_metric_value(fold.rows[i].counters, rule->rule->metric),
				   });
	ct_fold_fini(&fold);
	return code;
}

/* The rows of the diff that have grown most, among those whose new site is in the rule's scope. */
static void find_grown(const struct work *work, struct ct_gate_rule *rule, const bool *sites)
{
	const struct ct_diff *diff = work->judged->diff;
	for (size_t i = 0; i < diff->row_count; i++) {
		const struct ct_site_row *site = diff->rows[i].examples[CT_DIFF_NEW];
		int64_t change = ct_diff_change(&diff->rows[i], rule->rule->metric);
		if (site && change > 0 && sites[site - work->gate->profile->sites])
			note_suspect(rule, (struct ct_suspect){.site = site, .amount = (uint64_t)change});
	}
}

static int find_suspects(const struct work *work, struct ct_gate_rule *rule)
{
	const struct ct_profile *profile = work->gate->profile;
	int code = 0;
	if (rule->rule->operator> CT_EQUAL)
		return 0;
	bool *sites = ct_rule_sites(rule->rule, profile);
	if (!sites)
		return -1;
	if (rule->rule->growth && work->judged->diff)
		find_grown(work, rule, sites);
	else
		code = find_largest(work, rule, sites);
	free(sites);
	for (size_t i = 0; i < rule->suspect_count; i++)
		rule->suspects[i].frame = ct_origin_own(profile, &work->origins, rule->suspects[i].site);
	return code;
}

static bool is_lossy(const struct ct_profile *profile)
{
	return profile->losses.dropped || profile->torn;
}

static int add_note(struct ct_gate *gate, const char *subject, bool is_rule, const char *text)
{
	struct ct_gate_note *note = &gate->notes[gate->note_count];
	*note = (struct ct_gate_note){.subject = subject, .is_rule = is_rule, .text = strdup(text)};
	gate->note_count += note->text != NULL;
	return note->text ? 0 : -1;
}

static int note_caveat(struct ct_gate *gate, const struct ct_profile *profile, const char *name)
{
	char caveat[CT_CAVEAT_ROOM];
	return *ct_caveat(profile, caveat) ? add_note(gate, name, false, caveat) : 0;
}

static int fill_notes(struct ct_gate *gate, const struct ct_diff *diff)
{
	int code = note_caveat(gate, gate->profile, gate->name);
	if (!code && diff)
		code = note_caveat(gate, diff->profiles[CT_DIFF_OLD], diff->names[CT_DIFF_OLD]);
	for (size_t i = 0; i < gate->count && !code; i++)
		if (!gate->rules[i].verdict->matched && gate->rules[i].holds)
			code = add_note(gate, gate->rules[i].rule->text, true, "matches no site: is the name right?");
	return code;
}

static int fill_rules(struct work *work)
{
	const struct ct_gate_case *judged = work->judged;
	struct ct_gate *gate = work->gate;
	int code = 0;
	for (size_t i = 0; i < gate->count && !code; i++) {
		const struct ct_verdict *verdict = &judged->verdicts[i];
		struct ct_gate_rule *rule = &gate->rules[i];

		rule->rule = &judged->budget->rules[i];
		rule->verdict = verdict;
		rule->holds = verdict->holds && !(judged->strict && !verdict->matched);
		gate->broken += !rule->holds;
		if (!rule->holds)
			code = find_suspects(work, rule);
	}
	return code;
}

int ct_gate_init(struct ct_gate *gate, const struct ct_gate_case *judged)
{
	size_t count = judged->budget->count;
	*gate = (struct ct_gate){.profile = judged->profile, .count = count};
	gate->name = ct_utf8_clean(judged->name, strlen(judged->name), NULL);
	gate->rules = calloc(count + 1, sizeof(*gate->rules));
	gate->notes = calloc(count + CT_DIFF_SIDES, sizeof(*gate->notes));
	struct work work = {.gate = gate, .judged = judged};
	int code = ct_origins_init(&work.origins, judged->profile, CT_ORIGIN_RULE);
	if (!code)
		code = gate->name && gate->rules && gate->notes ? fill_rules(&work) : -1;
	ct_origins_fini(&work.origins);
	if (code)
		return code;
	ct_worktree_init(&gate->tree);
	gate->lossy = judged->strict &&
		      (is_lossy(judged->profile) || (judged->diff && is_lossy(judged->diff->profiles[CT_DIFF_OLD])));
	gate->passes = !gate->broken && !gate->lossy;
	return fill_notes(gate, judged->diff);
}

void ct_gate_fini(struct ct_gate *gate)
{
	for (size_t i = 0; i < gate->note_count; i++)
		free(gate->notes[i].text);
	free(gate->notes);
	free(gate->rules);
	free(gate->name);
}

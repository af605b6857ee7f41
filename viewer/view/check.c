/* SPDX-License-Identifier: MIT */
#include "view/check.h"

#include <stdlib.h>
#include <string.h>

#include "model/fold.h"
#include "names/names.h"
#include "names/number.h"
#include "view/caveat.h"

#define WORST_MAX 3

/* A site that names a row of sites (model/fold.h), with their amount or, for a growth rule, their growth. */
struct suspect {
	const struct ct_profile *profile;
	const struct ct_site_row *site;
	uint64_t amount;
};

static const struct ct_budget_rule *rule_at(const struct ct_check_view *gate, size_t index)
{
	return &gate->budget->rules[index];
}

bool ct_gate_holds(const struct ct_check_view *gate, size_t rule)
{
	return gate->verdicts[rule].holds && !(gate->strict && !gate->verdicts[rule].matched);
}

static bool is_lossy(const struct ct_check_view *gate)
{
	const struct ct_profile *old = gate->diff ? gate->diff->profiles[CT_DIFF_OLD] : gate->profile;
	return gate->profile->losses.dropped || gate->profile->torn || old->losses.dropped || old->torn;
}

bool ct_gate_passes(const struct ct_check_view *gate)
{
	for (size_t i = 0; i < gate->budget->count; i++)
		if (!ct_gate_holds(gate, i))
			return false;
	return !(gate->strict && is_lossy(gate));
}

static char *format_amount(const struct ct_check_view *gate, enum ct_metric metric, uint64_t amount, char *out)
{
	if (metric == CT_METRIC_LIFETIME)
		return ct_number_time(out, (double)amount, gate->profile->time_unit);
	if (!ct_metric_is_bytes(metric) || gate->profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, amount);
	return ct_number_bytes(out, amount);
}

/* Write text as code. In a table, | would end even a cell of code; control characters could affect a terminal. */
static void put_code(const char *text, FILE *out)
{
	putc('`', out);
	for (; *text; text++) {
		if (*text == '|')
			putc('\\', out);
		putc(*text == '`' ? '\'' : (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text, out);
	}
	putc('`', out);
}

/* Write a name or a unit outside code, escaped so that it cannot become a cell, a link, an image or HTML. */
static void put_plain(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (strchr("\\`*[]<>|&", *text))
			putc('\\', out);
		putc((unsigned char)*text < ' ' || *text == 127 ? ' ' : *text, out);
	}
}

/* Keep the largest suspects, largest first. */
static void note_suspect(struct suspect worst[WORST_MAX], struct suspect suspect)
{
	for (int i = 0; i < WORST_MAX && suspect.amount; i++) {
		if (suspect.amount <= worst[i].amount)
			continue;
		struct suspect smaller = worst[i];
		worst[i] = suspect;
		suspect = smaller;
	}
}

static int find_largest(const struct ct_check_view *gate, const struct ct_budget_rule *rule,
			const struct ct_origins *origins, struct suspect worst[WORST_MAX])
{
	const struct ct_profile *profile = gate->profile;
	bool *sites = ct_rule_sites(rule, profile);
	struct ct_fold fold;
	if (!sites)
		return -1;
	for (size_t i = 0; i < profile->site_count; i++)
		sites[i] = !sites[i]; /* now: left out */
	int code = ct_fold_init(&fold, profile, origins, false, sites);
	for (size_t i = 0; i < fold.count && !code; i++)
		note_suspect(worst, (struct suspect){profile, &profile->sites[fold.rows[i].site],
						     ct_metric_value(fold.rows[i].counters, rule->metric)});
	ct_fold_fini(&fold);
	free(sites);
	return code;
}

/* Find the rows of the diff that have grown most, among those whose new site is in the rule's scope. */
static int find_grown(const struct ct_check_view *gate, const struct ct_budget_rule *rule,
		      struct suspect worst[WORST_MAX])
{
	const struct ct_diff *diff = gate->diff;
	bool *sites = ct_rule_sites(rule, gate->profile);
	if (!sites)
		return -1;
	for (size_t i = 0; i < diff->row_count; i++) {
		const struct ct_site_row *site = diff->rows[i].examples[CT_DIFF_NEW];
		int64_t change = ct_diff_change(&diff->rows[i], rule->metric);
		if (site && change > 0 && sites[site - gate->profile->sites])
			note_suspect(worst, (struct suspect){gate->profile, site, (uint64_t)change});
	}
	free(sites);
	return 0;
}

/* The first caller with a name, or NULL. */
static const struct ct_frame *find_named(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t own)
{
	for (uint32_t i = own + 1; i < site->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + i]];
		if (frame->function)
			return frame;
	}
	return NULL;
}

static int put_suspects(const struct ct_check_view *gate, const struct ct_budget_rule *rule,
			const struct ct_origins *origins, FILE *out)
{
	struct suspect worst[WORST_MAX] = {{0}};
	char text[CT_NAME_ROOM];
	if (rule->operator> CT_EQUAL)
		return 0;
	if (rule->growth ? find_grown(gate, rule, worst) : find_largest(gate, rule, origins, worst))
		return -1;
	for (int i = 0; i < WORST_MAX && worst[i].amount; i++) {
		const struct ct_profile *profile = worst[i].profile;
		uint32_t own = ct_origin_own(profile, origins, worst[i].site);
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[worst[i].site->first_frame + own]];
		fputs(i ? ", " : " ", out);
		put_code(ct_name_short(profile, frame, text), out);
		if (*ct_name_place(profile, frame, text)) {
			putc(' ', out);
			put_code(text, out);
		} else if ((frame = find_named(profile, worst[i].site, own))) {
			fputs(" < ", out);
			put_code(ct_name_short(profile, frame, text), out);
		}
		fputs(rule->growth ? " +" : " ", out);
		put_plain(format_amount(gate, rule->metric, worst[i].amount, text), out);
	}
	return 0;
}

static void put_numbers(const struct ct_check_view *gate, const struct ct_budget_rule *rule,
			const struct ct_verdict *verdict, FILE *out)
{
	char number[CT_NUMBER_ROOM];
	bool above = verdict->actual > verdict->limit;
	uint64_t distance = above ? verdict->actual - verdict->limit : verdict->limit - verdict->actual;
	fputs(" | ", out);
	put_plain(format_amount(gate, rule->metric, verdict->limit, number), out);
	if (rule->growth) {
		fputs(" (was ", out);
		put_plain(format_amount(gate, rule->metric, verdict->old, number), out);
		putc(')', out);
	}
	fputs(" | ", out);
	put_plain(format_amount(gate, rule->metric, verdict->actual, number), out);
	fprintf(out, " | %s", !distance ? "" : above ? "+" : "-");
	put_plain(format_amount(gate, rule->metric, distance, number), out);
	fputs(" |", out);
}

static int put_broken(const struct ct_check_view *gate, const struct ct_origins *origins, FILE *out)
{
	fputs("\n| rule | limit | actual | off by | worst sites |\n| --- | ---: | ---: | ---: | --- |\n", out);
	for (size_t i = 0; i < gate->budget->count; i++) {
		const struct ct_budget_rule *rule = rule_at(gate, i);
		if (ct_gate_holds(gate, i))
			continue;
		fputs(rule->growth ? "| growth " : "| ", out);
		put_code(rule->text, out);
		put_numbers(gate, rule, &gate->verdicts[i], out);
		if (!gate->verdicts[i].matched)
			fputs(" matches no site", out);
		else if (put_suspects(gate, rule, origins, out))
			return -1;
		fputs(" |\n", out);
	}
	putc('\n', out);
	return 0;
}

static void put_caveat(const struct ct_profile *profile, const char *name, FILE *out)
{
	char caveat[CT_CAVEAT_ROOM];
	if (!*ct_caveat(profile, caveat))
		return;
	fputs("warning: ", out);
	put_plain(name, out);
	fprintf(out, ": %s\n", caveat);
}

static void put_notes(const struct ct_check_view *gate, FILE *out)
{
	put_caveat(gate->profile, gate->name, out);
	if (gate->diff)
		put_caveat(gate->diff->profiles[CT_DIFF_OLD], gate->diff->names[CT_DIFF_OLD], out);
	for (size_t i = 0; i < gate->budget->count; i++)
		if (!gate->verdicts[i].matched && ct_gate_holds(gate, i)) {
			fputs("warning: ", out);
			put_code(rule_at(gate, i)->text, out);
			fputs(" matches no site: is the name right?\n", out);
		}
}

int ct_view_gate(const struct ct_check_view *gate, FILE *out)
{
	struct ct_origins origins;
	size_t count = gate->budget->count, broken = 0;
	int code = ct_origins_init(&origins, gate->profile, CT_ORIGIN_RULE);
	for (size_t i = 0; i < count; i++)
		broken += !ct_gate_holds(gate, i);
	if (!code)
		put_plain(gate->name, out);
	if (!code && broken) {
		fprintf(out, ": %zu of %zu rule%s broken\n", broken, count, count == 1 ? "" : "s");
		code = put_broken(gate, &origins, out);
	} else if (!code) {
		fprintf(out, ": %zu rule%s%s\n", count, count == 1 ? " holds" : "s hold",
			ct_gate_passes(gate) ? "" : ", but the recording is not whole, which --strict does not allow");
	}
	if (!code)
		put_notes(gate, out);
	ct_origins_fini(&origins);
	return code;
}

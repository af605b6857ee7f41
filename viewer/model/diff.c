/* SPDX-License-Identifier: MIT */
#include "model/diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/progress.h"

/* Up to this limit, the differences of sums and the parts of a difference fit into an int64_t. */
#define SUM_MAX (UINT64_C(1) << 62)
#define PART_MAX 0x1p61L

struct builder {
	struct ct_diff *diff;
	size_t room;
	struct ct_chain_source source;
};

static int add_site(struct builder *builder, enum ct_diff_side side, const struct ct_site_row *site)
{
	struct ct_diff *diff = builder->diff;
	int64_t index = ct_chain_add(&diff->chains, &builder->source, site);
	if (index < 0 || !ct_array_room(&diff->rows, &builder->room, (size_t)index + 1, sizeof(*diff->rows)))
		return -1;
	struct ct_diff_row *row = &diff->rows[index];
	if ((size_t)index == diff->row_count) {
		*row = (struct ct_diff_row){.chain = (uint32_t)index, .own = diff->chains.latest_own};
		diff->row_count++;
	}
	if (row->examples[side] &&
	    ct_origin_call(diff->profiles[side], &builder->source.origins, site) !=
		    ct_origin_call(diff->profiles[side], &builder->source.origins, row->examples[side]))
		row->many_calls = true;
	if (!row->examples[side] || row->examples[side]->counters.total_bytes < site->counters.total_bytes)
		row->examples[side] = site;
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		row->values[side][i] += ct_metric_value(&site->counters, (enum ct_metric)i);
	return 0;
}

/* Check that the sums over all sites stay within SUM_MAX, before anything is added. */
static int check_sums(const struct ct_profile *profile, const char *name, struct ct_error_text *error)
{
	for (int metric = 1; metric < CT_METRIC_COUNT; metric++) {
		uint64_t sum = 0;
		for (size_t i = 0; i < profile->site_count; i++)
			if (__builtin_add_overflow(
				    sum, ct_metric_value(&profile->sites[i].counters, (enum ct_metric)metric), &sum) ||
			    sum > SUM_MAX)
				return ct_error_set(error, CT_ERR_DAMAGED, "%s: the sum of %s is above 2^62", name,
						    ct_metric_name((enum ct_metric)metric));
	}
	return CT_OK;
}

static int check_fit(const struct ct_diff *diff, struct ct_error_text *error)
{
	const struct ct_profile *one = diff->profiles[CT_DIFF_OLD], *other = diff->profiles[CT_DIFF_NEW];
	const char *what = "mode", *first = ct_mode_text(one->mode), *second = ct_mode_text(other->mode);
	if (one->mode == other->mode) {
		what = "unit";
		first = one->bytes_unit;
		second = other->bytes_unit;
	}
	if (!strcmp(first, second))
		return CT_OK;
	return ct_error_set(error, CT_ERR_USAGE, "%s and %s cannot be compared: %s '%s' and '%s'",
			    diff->names[CT_DIFF_OLD], diff->names[CT_DIFF_NEW], what, first, second);
}

static int add_side(struct builder *builder, enum ct_diff_side side, enum ct_diff_stacks stacks,
		    struct ct_error_text *error)
{
	enum ct_origin_rule rule = builder->diff->chains.modules ? CT_ORIGIN_RULE : CT_ORIGIN_BY_NAME;
	const struct ct_profile *profile = builder->diff->profiles[side];
	int code = check_sums(profile, builder->diff->names[side], error);
	if (code)
		return code;
	bool memory = ct_chain_source_init(&builder->source, profile, rule, stacks == CT_DIFF_OWN) == 0;
	for (size_t i = 0; i < profile->site_count && memory; i++) {
		ct_progress_at(side * profile->site_count + i, CT_DIFF_SIDES * profile->site_count);
		memory = add_site(builder, side, &profile->sites[i]) == 0;
	}
	builder->diff->origins[side] = builder->source.origins;
	builder->source.origins = (struct ct_origins){0};
	ct_chain_source_fini(&builder->source);
	return memory ? CT_OK : ct_error_no_memory(error);
}

/* Chains of plain names, for the rows that only one side has. */
struct plain {
	struct ct_profile *profile; /* its sites are the chains */
	uint32_t *stack;
	size_t stack_room;
	uint32_t *chains; /* by row, chain + 1; 0: both sides have the row */
	uint32_t *firsts; /* by chain: its first row */
	bool (*has)[CT_DIFF_SIDES]; /* by chain */
};

static bool is_one_sided(const struct ct_diff_row *row)
{
	return !row->examples[CT_DIFF_OLD] != !row->examples[CT_DIFF_NEW];
}

static int add_plain(const struct ct_diff *diff, struct plain *plain, size_t index)
{
	static const struct ct_counters nothing;
	const struct ct_diff_row *row = &diff->rows[index];
	const struct ct_profile *from = diff->chains.profile;
	const struct ct_site_row *chain = &from->sites[row->chain];
	if (!ct_array_room(&plain->stack, &plain->stack_room, chain->frame_count, sizeof(*plain->stack)))
		return -1;
	for (uint32_t i = 0; i < chain->frame_count; i++) {
		const char *name = from->strings[from->frames[from->frame_ids[chain->first_frame + i]].function];
		int64_t text = ct_profile_string(plain->profile, name, strlen(name));
		int64_t id =
			text < 0 ? -1 : ct_profile_frame(plain->profile, &(struct ct_frame){.text = (uint32_t)text});
		if (id < 0)
			return -1;
		plain->stack[i] = (uint32_t)id;
	}
	size_t before = plain->profile->site_count;
	if (ct_profile_site(plain->profile, plain->stack, chain->frame_count, &nothing, false))
		return -1;
	size_t found = plain->profile->latest_site;
	if (plain->profile->site_count > before)
		plain->firsts[found] = (uint32_t)index;
	plain->has[found][row->examples[CT_DIFF_NEW] ? CT_DIFF_NEW : CT_DIFF_OLD] = true;
	plain->chains[index] = (uint32_t)found + 1;
	return 0;
}

static void add_row(struct ct_diff_row *to, const struct ct_diff_row *from)
{
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		for (int i = 1; i < CT_METRIC_COUNT; i++)
			to->values[side][i] += from->values[side][i];
		if (!to->examples[side])
			to->examples[side] = from->examples[side];
	}
	to->many_calls |= from->many_calls;
}

static void join_rows(struct ct_diff *diff, const struct plain *plain)
{
	size_t kept = 0;
	for (size_t i = 0; i < diff->row_count; i++) {
		uint32_t chain = plain->chains[i];
		if (chain && plain->has[chain - 1][CT_DIFF_OLD] && plain->has[chain - 1][CT_DIFF_NEW]) {
			uint32_t *first = &plain->firsts[chain - 1];
			if (*first != i) {
				add_row(&diff->rows[*first], &diff->rows[i]);
				continue;
			}
			*first = (uint32_t)kept; /* its new index; later rows of the chain are added there */
		}
		diff->rows[kept++] = diff->rows[i];
	}
	diff->row_count = kept;
}

/*
 * Inlined functions have shorter names than others, so chains that only one side has may still be the same. Join them.
 */
static int join_plain(struct ct_diff *diff)
{
	size_t count = diff->row_count + 1;
	struct plain plain = {.profile = ct_profile_new(),
			      .chains = calloc(count, sizeof(*plain.chains)),
			      .firsts = calloc(count, sizeof(*plain.firsts)),
			      .has = calloc(count, sizeof(*plain.has))};
	bool memory = plain.profile && plain.chains && plain.firsts && plain.has;
	for (size_t i = 0; i < diff->row_count && memory; i++)
		memory = !is_one_sided(&diff->rows[i]) || add_plain(diff, &plain, i) == 0;
	if (memory)
		join_rows(diff, &plain);
	ct_profile_free(plain.profile);
	free(plain.stack);
	free(plain.chains);
	free(plain.firsts);
	free(plain.has);
	return memory ? 0 : -1;
}

int ct_diff_init(struct ct_diff *diff, const struct ct_profile *const profiles[CT_DIFF_SIDES],
		 const char *const names[CT_DIFF_SIDES], enum ct_diff_stacks stacks, struct ct_error_text *error)
{
	struct builder builder = {.diff = diff};
	*diff = (struct ct_diff){.profiles = {profiles[0], profiles[1]}, .names = {names[0], names[1]}};
	int code = check_fit(diff, error);
	if (!code &&
	    ct_chains_init(&diff->chains, ct_chain_knows_modules(profiles[0]) && ct_chain_knows_modules(profiles[1])))
		code = ct_error_no_memory(error);
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++)
		code = add_side(&builder, (enum ct_diff_side)side, stacks, error);
	if (!code && join_plain(diff))
		code = ct_error_no_memory(error);
	return code;
}

void ct_diff_fini(struct ct_diff *diff)
{
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		ct_origins_fini(&diff->origins[side]);
	ct_chains_fini(&diff->chains);
	free(diff->rows);
}

bool ct_diff_has(const struct ct_diff *diff, enum ct_metric metric)
{
	const struct ct_profile *one = diff->profiles[CT_DIFF_OLD], *other = diff->profiles[CT_DIFF_NEW];
	return ct_metric_exists(one, metric) && ct_metric_exists(other, metric) &&
	       (metric != CT_METRIC_LIFETIME || !strcmp(one->time_unit, other->time_unit));
}

bool ct_diff_compares(const struct ct_diff *diff, enum ct_metric metric)
{
	return ct_diff_has(diff, metric) && ct_metric_adds_up(metric);
}

int ct_diff_check(const struct ct_diff *diff, enum ct_metric metric, struct ct_error_text *error)
{
	if (!ct_metric_adds_up(metric))
		return ct_error_set(error, CT_ERR_USAGE, "maxima of different sites do not add up: compare %s instead",
				    metric == CT_METRIC_MAX_BYTES ? "peak" : "peak-blocks");
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		if (!ct_metric_exists(diff->profiles[side], metric))
			return ct_error_set(error, CT_ERR_USAGE, "%s has no %s: %s did not record it; %s is there",
					    diff->names[side], ct_metric_name(metric), diff->profiles[side]->producer,
					    ct_metric_name(ct_metric_main(diff->profiles[side])));
	if (!ct_diff_has(diff, metric))
		return ct_error_set(error, CT_ERR_USAGE, "%s and %s have no common unit of time: '%s' and '%s'",
				    diff->names[CT_DIFF_OLD], diff->names[CT_DIFF_NEW],
				    diff->profiles[CT_DIFF_OLD]->time_unit, diff->profiles[CT_DIFF_NEW]->time_unit);
	return CT_OK;
}

static const struct ct_frame *example_frame(const struct ct_diff *diff, const struct ct_diff_row *row,
					    uint32_t (*choose)(const struct ct_profile *, const struct ct_origins *,
							       const struct ct_site_row *))
{
	enum ct_diff_side side = ct_diff_shown_side(row);
	const struct ct_profile *profile = diff->profiles[side];
	const struct ct_site_row *site = row->examples[side];
	return &profile->frames[profile->frame_ids[site->first_frame + choose(profile, &diff->origins[side], site)]];
}

const struct ct_frame *ct_diff_own(const struct ct_diff *diff, const struct ct_diff_row *row)
{
	return example_frame(diff, row, ct_origin_own);
}

const struct ct_frame *ct_diff_leaf(const struct ct_diff *diff, const struct ct_diff_row *row)
{
	return example_frame(diff, row, ct_origin_leaf);
}

static int64_t difference(uint64_t old, uint64_t new)
{
	return (int64_t) new - (int64_t)old;
}

int64_t ct_diff_change(const struct ct_diff_row *row, enum ct_metric metric)
{
	return difference(row->values[CT_DIFF_OLD][metric], row->values[CT_DIFF_NEW][metric]);
}

int64_t ct_diff_total_change(const struct ct_diff *diff, enum ct_metric metric)
{
	return difference(ct_metric_value(&diff->profiles[CT_DIFF_OLD]->totals, metric),
			  ct_metric_value(&diff->profiles[CT_DIFF_NEW]->totals, metric));
}

bool ct_diff_row_differs(const struct ct_diff *diff, const struct ct_diff_row *row)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		if (ct_diff_has(diff, (enum ct_metric)i) && ct_diff_change(row, (enum ct_metric)i))
			return true;
	return false;
}

/* The number of live blocks that a metric is about; CT_METRIC_NONE: it is about all blocks. */
static enum ct_metric live_blocks(enum ct_metric metric)
{
	switch (metric) {
	case CT_METRIC_PEAK_BYTES:
	case CT_METRIC_PEAK_BLOCKS:
		return CT_METRIC_PEAK_BLOCKS;
	case CT_METRIC_END_BYTES:
	case CT_METRIC_END_BLOCKS:
		return CT_METRIC_END_BLOCKS;
	default:
		return CT_METRIC_NONE;
	}
}

bool ct_diff_has_cause(enum ct_metric metric, enum ct_cause cause)
{
	bool live = live_blocks(metric) != CT_METRIC_NONE;
	if (cause == CT_CAUSE_SIZE)
		return metric == CT_METRIC_TOTAL_BYTES || (live && ct_metric_is_bytes(metric));
	if (cause == CT_CAUSE_LIFE)
		return live || metric == CT_METRIC_LIFETIME;
	return live || metric == CT_METRIC_TOTAL_BYTES || metric == CT_METRIC_LIFETIME;
}

bool ct_diff_knows_cause(const struct ct_diff *diff, enum ct_metric metric, enum ct_cause cause)
{
	enum ct_metric live = live_blocks(metric);
	return ct_diff_has_cause(metric, cause) && ct_diff_has(diff, CT_METRIC_TOTAL_BLOCKS) &&
	       (!live || ct_diff_has(diff, live));
}

/* The mean of product / factor over both sides; a side whose factor is 0 does not count. */
static long double mean_of_rest(const struct ct_diff_row *row, enum ct_metric product, enum ct_metric factor)
{
	long double sum = 0;
	int sides = 0;
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		if (!row->values[side][factor])
			continue;
		sum += (long double)row->values[side][product] / (long double)row->values[side][factor];
		sides++;
	}
	return sides ? sum / sides : 0;
}

/* Only artificial files have parts beyond PART_MAX; there, an inexact part does no harm. */
static int64_t whole(long double part)
{
	return llroundl(fminl(fmaxl(part, -PART_MAX), PART_MAX));
}

void ct_diff_causes(const struct ct_diff_row *row, enum ct_metric metric, int64_t parts[CT_CAUSES])
{
	const enum ct_metric blocks = CT_METRIC_TOTAL_BLOCKS, live = live_blocks(metric);
	int64_t change = ct_diff_change(row, metric);
	long double more = (long double)ct_diff_change(row, blocks);
	memset(parts, 0, CT_CAUSES * sizeof(*parts));
	if (!ct_diff_has_cause(metric, CT_CAUSE_BLOCKS))
		return;
	if (!row->values[CT_DIFF_OLD][blocks] || !row->values[CT_DIFF_NEW][blocks]) {
		parts[CT_CAUSE_BLOCKS] = change;
		return;
	}
	if (!live) {
		enum ct_cause other = metric == CT_METRIC_LIFETIME ? CT_CAUSE_LIFE : CT_CAUSE_SIZE;
		parts[CT_CAUSE_BLOCKS] = whole(more * mean_of_rest(row, metric, blocks));
		parts[other] = change - parts[CT_CAUSE_BLOCKS];
		return;
	}
	/* Split by live blocks and their size first, then the live blocks' part by all blocks and the live share. */
	long double size = metric == live ? 1 : mean_of_rest(row, metric, live);
	int64_t by_live = metric == live ? change : whole((long double)ct_diff_change(row, live) * size);
	parts[CT_CAUSE_BLOCKS] = whole(more * mean_of_rest(row, live, blocks) * size);
	parts[CT_CAUSE_LIFE] = by_live - parts[CT_CAUSE_BLOCKS];
	parts[CT_CAUSE_SIZE] = change - by_live;
}

struct order {
	const struct ct_diff *diff;
	enum ct_metric metric;
};

static int compare_rows(const void *left, const void *right, void *argument)
{
	const struct order *order = argument;
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	int64_t a = ct_diff_change(&order->diff->rows[x], order->metric);
	int64_t b = ct_diff_change(&order->diff->rows[y], order->metric);
	if (llabs(a) != llabs(b))
		return llabs(a) > llabs(b) ? -1 : 1;
	if (a != b)
		return a > b ? -1 : 1;
	return x < y ? -1 : x > y;
}

uint32_t *ct_diff_order(const struct ct_diff *diff, enum ct_metric metric)
{
	struct order by = {diff, metric};
	uint32_t *order = calloc(diff->row_count + 1, sizeof(*order));
	for (size_t i = 0; i < diff->row_count && order; i++)
		order[i] = (uint32_t)i;
	if (order)
		qsort_r(order, diff->row_count, sizeof(*order), compare_rows, &by);
	return order;
}

/* SPDX-License-Identifier: MIT */
#include "view/order.h"

#include <stdlib.h>

int ct_view_fold(const struct ct_view *view, struct ct_origins *origins, struct ct_fold *fold)
{
	*fold = (struct ct_fold){0};
	if (ct_origins_init(origins, view->profile, view->all_frames ? CT_ORIGIN_NONE : CT_ORIGIN_RULE))
		return -1;
	origins->split_threads = view->split_threads;
	return ct_fold_init(fold, view->profile, origins, view->full || view->all_frames, NULL);
}

struct order {
	const struct ct_view *view;
	const struct ct_fold_row *rows;
};

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct order *order = context;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	const struct ct_counters *first = order->rows[left].counters, *second = order->rows[right].counters;
	double x = ct_column_value(first, order->view->sort), y = ct_column_value(second, order->view->sort);
	if (x != y)
		return x < y ? 1 : -1;
	if (order->view->leaks && first->end_bytes != second->end_bytes)
		return first->end_bytes < second->end_bytes ? 1 : -1;
	if (first->total_bytes != second->total_bytes)
		return first->total_bytes < second->total_bytes ? 1 : -1;
	return left < right ? -1 : left > right;
}

uint32_t *ct_order_rows(const struct ct_view *view, const struct ct_fold *fold)
{
	struct order by = {view, fold->rows};
	uint32_t *order = calloc(fold->count + 1, sizeof(*order));
	for (size_t i = 0; order && i < fold->count; i++)
		order[i] = (uint32_t)i;
	if (order)
		qsort_r(order, fold->count, sizeof(*order), compare_rows, &by);
	return order;
}

static int compare_groups(const void *a, const void *b, void *context)
{
	const struct ct_group *first = *(const struct ct_group *const *)a, *second = *(const struct ct_group *const *)b;
	const struct ct_view *view = context;
	double x[2] = {ct_column_value(&first->self, view->sort), ct_column_value(&first->cumulative, view->sort)};
	double y[2] = {ct_column_value(&second->self, view->sort), ct_column_value(&second->cumulative, view->sort)};
	int by = view->cumulative;
	if (x[by] != y[by])
		return x[by] < y[by] ? 1 : -1;
	/* in a chain of calls, the outermost first; of groups that allocate nothing, the one with most below */
	if (x[!by] != y[!by])
		return (x[!by] < y[!by]) == view->cumulative ? -1 : 1;
	return first->example < second->example ? 1 : first->example > second->example ? -1 : 0;
}

const struct ct_group **ct_order_groups(const struct ct_view *view, const struct ct_groups *groups, size_t *count)
{
	const struct ct_group **order = calloc(groups->count + 1, sizeof(*order));
	*count = 0;
	for (size_t i = 0; order && i < groups->count; i++) {
		if (groups->rows[i].seen)
			order[(*count)++] = &groups->rows[i];
	}
	if (order)
		qsort_r(order, *count, sizeof(*order), compare_groups, (void *)view);
	return order;
}

size_t ct_order_shown(const struct ct_view *view, size_t count)
{
	return view->rows && view->rows < count ? view->rows : count;
}

/* SPDX-License-Identifier: MIT */
#include "view/order.h"

#include <stdlib.h>

static int compare_sites(const void *a, const void *b, void *context)
{
	const struct ct_view *view = context;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	const struct ct_counters *first = &view->profile->sites[left].counters;
	const struct ct_counters *second = &view->profile->sites[right].counters;
	double x = ct_column_value(first, view->sort), y = ct_column_value(second, view->sort);
	if (x != y)
		return x < y ? 1 : -1;
	if (first->total_bytes != second->total_bytes)
		return first->total_bytes < second->total_bytes ? 1 : -1;
	return left < right ? -1 : left > right;
}

uint32_t *ct_order_sites(const struct ct_view *view)
{
	size_t count = view->profile->site_count;
	uint32_t *order = calloc(count + 1, sizeof(*order));
	for (size_t i = 0; order && i < count; i++)
		order[i] = (uint32_t)i;
	if (order)
		qsort_r(order, count, sizeof(*order), compare_sites, (void *)view);
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

/* SPDX-License-Identifier: MIT */
/* Sorts rows as the view wants, largest first. The arrays are to be freed; NULL when out of memory. */
#ifndef CT_VIEW_ORDER_H
#define CT_VIEW_ORDER_H

#include "model/fold.h"
#include "model/groups.h"
#include "view/view.h"

/* The indices of the rows. */
uint32_t *ct_order_rows(const struct ct_view *view, const struct ct_fold *fold);

/* The groups that have sites. */
const struct ct_group **ct_order_groups(const struct ct_view *view, const struct ct_groups *groups, size_t *count);

/* The number of rows to show out of count. */
size_t ct_order_shown(const struct ct_view *view, size_t count);

#endif

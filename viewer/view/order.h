/* SPDX-License-Identifier: MIT */
/* Rows in the order that the view asks for, largest first. Free the array. NULL without memory. */
#ifndef CT_VIEW_ORDER_H
#define CT_VIEW_ORDER_H

#include "model/groups.h"
#include "view/view.h"

/* Indices of sites. */
uint32_t *ct_order_sites(const struct ct_view *view);

/* Those that any site has counted for. */
const struct ct_group **ct_order_groups(const struct ct_view *view, const struct ct_groups *groups, size_t *count);

/* How many of them are shown. */
size_t ct_order_shown(const struct ct_view *view, size_t count);

#endif

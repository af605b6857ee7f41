/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page, which is larger than CT_STORE_PAGE on some machines. Whatever the kernel maps or counts is in such
 * pages. The store's format counts in CT_STORE_PAGE; its extents begin and end at both.
 */
#ifndef CT_SYS_PAGE_H
#define CT_SYS_PAGE_H

#include <stddef.h>

#include "sys/compiler.h"

extern CT_HIDDEN size_t ct_page_bytes; /* a power of two, set by ct_page_init */

/* At start. */
CT_COLD void ct_page_init(void);

static inline size_t ct_page_round_up(size_t bytes)
{
	return (bytes + ct_page_bytes - 1) & ~(ct_page_bytes - 1);
}

static inline size_t ct_page_round_down(size_t bytes)
{
	return bytes & ~(ct_page_bytes - 1);
}

#endif

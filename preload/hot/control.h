/* SPDX-License-Identifier: MIT */
/*
 * What the hooks see of the control page (ctrace/control.h). They read its word `request`, and compare it with the
 * words below: that is how they learn, from one load, whether everything, a sample or nothing is recorded, and whether
 * there is a new request. Cold code (life/control.h) reads the rest of the page.
 *
 * The page is mapped over ct_control, shared and to be read only. Until then ct_control is zeros, which means "record".
 * It has a page of the kernel's to itself, which may be larger.
 */
#ifndef CT_HOT_CONTROL_H
#define CT_HOT_CONTROL_H

#include "ctrace/control.h"
#include "sys/compiler.h"
#include "sys/machine.h"

struct ct_control_place {
	struct ct_control page;
	char after[CT_MACHINE_PAGE_BYTES_MAX - CT_CONTROL_BYTES];
};

extern CT_HIDDEN struct ct_control_place ct_control;

/* The values of `request` for which each mode is in force. Written under ct_lock_combine, or at start. */
struct ct_words {
	uint32_t exact; /* every allocation is recorded, and no pause is on */
	uint32_t off;
	uint32_t sample; /* a sample is recorded, and no pause is on */
	uint32_t seen; /* the latest request that was looked at */
};

#define CT_WORD_NEVER UINT32_MAX /* no request has this number */

extern CT_HIDDEN struct ct_words ct_words;

static inline uint32_t ct_control_word(void)
{
	return ct_get_relaxed(&ct_control.page.request);
}

/*
 * The word is neither of those above: do what the page asks for. The thread must not be inside the tracer. Any thread.
 */
CT_COLD void ct_control_follow(void);

#endif

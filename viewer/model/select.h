/* SPDX-License-Identifier: MIT */
/*
 * A part of a profile, selected as in pprof. A pattern matches a frame by its function (the short name that views
 * show), its file or its module. *focus* keeps the sites with a matching frame and *ignore* drops them. *hide* removes
 * matching frames from the remaining stacks: sites that become equal are merged, and a site without frames is dropped.
 * Then sites without blocks of the wanted sizes and lifetimes are dropped (model/block_filter.h).
 *
 * Peak numbers still refer to the moment of the process's peak. The timeline describes the whole process, so it is
 * dropped as soon as a site is.
 */
#ifndef CT_MODEL_SELECT_H
#define CT_MODEL_SELECT_H

#include "model/block_filter.h"
#include "model/profile.h"
#include "util/error.h"
#include "util/pattern.h"

enum ct_select_kind { CT_SELECT_FOCUS, CT_SELECT_IGNORE, CT_SELECT_HIDE, CT_SELECT_KINDS };

struct ct_selection {
	struct ct_patterns patterns[CT_SELECT_KINDS];
	struct ct_block_filter blocks;
};

/* What a selection was taken from, and what it did. */
struct ct_selected {
	const struct ct_selection *selection;
	struct ct_counters totals;
	size_t site_count;
	size_t dropped; /* dropped sites; merged ones do not count */
	bool met[CT_SELECT_KINDS]; /* a frame has matched */
	struct ct_block_doubt doubt;
};

/* The name of its option: "focus". */
const char *ct_select_kind_name(enum ct_select_kind kind);

bool ct_selection_any(const struct ct_selection *selection);
void ct_selection_fini(struct ct_selection *selection);

/*
 * Reduce the profile in place. 0, or < 0: the profile can then only be freed. CT_ERR_USAGE: it has no histograms, which
 * the filter of blocks needs.
 */
int ct_select(struct ct_profile *profile, const struct ct_selection *selection, struct ct_selected *selected,
	      struct ct_error_text *error);

#endif

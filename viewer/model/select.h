/* SPDX-License-Identifier: MIT */
/*
 * A part of a profile, chosen as pprof does. A pattern matches a frame by its function (the short name that views
 * show), its file or its module. *focus* keeps the sites with a frame that matches, *ignore* drops those with one,
 * *hide* takes the frames out of the stacks that are left: sites that become equal are one then, and a site
 * without frames is gone.
 *
 * What is live at the peak stays that of the process's peak. The timeline is the process's too, so it goes when
 * a site does.
 */
#ifndef CT_MODEL_SELECT_H
#define CT_MODEL_SELECT_H

#include "model/profile.h"
#include "util/error.h"
#include "util/pattern.h"

enum ct_select_kind { CT_SELECT_FOCUS, CT_SELECT_IGNORE, CT_SELECT_HIDE, CT_SELECT_KINDS };

struct ct_selection {
	struct ct_patterns patterns[CT_SELECT_KINDS];
};

/* What it was chosen from, and by what. */
struct ct_selected {
	const struct ct_selection *selection;
	struct ct_counters totals;
	size_t site_count;
	size_t dropped; /* sites; those that were made one are not counted */
	bool met[CT_SELECT_KINDS]; /* has any frame matched? */
};

/* "focus", as its option is called. */
const char *ct_select_kind_name(enum ct_select_kind kind);

bool ct_selection_any(const struct ct_selection *selection);
void ct_selection_fini(struct ct_selection *selection);

/* In place. 0, or < 0 without memory: the profile is of no use then, except to be freed. */
int ct_select(struct ct_profile *profile, const struct ct_selection *selection, struct ct_selected *selected,
	      struct ct_error_text *error);

#endif

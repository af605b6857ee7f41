/* SPDX-License-Identifier: MIT */
/* A process's profile as a client is to see it: the change since an earlier moment, or only the largest sites. */
#ifndef CT_SERVE_VIEW_H
#define CT_SERVE_VIEW_H

#include "serve/pprof.h"

struct ct_view {
	struct ct_profile profile;
	uint32_t *ids; /* NULL: the frame ids are shared too */
};

/*
 * Make a view of the process's profile, which was just read. It shares everything with it but sites, so it must not
 * outlive it. Its times are those of a profile for scrapers. 0 or < 0; call ct_view_free in both cases.
 */
int ct_view_make(struct ct_served *served, const struct ct_pprof_ask *ask, struct ct_view *made,
		 struct ct_error_text *error);
void ct_view_free(struct ct_view *view);

#endif

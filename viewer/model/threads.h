/* SPDX-License-Identifier: MIT */
/*
 * Threads of a recording that kept them apart (CTRACE_THREADS): each stack ends, at the root, in the *label* of its
 * thread, "[thread 2 worker]". Equal stacks of several threads are mostly one thing to a reader, so views and formats
 * fold them: a folded profile has each stack once, without the label, and knows on which threads it was.
 */
#ifndef CT_MODEL_THREADS_H
#define CT_MODEL_THREADS_H

#include "model/profile.h"
#include "util/error.h"

/* The text of a thread's label; NULL: the frame is not such a label. */
const char *ct_thread_label(const struct ct_profile *profile, const struct ct_frame *frame);

/* The label of the site's thread, as a string id; 0: it has none. */
uint32_t ct_thread_of_site(const struct ct_profile *profile, const struct ct_site_row *site);

/*
 * The program's tag for the site (ctrace_tag_push): its label is the outermost frame, or the next one below a thread's.
 * Returns the label's string id, and its index in the site's frames; 0: there is none.
 */
const char *ct_tag_label(const struct ct_profile *profile, const struct ct_frame *frame);
uint32_t ct_tag_of_site(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t *index);

/* The labels of a site's thread and tag, 0: none. Returns the number of frames without them. */
uint32_t ct_labels_of_site(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t *thread,
			   uint32_t *tag);

/* The tag's name without brackets. */
#define CT_TAG_ROOM 288
char *ct_tag_text(const char *label, char out[CT_TAG_ROOM]);

#define CT_THREAD_ROOM 128

/* A label's number and name, "2 worker". */
char *ct_thread_text(const char *label, char out[CT_THREAD_ROOM]);

/*
 * Fold the threads of `from` into `to`, which shares everything with it but sites and snapshots, so it must not outlive
 * it, and nothing can be interned in it. Maxima of folded sites are upper bounds. If there are no threads, the sites
 * are the same. 0, or < 0 when out of memory; call ct_threads_fini in both cases.
 */
int ct_threads_fold(const struct ct_profile *from, struct ct_profile *to, struct ct_error_text *error);
void ct_threads_fini(struct ct_profile *to);

#endif

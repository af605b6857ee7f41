/* SPDX-License-Identifier: MIT */
/*
 * The store file as the traced process sees it. Each section is reserved address space, into which the
 * file's extents are mapped one behind the other: an element never moves. Room is allocated on the disk
 * before it is mapped, so a full disk is a failed call and never a SIGBUS. The file is opened by name
 * for each growth and closed again: no descriptor is left that the program could close or inherit.
 */
#ifndef CT_STORE_STORE_FILE_H
#define CT_STORE_STORE_FILE_H

#include <sys/types.h>

#include "ctrace/store.h"
#include "sys/compiler.h"
#include "sys/text.h"

/* Reserve the sections' addresses; before ct_store_create. False: no address space. */
CT_COLD bool ct_store_reserve_addresses(void);

/*
 * Create the file: the header, and an extent for each section. *output is the report's path; it gets a
 * suffix when its store exists already. 0 or -errno.
 */
CT_COLD int ct_store_create(struct ct_text *output);

/*
 * A forked child: create its own file with the contents that the sections have now (private copies and
 * what never changes of the parent's), and map it in their place. 0 or -errno.
 */
CT_COLD int ct_store_create_copy(struct ct_text *output);

/* Room for `elements` elements of a section; false: recording stops (said once). */
CT_COLD bool ct_store_grow(enum ct_section_id section, uint64_t elements);

/* Elements for which the section has room. */
CT_COLD uint64_t ct_store_capacity(enum ct_section_id section);

/* Elements that a section can ever have. */
CT_COLD uint64_t ct_store_limit(enum ct_section_id section);

CT_COLD void *ct_store_base(enum ct_section_id section);

/* Are we a child of vfork, which has its parent's memory? */
CT_COLD bool ct_store_is_lent(void);

/* The process is about to be this user's for good, who must be able to open the store. */
CT_COLD void ct_store_give_to(uid_t user);

/* Whose it is. */
CT_COLD uid_t ct_store_owner(void);

/* Grow ahead of need, when it may soon be impossible. */
CT_COLD void ct_store_make_room(void);

/* Copy a string into the store; an empty span when there is no room. */
CT_COLD struct ct_span ct_store_string(const char *bytes, size_t length);

/* Stop recording for good: say why, once, in one line. */
CT_COLD void ct_store_stop(const char *why);

/* Was it stopped? */
CT_COLD bool ct_store_stopped(void);

/* Path of the store file. */
CT_COLD const char *ct_store_path(void);

/*
 * A forked child leaves its parent's store for good: private memory takes its place, since a hook may be at
 * work below the signal handler that forked.
 */
CT_COLD void ct_store_leave(void);

/* Replace the rings and their events by empty private memory (a forked child's first act). */
CT_COLD bool ct_store_drop_rings(void);

/* Replace a section's memory, or the header, by a private copy made before. */
CT_COLD bool ct_store_replace(void *place, void *copy, size_t bytes);

/* Bytes mapped for a section. */
CT_COLD size_t ct_store_mapped(enum ct_section_id section);

#endif

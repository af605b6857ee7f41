/* SPDX-License-Identifier: MIT */
/*
 * The store file as the traced process sees it. Each section is reserved address space. The file's extents are mapped
 * into it one after the other, so elements never move. Disk space is allocated before it is mapped: a full disk makes a
 * call fail, and never raises SIGBUS. For each growth the file is opened by name and closed again, so the program never
 * finds a descriptor that it could close or inherit.
 *
 * Any thread; ct_store_grow and its callers take ct_lock_store.
 */
#ifndef CT_STORE_STORE_FILE_H
#define CT_STORE_STORE_FILE_H

#include <sys/types.h>

#include "ctrace/store.h"
#include "sys/compiler.h"
#include "sys/text.h"

/* Reserve the sections' addresses, before ct_store_create. False: not enough address space. */
CT_COLD bool ct_store_reserve_addresses(void);

/*
 * At start: create the file with the header and one extent per section. *output is the path of the report; it gets a
 * suffix if its store exists already. Returns 0 or -errno.
 */
CT_COLD int ct_store_create(struct ct_text *output);

/*
 * In a forked child: create its own file with the present contents of the sections (private copies, and those parts of
 * its parent's that never change), and map it in their place. Returns 0 or -errno.
 */
CT_COLD int ct_store_create_copy(struct ct_text *output);

/*
 * Make room for `elements` elements of a section in all. False: it failed, and the recording has stopped and said why.
 */
CT_COLD bool ct_store_grow(enum ct_section_id section, uint64_t elements);

/* The same, but if it fails, the recording goes on. */
CT_COLD bool ct_store_try_grow(enum ct_section_id section, uint64_t elements);

/* The number of elements that the section has room for. */
CT_COLD uint64_t ct_store_capacity(enum ct_section_id section);

/* The largest number of elements that the section can ever have. */
CT_COLD uint64_t ct_store_limit(enum ct_section_id section);

/* The address of a section's element 0. */
CT_COLD void *ct_store_base(enum ct_section_id section);

/* Is this process a child of vfork, in its parent's memory? */
CT_COLD bool ct_store_is_lent(void);

/*
 * The process is about to become this user's for good: make the user the store's owner, so that the process can still
 * open it.
 */
CT_COLD void ct_store_give_to(uid_t user);

/* The user who owns the store. */
CT_COLD uid_t ct_store_owner(void);

/* Grow ahead of need, because it may soon be impossible. */
CT_COLD void ct_store_make_room(void);

/* Copy a string into the store. Returns an empty span if there is no room. */
CT_COLD struct ct_span ct_store_string(const char *bytes, size_t length);

/* Stop the recording for good, and say why in one line on stderr. Only the first call does something. */
CT_COLD void ct_store_stop(const char *why);

/* Did the recording stop? */
CT_COLD bool ct_store_stopped(void);

/* Path of the store file. */
CT_COLD const char *ct_store_path(void);

/*
 * In a forked child: leave the parent's store for good. Private memory takes its place, since a hook may be at work
 * below the signal handler that forked.
 */
CT_COLD void ct_store_leave(void);

/* In a forked child, first of all: replace the rings and their events with empty private memory. False: no memory. */
CT_COLD bool ct_store_drop_rings(void);

/* Replace a section's memory, or the header, with a private copy, which moves there. False: it failed. */
CT_COLD bool ct_store_replace(void *place, void *copy, size_t bytes);

/* The number of bytes mapped for a section. */
CT_COLD size_t ct_store_mapped(enum ct_section_id section);

#endif

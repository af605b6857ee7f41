/* SPDX-License-Identifier: MIT */
/*
 * The last look at a process's memory that a store keeps (ctrace/last_look.h): writes what memory/take.h has taken,
 * reads it back, and gives it to a profile as if it had just been taken. A damaged look leaves the rest of the store
 * readable.
 */
#ifndef CT_LOAD_STORE_STORE_LAST_LOOK_H
#define CT_LOAD_STORE_STORE_LAST_LOOK_H

#include <stddef.h>

#include "load/store/store_builder.h"
#include "load/store/store_file.h"
#include "memory/take.h"

/* Read it from a store that is otherwise read: store->look, or store->look_problem. < 0 only when out of memory. */
int ct_store_last_look_read(int fd, struct ct_store_file *store, struct ct_error_text *error);

void ct_store_last_look_free(struct ct_store_file *store);

/* Keep it in the open file of a store that no one else writes to any more. 0 or < 0: then there is none. */
int ct_store_last_look_keep(int fd, const struct ct_store_file *store, const struct ct_taken *taken,
			    struct ct_error_text *error);

/* Note in the file why there is none. */
void ct_store_last_look_fail(int fd, const char *why);

/* The bytes of a look, to be freed; NULL: out of memory. */
char *ct_store_last_look_pack(const struct ct_taken *taken, uint64_t *bytes);

/* Put the hash into the head, once the words behind it are there. */
void ct_store_last_look_seal(char *look, size_t bytes);

/* Where in the file the look begins: behind the last extent. */
uint64_t ct_store_last_look_at(const struct ct_store_header *header);

/* Put the store's look, if it has one, into the profile of its heap, or the reason why it has none. 0 or < 0. */
int ct_store_last_look_put(const struct ct_store_file *store, struct ct_store_builder *builder,
			   struct ct_error_text *error);

#endif

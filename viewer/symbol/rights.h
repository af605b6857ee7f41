/* SPDX-License-Identifier: MIT */
/*
 * Root reads a store of another user, who wrote into it which files have the names: it reads them with that user's
 * rights, so that no report holds what this user could not read. Who knows a file's build-id has read it: such a file
 * needs none of this. Only root's rights are ever changed.
 */
#ifndef CT_SYMBOL_RIGHTS_H
#define CT_SYMBOL_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

struct ct_rights {
	uid_t user; /* whose rights; 0 = ours */
	gid_t group;
	gid_t *groups; /* the user's */
	int group_count;
	gid_t *own_groups; /* ours, while they are lowered */
	int own_count;
};

/* For another user. free: ct_rights_fini. */
void ct_rights_init(struct ct_rights *rights, uid_t user);
void ct_rights_fini(struct ct_rights *rights);

/* Between the two, files are opened with the user's rights. False: nothing may be opened, and raise is not needed. */
bool ct_rights_lower(struct ct_rights *rights);
void ct_rights_raise(struct ct_rights *rights);

#endif

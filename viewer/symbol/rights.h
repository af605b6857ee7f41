/* SPDX-License-Identifier: MIT */
/*
 * When root reads another user's store, that user chose the files that symbols are read from. Root opens these files
 * with the user's rights, so that no report contains what the user could not read. A user who knows a file's build-id
 * has read the file already, so such a file is opened normally. Only root's rights are ever changed.
 */
#ifndef CT_SYMBOL_RIGHTS_H
#define CT_SYMBOL_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

struct ct_rights {
	uid_t user; /* whose rights to use; 0 = our own */
	gid_t group;
	gid_t *groups; /* the user's */
	int group_count;
	gid_t *own_groups; /* ours, while they are lowered */
	int own_count;
};

/* Prepare to use the rights of this user. */
void ct_rights_init(struct ct_rights *rights, uid_t user);
void ct_rights_fini(struct ct_rights *rights);

/*
 * Between these two calls, files are opened with the user's rights. ct_rights_lower returns false if nothing may be
 * opened; ct_rights_raise is then not needed.
 */
bool ct_rights_lower(struct ct_rights *rights);
void ct_rights_raise(struct ct_rights *rights);

#endif

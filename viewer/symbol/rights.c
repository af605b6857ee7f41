/* SPDX-License-Identifier: MIT */
#include "symbol/rights.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <unistd.h>

#define NO_GROUP 65534
#define GROUPS_MAX 65536 /* the kernel's limit */

static bool are_ours(const struct ct_rights *rights)
{
	return !rights->user || geteuid() != 0;
}

void ct_rights_init(struct ct_rights *rights, uid_t user)
{
	*rights = (struct ct_rights){.user = user, .group = NO_GROUP};
	if (are_ours(rights))
		return;
	/* Not the store's group: it may come from a folder, and the user need not be in it. */
	const struct passwd *known = getpwuid(user);
	if (!known)
		return;
	rights->group = known->pw_gid;
	int room = GROUPS_MAX;
	rights->groups = calloc((size_t)room, sizeof(*rights->groups));
	if (rights->groups && getgrouplist(known->pw_name, known->pw_gid, rights->groups, &room) > 0)
		rights->group_count = room;
}

void ct_rights_fini(struct ct_rights *rights)
{
	free(rights->groups);
	free(rights->own_groups);
	*rights = (struct ct_rights){0};
}

static bool keep_own_groups(struct ct_rights *rights)
{
	if (rights->own_groups)
		return true;
	int count = getgroups(0, NULL);
	gid_t *groups = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(*groups));
	if (!groups || getgroups(count, groups) != count) {
		free(groups);
		return false;
	}
	rights->own_groups = groups;
	rights->own_count = count;
	return true;
}

bool ct_rights_lower(struct ct_rights *rights)
{
	if (are_ours(rights))
		return true;
	if (!keep_own_groups(rights) || setgroups((size_t)rights->group_count, rights->groups) != 0)
		return false;
	setfsgid(rights->group);
	setfsuid(rights->user);
	/* Neither function reports an error. */
	if (setfsuid((uid_t)-1) == (int)rights->user && setfsgid((gid_t)-1) == (int)rights->group)
		return true;
	ct_rights_raise(rights);
	return false;
}

void ct_rights_raise(struct ct_rights *rights)
{
	if (are_ours(rights))
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
	if (setgroups((size_t)rights->own_count, rights->own_groups) != 0)
		return; /* this leaves fewer rights than before, never more */
}

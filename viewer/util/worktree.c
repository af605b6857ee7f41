/* SPDX-License-Identifier: MIT */
#include "util/worktree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Does the folder, whose path has this length, hold a .git? It is a file in a linked working tree. */
static bool is_root(const char *folder, size_t length)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof(path), "%.*s/.git", (int)length, folder);
	return access(path, F_OK) == 0;
}

void ct_worktree_init(struct ct_worktree *tree)
{
	if (!realpath(".", tree->root)) {
		tree->root[0] = '\0';
		return;
	}
	for (size_t length = strlen(tree->root); length; length--) {
		bool ends_name = !tree->root[length] || tree->root[length] == '/';
		if (ends_name && is_root(tree->root, length)) {
			tree->root[length] = '\0';
			return;
		}
	}
}

/* The part of a path below the root; NULL: it is not below. */
static const char *below(const struct ct_worktree *tree, const char *path)
{
	size_t length = strlen(tree->root);
	if (!length || strncmp(path, tree->root, length))
		return NULL;
	if (length > 1 && path[length++] != '/') /* the root of the file system ends in its slash */
		return NULL;
	return path[length] ? path + length : NULL;
}

bool ct_worktree_path(const struct ct_worktree *tree, const char *file, char out[PATH_MAX])
{
	char path[2 * PATH_MAX], real[PATH_MAX];
	const char *found = NULL;
	/* Debug information may have paths relative to the tree: -ffile-prefix-map=$PWD=. */
	snprintf(path, sizeof(path), "%s/%.*s", tree->root, PATH_MAX - 1, file);
	if (*file && *file != '/' && realpath(path, real))
		found = below(tree, real);
	if (!found && *file && realpath(file, real))
		found = below(tree, real);
	snprintf(out, PATH_MAX, "%.*s", PATH_MAX - 1, found ? found : file);
	return found;
}

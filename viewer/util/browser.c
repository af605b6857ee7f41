/* SPDX-License-Identifier: MIT */
#include "util/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/library.h"

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);
	return value && *value;
}

/* Start a program with one argument. Returns an errno. */
static int start(const char *program, const char *path, bool wait)
{
	char *const arguments[] = {strdupa(program), strdupa(path), NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int status = 0;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	if (!wait) {
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
		for (int fd = 0; fd <= 2; fd++)
			posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	}
	int problem = posix_spawnp(&pid, program, &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (!problem && wait && (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)))
		problem = EIO;
	return problem;
}

int ct_browser_open(const char *path, struct ct_error_text *error)
{
	bool wait = !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY");
	ct_library_unload();
	char *absolute = realpath(path, NULL);
	if (!absolute)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	int problem = start("xdg-open", absolute, wait);
	if (problem && is_set("BROWSER"))
		problem = start(getenv("BROWSER"), absolute, wait);
	free(absolute);
	return problem ? ct_error_set(error, CT_ERR_IO, "%s was written, but no browser could be started: %s", path,
				      problem == ENOENT
					      ? "xdg-open is missing (package xdg-utils), and BROWSER is not set"
				      : problem == EIO ? "xdg-open failed"
						       : strerror(problem))
		       : CT_OK;
}

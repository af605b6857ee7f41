/* SPDX-License-Identifier: MIT */
/*
 * Things that processes do to themselves: fire_processes HOW [FOLDER]
 *   clone     a process in the same memory allocates, and its parent frees
 *   raw       makes a child that fork handlers do not know about
 *   vanish    removes FOLDER, which is also the current folder, with everything in it
 *   chroot    FOLDER becomes the root
 *   setuid, seteuid, setreuid, setresuid   root becomes the user nobody; vfork: its child does
 *   handle, ignore   SIGCHLD; wait: a thread waits for any child while the program ends
 * Before and after this, the program allocates at 2000 places, so that the recording grows.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "branch.h"

#define PLACES 2000u
#define NOBODY 65534u

static void *from_clone;

SITE static void places_before(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		branch(i);
}

SITE static void places_after(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		branch(i);
}

/* More sites than there is room for if a store cannot grow any more. */
SITE static void too_many_places(void)
{
	for (unsigned i = 0; i < 20 * PLACES; i++)
		branch(i);
}

static int status_of(pid_t child)
{
	int status;
	return waitpid(child, &status, __WALL) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int in_clone(void *argument)
{
	from_clone = malloc(100);
	places_before();
	return *(int *)argument;
}

/* Runs in a thread, which waits while the new process uses its thread-local storage. */
static void *clone_here(void *argument)
{
	int wanted = 5;
	size_t bytes = 1 << 16;
	char *stack = malloc(bytes);
	*(int *)argument =
		status_of(clone(in_clone, stack + bytes, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, &wanted));
	free(stack);
	free(from_clone);
	return NULL;
}

static int cloned(void)
{
	pthread_t thread;
	int status;
	pthread_create(&thread, NULL, clone_here, &status);
	pthread_join(thread, NULL);
	return status;
}

static int forked_raw(void)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		places_before();
		_exit(6);
	}
	return status_of(child);
}

static int vanish(const char *folder)
{
	char command[PATH_MAX + 20];
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return chdir(folder) || system(command);
}

/* Without root's rights, as root of a user namespace. */
static int change_root(const char *folder)
{
	if (chroot(folder) && (unshare(CLONE_NEWUSER) || chroot(folder)))
		return -1;
	return chdir("/");
}

static int child_changes_user(void)
{
	pid_t child = vfork();
	if (child == 0)
		_exit(setuid(NOBODY) ? 1 : 0);
	return status_of(child);
}

static int change_user(const char *how)
{
	if (!strcmp(how, "setuid"))
		return setuid(NOBODY);
	if (!strcmp(how, "seteuid"))
		return seteuid(NOBODY) || prctl(PR_SET_DUMPABLE, 1) || prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (!strcmp(how, "setreuid"))
		return setreuid(NOBODY, NOBODY);
	if (!strcmp(how, "setresuid"))
		return setresuid(NOBODY, NOBODY, NOBODY);
	return strcmp(how, "vfork") ? -1 : child_changes_user();
}

/* What the kernel resets with each change of rights, even one that we make. */
static int lost_rights(void)
{
	int number = 0;
	return prctl(PR_GET_DUMPABLE) != 1 || prctl(PR_GET_PDEATHSIG, &number) || number != SIGUSR1;
}

static void tell_signal(int number)
{
	(void)number;
	write(1, "SIGCHLD\n", 8);
}

static void *wait_for_any(void *argument)
{
	for (;;)
		if (wait(NULL) > 0)
			write(1, "waited\n", 7);
		else
			usleep(100);
	return argument;
}

static int await_children(const char *how)
{
	pthread_t thread;
	if (!strcmp(how, "wait"))
		return pthread_create(&thread, NULL, wait_for_any, NULL);
	return signal(SIGCHLD, *how == 'h' ? tell_signal : SIG_IGN) == SIG_ERR;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "raw";
	const char *folder = argc > 2 ? argv[2] : "";
	int status = -1;
	places_before();
	if (!strcmp(how, "clone"))
		status = cloned();
	if (!strcmp(how, "raw"))
		status = forked_raw();
	if (!strcmp(how, "vanish"))
		status = vanish(folder);
	if (!strcmp(how, "chroot"))
		status = change_root(folder);
	if (!strcmp(how, "vanish") || !strcmp(how, "chroot"))
		too_many_places();
	if (!strcmp(how, "vfork") || strstr(how, "uid"))
		status = change_user(how);
	if (strchr("hiw", *how))
		status = await_children(how);
	places_after();
	if (!strcmp(how, "seteuid"))
		status |= lost_rights();
	printf("%s: %d\n", how, status);
	return 3;
}

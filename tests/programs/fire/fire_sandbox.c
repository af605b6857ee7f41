/* SPDX-License-Identifier: MIT */
/*
 * fire_sandbox HOW: enters a sandbox, allocates deep on the stack and at 4096 sites, and ends. In the sandbox:
 *   (nothing)  starting a process or program is killed for
 *   forbid     starting a process or program, or opening a file, is refused
 *   kill       starting a process or program, or opening a file, is killed for
 *   few        every call is killed for, except those that this program needs
 *   strict     only read, write and exit are permitted
 *   landlock   opening a file or starting a program is refused, by Landlock
 *   timeless   reading the time is a SIGSEGV, by prctl
 *   refused    this cannot be had, since a filter refuses prctl
 * All others are seccomp's. Exits with 3 if the kernel lacks the sandbox.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "site.h"

#define DEEP_BYTES 7777

SITE static void branch(int depth)
{
	free(malloc((size_t)depth));
	if (depth) {
		branch(depth - 1);
		branch(depth - 1);
	}
	KEEP(depth);
}

/* Uses more stack than the process has had before. */
SITE static int allocate_deep(int depth)
{
	volatile char room[16384];
	room[0] = (char)depth;
	if (depth)
		return allocate_deep(depth - 1) + room[0];
	free(malloc(DEEP_BYTES));
	return room[0];
}

/* A filter under construction. */
struct rules {
	struct sock_filter code[16];
	unsigned short count;
};

static void add(struct rules *rules, struct sock_filter rule)
{
	rules->code[rules->count++] = rule;
}

static void make_rules(struct rules *rules, const int *named, unsigned verdict, unsigned other)
{
	add(rules, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	for (; *named >= 0; named++) {
		add(rules, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ, (unsigned)*named, 0, 1));
		add(rules, (struct sock_filter)BPF_STMT(BPF_RET, verdict));
	}
	add(rules, (struct sock_filter)BPF_STMT(BPF_RET, other));
}

static int enter(const char *how)
{
	static const int starting[] = {SYS_clone, SYS_vfork, SYS_clone3, SYS_execve, -1};
	static const int opening[] = {SYS_clone, SYS_vfork, SYS_execve, SYS_open, SYS_openat, -1};
	static const int asking[] = {SYS_prctl, -1};
	static const int working[] = {SYS_brk, SYS_write, SYS_newfstatat, SYS_exit_group, -1};
	struct rules rules = {.count = 0};
	struct sock_fprog filter = {.filter = rules.code};
	if (!strcmp(how, "timeless"))
		return prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
	if (!strcmp(how, "few"))
		make_rules(&rules, working, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
	else if (!strcmp(how, "refused"))
		make_rules(&rules, asking, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	else if (!strcmp(how, "forbid"))
		make_rules(&rules, opening, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	else
		make_rules(&rules, *how ? opening : starting, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	filter.len = rules.count;
	/* libseccomp makes these two calls to find out what the kernel supports. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) == 0)
		return -1;
	if (!strcmp(how, "few"))
		return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return -1;
	return strcmp(how, "refused") ? 0 : !prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
}

static int enter_landlock(void)
{
	struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	long ruleset = syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	return ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -1 : (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* Only read, write and exit. */
static void work_strictly(void)
{
	static const char done[] = "in a strict sandbox\n";
	free(malloc(30));
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	for (size_t i = 0; i < 5000; i++)
		free(malloc(i));
	branch(8);
	syscall(SYS_write, 1, done, sizeof(done) - 1);
	syscall(SYS_exit, 7);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	free(malloc(6000));
	if (!strcmp(how, "strict"))
		work_strictly();
	if (!strcmp(how, "landlock") ? enter_landlock() : enter(how))
		return 3;
	KEEP(allocate_deep(100));
	for (size_t i = 0; i < 5000; i++)
		free(malloc(i));
	branch(11);
	puts("in a sandbox");
	return 7;
}

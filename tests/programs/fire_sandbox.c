/* SPDX-License-Identifier: MIT */
/*
 * Enters a sandbox, allocates at 4096 sites, ends. In it a new process or program is the process's death;
 * fire_sandbox forbid: it is not permitted, nor is opening a file; fire_sandbox kill: opening a file is death.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "site.h"

SITE static void branch(int depth)
{
	free(malloc((size_t)depth));
	if (depth) {
		branch(depth - 1);
		branch(depth - 1);
	}
	KEEP(depth);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	unsigned opening = *how ? SYS_openat : SYS_execve;
	unsigned verdict = strcmp(how, "forbid") ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM;
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_clone, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_vfork, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_clone3, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_execve, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_open, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, opening, 1, 0),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET, verdict),
	};
	struct sock_fprog filter = {sizeof(rules) / sizeof(rules[0]), rules};
	free(malloc(1));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	for (size_t i = 0; i < 5000; i++)
		free(malloc(i));
	branch(11);
	puts("in a sandbox");
	return 7;
}

/* SPDX-License-Identifier: MIT */
/* Enters a sandbox in which a new process or program is the process's death; allocates; ends. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_clone, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_vfork, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_clone3, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, SYS_execve, 1, 0),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof(rules) / sizeof(rules[0]), rules};
	free(malloc(1));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	for (size_t i = 0; i < 5000; i++)
		free(malloc(i));
	puts("in a sandbox");
	return 7;
}

/* SPDX-License-Identifier: MIT */
/*
 * kill_at N PROGRAM ARGUMENT...: runs a program that traces another one, and kills it with SIGKILL at its N-th stop at
 * the entry or exit of a system call that can change the other one: ptrace, write into its memory, wait for it. They
 * are counted from the first PTRACE_SEIZE. Prints "killed", or how many there were if the program has ended before.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Is it at a call that counts? The first one is PTRACE_SEIZE. */
static int counts(pid_t pid, int counting)
{
	struct user_regs_struct registers;
	if (ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0)
		return 0;
	if (!counting)
		return registers.orig_rax == SYS_ptrace && registers.rdi == PTRACE_SEIZE;
	long result = (long)registers.rax; /* at the entry -ENOSYS */
	return registers.orig_rax == SYS_ptrace || registers.orig_rax == SYS_pwrite64 ||
	       (registers.orig_rax == SYS_wait4 && result > 0);
}

int main(int count, char **words)
{
	long wanted = count > 2 ? atol(words[1]) : -1, stops = 0;
	int status, signal = 0;
	if (wanted < 0)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(words[2], words + 2);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			signal = 0;
			int one = counts(pid, stops > 0);
			stops += one;
			if (one && wanted && stops == wanted) {
				kill(pid, SIGKILL);
				waitpid(pid, &status, 0);
				puts("killed");
				return 0;
			}
		} else {
			signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, 0, signal);
		waitpid(pid, &status, 0);
	}
	printf("%ld\n", stops);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

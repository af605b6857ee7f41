/* SPDX-License-Identifier: MIT */
/*
 * measure RESULT SECONDS COMMAND...: run a command and write one line to RESULT:
 * status (or minus the signal), CPU in µs and largest peak RSS in KiB of the command and all its descendants, and
 * the command's wall time in ns.
 *
 * This is a separate program because a child that is forked from a large process begins with that process's peak
 * RSS. It adopts orphans, so that helpers without a waiting parent are counted too. After SECONDS it kills all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t command;

static void kill_all(int signal)
{
	(void)signal;
	kill(-command, SIGKILL);
}

static long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000ll + time.tv_usec;
}

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	long long begin = now(), end = 0;
	command = fork();
	if (command == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	setpgid(command, command);
	signal(SIGALRM, kill_all);
	alarm((unsigned)atoi(argv[2]));

	int status = 0, ended;
	for (pid_t pid; (pid = wait(&ended)) > 0;)
		if (pid == command) {
			status = WIFSIGNALED(ended) ? -WTERMSIG(ended) : WEXITSTATUS(ended);
			end = now();
		}
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	FILE *result = fopen(argv[1], "w");
	if (!result)
		return 1;
	fprintf(result, "%d %lld %ld %lld\n", status, microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
		usage.ru_maxrss, end - begin);
	return fclose(result) != 0;
}

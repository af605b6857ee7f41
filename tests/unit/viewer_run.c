/* SPDX-License-Identifier: MIT */
/* How ctrace record runs a program: nothing is different for the program, and its status is passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/run.h"

static struct ct_run run_words(const char *path, const char *first, const char *second, const char *third)
{
	char *argv[] = {(char *)path, (char *)first, (char *)second, (char *)third, NULL};
	struct ct_error_text error;
	struct ct_run run;
	assert_int_equal(ct_run_program(path, argv, environ, &run, &error), 0);
	return run;
}

static struct ct_run run_shell(const char *script)
{
	return run_words("/bin/sh", "-c", script, NULL);
}

static void test_run_status(void **state)
{
	char *argv[] = {"nothing", NULL};
	struct ct_error_text error;
	struct ct_run run = run_shell("exit 7");
	(void)state;
	assert_int_equal(run.exec_errno, 0);
	assert_int_equal(ct_run_exit_like(&run), 7);
	run = run_shell("kill -USR1 $$");
	assert_true(WIFSIGNALED(run.status));
	assert_int_equal(WTERMSIG(run.status), SIGUSR1);
	assert_int_equal(ct_run_program("/nonexistent", argv, environ, &run, &error), 0);
	assert_int_equal(run.exec_errno, ENOENT);
}

/* If a signal killed the program, we die by the same signal, for the process that waits for us. */
static void test_run_die_alike(void **state)
{
	pid_t pid = fork();
	int status;
	(void)state;
	if (pid == 0) {
		struct ct_run run = run_shell("kill -QUIT $$");

		_exit(ct_run_exit_like(&run));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGQUIT);
	assert_false(WCOREDUMP(status));
}

/* Our own line of /proc/self/status, which includes what we inherited. */
static void own_line(const char *start, char *line, size_t room)
{
	FILE *status = fopen("/proc/self/status", "re");
	assert_non_null(status);
	while (fgets(line, (int)room, status) && strncmp(line, start, strlen(start)))
		;
	fclose(status);
	line[strcspn(line, "\n")] = '\0';
}

/* The program has the mask, the dispositions and the open files that we have, and we keep ours. */
static void test_run_inherits(void **state)
{
	sigset_t mask, after;
	struct sigaction action;
	struct ct_run run;
	char line[128];
	(void)state;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	/* not through a shell, which clears the mask */
	run = run_words("/bin/grep", "-qx", "SigBlk:.0000000000000800", "/proc/self/status");
	assert_int_equal(ct_run_exit_like(&run), 0);
	own_line("SigIgn:", line, sizeof(line));
	run = run_words("/bin/grep", "-qx", line, "/proc/self/status");
	assert_int_equal(ct_run_exit_like(&run), 0);
	close(9); /* our parent may have left it open */
	run = run_words("/usr/bin/test", "!", "-e", "/proc/self/fd/9");
	assert_int_equal(ct_run_exit_like(&run), 0);
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGUSR2));
	assert_false(sigismember(&after, SIGTERM));
	assert_int_equal(sigaction(SIGHUP, NULL, &action), 0);
	assert_true(action.sa_handler == SIG_IGN);
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGHUP, SIG_DFL);
}

/* With SIGCHLD ignored, as some supervisors start their children, the status still arrives. */
static void test_run_ignored_sigchld(void **state)
{
	struct ct_run run;
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	run = run_shell("exit 9");
	assert_int_equal(ct_run_exit_like(&run), 9);
	signal(SIGCHLD, SIG_DFL);
}

static void test_run_forwards(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGUSR1, SIGINT};
	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL); /* a shell cannot trap a signal that was ignored at its start */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int ready[2], status;
		char byte;

		assert_int_equal(pipe(ready), 0);
		pid_t pid = fork();

		if (pid == 0) {
			struct ct_run run;

			/* the shell's trap sets the status; without the signal it would be different */
			dup2(ready[1], 9);
			run = run_shell("trap 'exit 5' TERM HUP USR1 INT; echo >&9; while :; do sleep 0.05; done");
			_exit(ct_run_exit_like(&run));
		}
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		kill(pid, signals[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 5);
	}
}

/* When the program stops, so does the wrapper. Waking the wrapper wakes the program. */
static void test_run_stops(void **state)
{
	pid_t pid = fork();
	int status;
	(void)state;
	if (pid == 0) {
		struct ct_run run;

		setpgid(0, 0);
		run = run_shell("kill -TTIN $$; exit 6");
		_exit(ct_run_exit_like(&run));
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_status),   cmocka_unit_test(test_run_die_alike),
		cmocka_unit_test(test_run_inherits), cmocka_unit_test(test_run_ignored_sigchld),
		cmocka_unit_test(test_run_forwards), cmocka_unit_test(test_run_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

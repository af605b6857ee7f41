/* SPDX-License-Identifier: MIT */
#include "record/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * While the program runs, signals are not handled. They are blocked, keep the dispositions that we were started with,
 * and are waited for. A blocked signal stays pending even if its disposition is to ignore it.
 */
static void watched_signals(sigset_t *set)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
	sigfillset(set);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(set, own[i]);
}

/* In the child: restore everything to the state that the wrapper found, then exec the program. */
static void start(const char *path, char **arguments, char **environment, const struct sigaction *child_action,
		  const sigset_t *mask, int report_fd)
{
	sigaction(SIGCHLD, child_action, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execve(path, arguments, environment);

	int problem = errno;
	ssize_t ignored = write(report_fd, &problem, sizeof(problem));

	(void)ignored;
	_exit(127);
}

/*
 * A shell that waits for us must see us stop too; SIGCONT to the group then wakes both. But a supervisor without a
 * terminal may stop and wake the program alone, which would leave us stopped.
 */
static bool stops_with_child(int number)
{
	int terminal;
	if (number != SIGSTOP)
		return true;
	terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (terminal < 0)
		return false;
	close(terminal);
	return true;
}

/* Has the program ended (1), or has it stopped or continued (0)? */
static int look_at_child(struct ct_run *run)
{
	pid_t pid;
	for (;;) {
		int status;

		pid = waitpid(run->pid, &status, WNOHANG | WUNTRACED);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0) {
			/* impossible, unless other code waited for our child */
			run->status = 0;
			return 1;
		}
		if (pid == 0)
			return 0;
		if (!WIFSTOPPED(status)) {
			run->status = status;
			return 1;
		}
		if (stops_with_child(WSTOPSIG(status)))
			raise(SIGSTOP);
	}
}

static void wait_for_child(struct ct_run *run, const sigset_t *watched)
{
	siginfo_t info;
	while (!look_at_child(run)) {
		int number = sigwaitinfo(watched, &info);

		/* Signals from the kernel, including the terminal's, reach the program without us. */
		if (number > 0 && number != SIGCHLD && info.si_code <= 0)
			kill(run->pid, number);
	}
}

/* Drop signals for the program that arrived after its end. */
static void drain(const sigset_t *watched)
{
	const struct timespec now = {0, 0};
	while (sigtimedwait(watched, NULL, &now) > 0)
		continue;
}

int ct_run_program(const char *path, char **arguments, char **environment, struct ct_run *run,
		   struct ct_error_text *error)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	struct sigaction child_action;
	sigset_t watched, mask;
	int report[2];
	*run = (struct ct_run){0};
	if (pipe2(report, O_CLOEXEC) != 0)
		return ct_error_set(error, CT_ERR_IO, "cannot make a pipe: %s", strerror(errno));
	watched_signals(&watched);
	/* if SIGCHLD were ignored, the child's status would be lost */
	sigaction(SIGCHLD, &standard, &child_action);
	sigprocmask(SIG_BLOCK, &watched, &mask);
	run->pid = fork();
	if (run->pid == 0)
		start(path, arguments, environment, &child_action, &mask, report[1]);
	close(report[1]);
	if (run->pid > 0) {
		if (read(report[0], &run->exec_errno, sizeof(run->exec_errno)) != sizeof(run->exec_errno))
			run->exec_errno = 0;
		wait_for_child(run, &watched);
	}
	int problem = errno;

	close(report[0]);
	drain(&watched);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (run->pid < 0)
		return ct_error_set(error, CT_ERR_IO, "cannot start a process: %s", strerror(problem));
	return 0;
}

int ct_run_exit_like(const struct ct_run *run)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	const struct rlimit nothing = {0, 0};
	sigset_t only;
	int number;
	if (!WIFSIGNALED(run->status))
		return WEXITSTATUS(run->status);
	number = WTERMSIG(run->status);
	setrlimit(RLIMIT_CORE, &nothing);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a core_pattern with a pipe ignores the limit */
	sigaction(number, &standard, NULL);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	raise(number);
	return 128 + number;
}

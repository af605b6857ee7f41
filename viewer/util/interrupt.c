/* SPDX-License-Identifier: MIT */
#include "util/interrupt.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/progress.h"
#include "util/utf8.h"

#define FILES_MAX 8u
#define PATH_ROOM (PATH_MAX + 32)

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static int depth; /* begun and not ended */
static struct sigaction before[NUMBERS];
static void (*own_end)(void);
static pid_t owner; /* the process that began; a child that it forks has no files of its own */
static char line[2 * PATH_MAX];
static char files[FILES_MAX][PATH_ROOM]; /* "" = a free slot */

static void on_signal(int number)
{
	if (getpid() != owner)
		_exit(128 + number);
	ct_progress_erase();
	for (size_t i = 0; i < FILES_MAX; i++)
		if (*files[i])
			unlink(files[i]);
	ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
	(void)ignored;
	if (own_end)
		own_end();
	_exit(128 + number);
}

static void all_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < NUMBERS; i++)
		sigaddset(set, numbers[i]);
}

void ct_interrupt_begin(void (*end)(void))
{
	struct sigaction action = {.sa_handler = on_signal};
	if (depth++)
		return;
	all_signals(&action.sa_mask);
	own_end = end;
	owner = getpid();
	for (size_t i = 0; i < NUMBERS; i++)
		if (sigaction(numbers[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

void ct_interrupt_end(void)
{
	if (--depth)
		return;
	for (size_t i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &before[i], NULL);
	line[0] = '\0';
}

/* Change what the handler reads. */
static void put(char *to, size_t room, const char *text)
{
	sigset_t set, mask;
	all_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &mask);
	snprintf(to, room, "%s", text);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

void ct_interrupt_line(const char *format, ...)
{
	char text[sizeof(line)], whole[sizeof(line)] = "";
	if (format) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
		char *clean = ct_utf8_clean(text, strlen(text), NULL);
		snprintf(whole, sizeof(whole), "ctrace: %.*s\n", (int)sizeof(whole) - 16, clean ? clean : "stopped");
		free(clean);
	}
	put(line, sizeof(line), whole);
}

size_t ct_interrupt_remove(const char *path)
{
	size_t slot = 0;
	while (slot < FILES_MAX && *files[slot])
		slot++;
	if (slot < FILES_MAX && strlen(path) < PATH_ROOM)
		put(files[slot], PATH_ROOM, path);
	return slot;
}

void ct_interrupt_keep(size_t slot)
{
	if (slot < FILES_MAX)
		put(files[slot], PATH_ROOM, "");
}

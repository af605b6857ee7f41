/* SPDX-License-Identifier: MIT */
/*
 * Copies by each function that libctrace-copy.so has.
 *
 *   copies sites      each in a function of its own
 *   copies random     with random arguments; prints a sum of what they return and write
 *   copies early      the same before the constructors of all libraries, without functions that allocate
 *   copies checked    the __NAME_chk of programs built with _FORTIFY_SOURCE; then one that overflows
 *   copies handlers   in handlers on a small stack, which interrupt allocations and other copies
 *   copies fork       in a child that does nothing else, and in a child of vfork
 *   copies paused     between ctrace_pause and ctrace_resume, and beside ctrace_event
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "ctrace/ctrace.h"
#include "site.h"

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t room);
void *__memmove_chk(void *to, const void *from, size_t bytes, size_t room);
void *__mempcpy_chk(void *to, const void *from, size_t bytes, size_t room);
char *__strcpy_chk(char *to, const char *from, size_t room);
char *__stpcpy_chk(char *to, const char *from, size_t room);
char *__strncpy_chk(char *to, const char *from, size_t count, size_t room);
char *__stpncpy_chk(char *to, const char *from, size_t count, size_t room);
char *__strcat_chk(char *to, const char *from, size_t room);
char *__strncat_chk(char *to, const char *from, size_t count, size_t room);
wchar_t *__wmemcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wmemmove_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wmempcpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wcscpy_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcpcpy_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcsncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wcpncpy_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);
wchar_t *__wcscat_chk(wchar_t *to, const wchar_t *from, size_t room);
wchar_t *__wcsncat_chk(wchar_t *to, const wchar_t *from, size_t count, size_t room);

#define ROOM 512

static char text[] = "the world is full of bytes", to[ROOM];
static wchar_t wide[] = L"and of wide characters", wide_to[ROOM];
static void *volatile kept;

/* Each is called as many times as it has characters in its name, so that the counts differ. */
#define COPY(name, call)                                                                                               \
	SITE static void copy_##name(void)                                                                             \
	{                                                                                                              \
		kept = (void *)(uintptr_t)(call);                                                                      \
		KEEP(to);                                                                                              \
	}
#define SITES                                                                                                          \
	COPY(memcpy, memcpy(to, text, 11))                                                                             \
	COPY(memmove, memmove(to, text, 12))                                                                           \
	COPY(mempcpy, mempcpy(to, text, 13))                                                                           \
	COPY(bcopy, (bcopy(text, to, 14), 0))                                                                          \
	COPY(memccpy, memccpy(to, text, 'o', 20))                                                                      \
	COPY(memccpy_all, memccpy(to, text, 1, 20))                                                                    \
	COPY(strcpy, strcpy(to, text))                                                                                 \
	COPY(strncpy, strncpy(to, text, 5))                                                                            \
	COPY(strncpy_filled, strncpy(to, text, 200))                                                                   \
	COPY(stpcpy, stpcpy(to, text))                                                                                 \
	COPY(stpncpy, stpncpy(to, text, 60))                                                                           \
	COPY(strdup, strdup(text))                                                                                     \
	COPY(strndup, strndup(text, 7))                                                                                \
	COPY(strndup_all, strndup(text, 70))                                                                           \
	COPY(wmemcpy, wmemcpy(wide_to, wide, 3))                                                                       \
	COPY(wmemmove, wmemmove(wide_to, wide, 4))                                                                     \
	COPY(wmempcpy, wmempcpy(wide_to, wide, 5))                                                                     \
	COPY(wcscpy, wcscpy(wide_to, wide))                                                                            \
	COPY(wcsncpy, wcsncpy(wide_to, wide, 6))                                                                       \
	COPY(wcpcpy, wcpcpy(wide_to, wide))                                                                            \
	COPY(wcpncpy, wcpncpy(wide_to, wide, 7))                                                                       \
	COPY(wcsdup, wcsdup(wide))                                                                                     \
	COPY(nothing, memcpy(to, text, 0))                                                                             \
	COPY(strcat, (to[0] = 0, strcat(to, text)))                                                                    \
	COPY(strncat, (to[0] = 0, strncat(to, text, 9)))                                                               \
	COPY(wcscat, (wide_to[0] = 0, wcscat(wide_to, wide)))                                                          \
	COPY(wcsncat, (wide_to[0] = 0, wcsncat(wide_to, wide, 8)))
SITES
#undef COPY

static void call(void (*site)(void), const char *name)
{
	for (size_t i = 0; i < sizeof(wide) && name[i]; i++)
		site();
}

static void sites(void)
{
#define COPY(name, call_) call(copy_##name, #name);
	SITES
}

static uint64_t sum;

static void add(uint64_t number)
{
	sum = (sum ^ number) * 0x100000001b3;
}

/* What a call has returned, and what is in the target now. */
static void look(const void *returned, const void *target)
{
	add(returned ? (uint64_t)((const char *)returned - (const char *)target) : 1u << 20);
	for (size_t i = 0; i < ROOM; i++)
		add(((const unsigned char *)target)[i]);
}

static size_t below(size_t limit)
{
	static uint64_t state = 1;
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(state >> 33) % limit;
}

/* A text of at most 99 characters. */
static size_t fill(char *target, wchar_t *wide_target)
{
	size_t length = below(100);
	for (size_t i = 0; i <= length; i++)
		wide_target[i] = (wchar_t)(target[i] = i < length ? (char)(1 + below(255)) : 0);
	return length;
}

static void random_duplicates(const char *source, const wchar_t *wide_source, size_t count)
{
	char *copy = strdup(source), *part = strndup(source, count);
	wchar_t *wide_copy = wcsdup(wide_source);
	add((uint64_t)strcmp(copy, source));
	add(strlen(part));
	add((uint64_t)wcscmp(wide_copy, wide_source));
	free(copy);
	free(part);
	free(wide_copy);
}

static void random_round(bool early)
{
	static char source[ROOM], target[ROOM + 1];
	static wchar_t wide_source[ROOM], wide_target[ROOM];
	size_t length = fill(source, wide_source), count = below(160), at = below(100);
	look(memcpy(target, source, count), target);
	look(memmove(target + at, target, count), target); /* forth and back */
	look(memmove(target, target + at, count), target);
	look(memcpy(target + at, target, count), target); /* as old programs do */
	look(mempcpy(target, source, count), target);
	bcopy(source, target + at, count);
	look(target, target);
	look(memccpy(target, source, (int)below(256), count), target);
	look(strcpy(target, source), target);
	look(strcat(target, source), target);
	look(strncat(target, source, count), target);
	look(strncpy(target, source, count), target);
	look(stpcpy(target, source), target);
	look(stpncpy(target, source, count), target);
	look(wmemcpy(wide_target, wide_source, count), wide_target);
	look(wmemmove(wide_target + at, wide_target, count), wide_target);
	look(wmempcpy(wide_target, wide_source, count), wide_target);
	look(wcscpy(wide_target, wide_source), wide_target);
	look(wcscat(wide_target, wide_source), wide_target);
	look(wcsncat(wide_target, wide_source, count), wide_target);
	look(wcsncpy(wide_target, wide_source, count), wide_target);
	look(wcpcpy(wide_target, wide_source), wide_target);
	look(wcpncpy(wide_target, wide_source, count), wide_target);
	if (!early)
		random_duplicates(source, wide_source, count);
	look(__memcpy_chk(target, source, count, ROOM), target);
	look(__memmove_chk(target + at, target, count, ROOM), target);
	look(__mempcpy_chk(target, source, count, count), target);
	look(__strcpy_chk(target, source, length + 1), target);
	look(__strcat_chk(target, source, 2 * length + 1), target);
	look(__strncat_chk(target, source, count, ROOM), target);
	look(__stpcpy_chk(target, source, ROOM), target);
	look(__strncpy_chk(target, source, count, count), target);
	look(__stpncpy_chk(target, source, count, ROOM), target);
	look(__wmemcpy_chk(wide_target, wide_source, count, count), wide_target);
	look(__wmemmove_chk(wide_target + at, wide_target, count, ROOM), wide_target);
	look(__wmempcpy_chk(wide_target, wide_source, count, ROOM), wide_target);
	look(__wcscpy_chk(wide_target, wide_source, length + 1), wide_target);
	look(__wcscat_chk(wide_target, wide_source, 2 * length + 1), wide_target);
	look(__wcsncat_chk(wide_target, wide_source, count, ROOM), wide_target);
	look(__wcpcpy_chk(wide_target, wide_source, SIZE_MAX), wide_target);
	look(__wcsncpy_chk(wide_target, wide_source, count, count), wide_target);
	look(__wcpncpy_chk(wide_target, wide_source, count, ROOM), wide_target);
}

static void before_all(int argc, char **argv)
{
	for (int i = 0; i < 200 && argc > 1 && !strcmp(argv[1], "early"); i++)
		random_round(true);
}

__attribute__((used, section(".preinit_array"))) static void (*const first)(int, char **) = before_all;

SITE static void copy_checked(void)
{
	__memcpy_chk(to, text, 4, 4);
	__strcpy_chk(to, text, sizeof(text));
	__wcscpy_chk(wide_to, wide, ROOM);
}

static volatile sig_atomic_t handled;

SITE static void copy_in_handler(void)
{
	memcpy(to, text, 10);
}

static void on_alarm(int number)
{
	copy_in_handler();
	handled++;
	KEEP(number);
}

static void handlers(void)
{
	static char small[8192];
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART};
	stack_t alternate = {.ss_sp = small, .ss_size = sizeof(small)};
	struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	sigaltstack(&alternate, NULL);
	sigaction(SIGALRM, &action, NULL);
	raise(SIGALRM); /* the first copy of all is made there */
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 200) {
		free(malloc(1 + below(1000)));
		strcpy(to, text);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%d\n", (int)handled);
}

SITE static void copy_in_child(void)
{
	memcpy(to, text, 21);
}

static void in_children(void)
{
	pid_t pid = fork();
	if (!pid) {
		copy_in_child();
		exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = vfork();
	if (!pid) {
		memcpy(to, text, 3);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void paused(void)
{
	memcpy(to, text, 5);
	ctrace_pause();
	memcpy(to, text, 6);
	ctrace_resume();
	ctrace_event(1000);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "sites";
	if (!strcmp(what, "random")) {
		for (int i = 0; i < 2000; i++)
			random_round(false);
		printf("%016llx\n", (unsigned long long)sum);
	} else if (!strcmp(what, "early")) {
		printf("%016llx\n", (unsigned long long)sum);
	} else if (!strcmp(what, "checked")) {
		copy_checked();
		__strcat_chk(to, text, sizeof(text));
	} else if (!strcmp(what, "handlers")) {
		handlers();
	} else if (!strcmp(what, "fork")) {
		in_children();
	} else if (!strcmp(what, "paused")) {
		paused();
	} else {
		sites();
	}
	return 0;
}

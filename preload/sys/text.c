/* SPDX-License-Identifier: MIT */
#include "sys/text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "sys/sys.h"

void ct_text_clear(struct ct_text *text)
{
	text->length = 0;
	text->cut = false;
	text->bytes[0] = '\0';
}

void ct_text_add_bytes(struct ct_text *text, const char *bytes, size_t length)
{
	size_t room = sizeof(text->bytes) - 1 - text->length;
	if (length > room) {
		length = room;
		text->cut = true;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void ct_text_add(struct ct_text *text, const char *string)
{
	if (string)
		ct_text_add_bytes(text, string, strlen(string));
}

void ct_text_add_number(struct ct_text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	ct_text_add_bytes(text, digits + at, sizeof(digits) - at);
}

const char *ct_base_name(const char *path)
{
	const char *base = path;
	for (; *path; path++)
		if (*path == '/' && path[1])
			base = path + 1;
	return base;
}

/* Parse the digits at the start of a string. Returns their end; NULL: there are none, or too many. */
static const char *parse_digits(const char *string, uint64_t *number)
{
	const char *first = string;
	uint64_t value = 0;
	for (; *string >= '0' && *string <= '9'; string++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*string - '0'), &value))
			return NULL;
	*number = value;
	return string > first ? string : NULL;
}

bool ct_parse_number(const char *string, uint64_t *number)
{
	const char *end = parse_digits(string, number);
	return end && !*end;
}

bool ct_parse_bytes(const char *string, uint64_t *bytes)
{
	static const char suffixes[] = "kmg";
	const char *end = parse_digits(string, bytes);
	if (!end || !*end)
		return end != NULL;
	const char *suffix = strchr(suffixes, *end | 0x20);
	return suffix && !end[1] && !__builtin_mul_overflow(*bytes, 1024ull << 10 * (suffix - suffixes), bytes);
}

static bool not_started = true;
static struct stat at_start;

void ct_say_init(void)
{
	if (ct_syscall3(SYS_fstat, 2, &at_start, 0) < 0)
		at_start.st_ino = 0;
	not_started = false;
}

bool ct_say_is_heard(void)
{
	struct stat now;
	return not_started || (ct_syscall3(SYS_fstat, 2, &now, 0) == 0 && at_start.st_ino &&
			       now.st_dev == at_start.st_dev && now.st_ino == at_start.st_ino);
}

/* If stderr is a pipe without a reader, SIGPIPE must not kill the program: block the signal, and consume ours. */
static void write_line(const char *line, size_t bytes)
{
	const uint64_t pipe = 1ull << (SIGPIPE - 1);
	const struct timespec at_once = {0, 0};
	uint64_t mask = 0, pending = 0;
	if (ct_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &mask, sizeof(mask)) != 0)
		return;
	ct_syscall3(SYS_rt_sigpending, &pending, sizeof(pending), 0);
	if (ct_sys_write(2, line, bytes) == -EPIPE && !(pending & pipe))
		ct_syscall4(SYS_rt_sigtimedwait, &pipe, NULL, &at_once, sizeof(pipe));
	ct_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

void ct_say(const char *a, const char *b, const char *c)
{
	struct ct_text line;
	if (!ct_say_is_heard())
		return;
	ct_text_clear(&line);
	ct_text_add(&line, "ctrace: ");
	ct_text_add(&line, a);
	ct_text_add(&line, b);
	ct_text_add(&line, c);
	if (line.length > sizeof(line.bytes) - 2)
		line.length = sizeof(line.bytes) - 2;
	/* Names of programs and folders may contain control characters, which a terminal would obey. */
	for (size_t i = 0; i < line.length; i++)
		if ((unsigned char)line.bytes[i] < ' ' || line.bytes[i] == 0x7f)
			line.bytes[i] = '?';
	line.bytes[line.length] = '\n';
	write_line(line.bytes, line.length + 1);
}

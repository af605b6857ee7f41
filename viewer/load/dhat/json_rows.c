/* SPDX-License-Identifier: MIT */
#include "load/dhat/json_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read the file rather than map it: if a mapped file shrinks, we get a SIGBUS. */
int ct_json_read(int fd, struct ct_json_file *file, struct ct_error_text *error)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
	size_t room = (size_t)status.st_size + 1;
	file->length = 0;
	file->text = malloc(room);
	while (file->text) {
		ssize_t got = pread(fd, file->text + file->length, room - file->length, (off_t)file->length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(file->text);
			file->text = NULL;
			return ct_error_set(error, CT_ERR_IO, "cannot read: %s", strerror(errno));
		}
		if (got == 0) {
			file->text[file->length] = '\0';
			return 0;
		}
		file->length += (size_t)got;
		if (file->length == room) {
			char *more = realloc(file->text, room *= 2);

			if (!more)
				free(file->text);
			file->text = more;
		}
	}
	return ct_error_set(error, CT_ERR_MEMORY, "not enough memory to read the file");
}

void ct_json_free(struct ct_json_file *file)
{
	free(file->text);
	file->text = NULL;
}

int ct_json_damaged(const struct ct_json_file *file, const char *at, struct ct_error_text *error, const char *format,
		    ...)
{
	char what[512];
	va_list list;
	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	return ct_error_set(error, CT_ERR_DAMAGED, "damaged at byte %zu: %s", (size_t)(at - file->text), what);
}

/* Report an unexpected character; most often the file simply ends here. */
static int unexpected(const struct ct_json_cursor *cursor, struct ct_error_text *error, const char *expected)
{
	unsigned char found = cursor->at < cursor->end ? (unsigned char)*cursor->at : 0;
	if (cursor->at >= cursor->file->text + cursor->file->length)
		return ct_json_damaged(cursor->file, cursor->at, error, "the file ends where %s should be (cut off?)",
				       expected);
	if (found > ' ' && found < 0x7f)
		return ct_json_damaged(cursor->file, cursor->at, error, "'%c' where %s should be", found, expected);
	return ct_json_damaged(cursor->file, cursor->at, error, "byte 0x%02x where %s should be", found, expected);
}

static void skip_blanks(struct ct_json_cursor *cursor)
{
	while (cursor->at < cursor->end &&
	       (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
		cursor->at++;
}

static bool at_char(const struct ct_json_cursor *cursor, char c)
{
	return cursor->at < cursor->end && *cursor->at == c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool at_digit(const struct ct_json_cursor *cursor)
{
	return cursor->at < cursor->end && is_digit(*cursor->at);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Skip the rest of an escape, after its backslash. */
static int skip_escape(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	if (cursor->at >= cursor->end || *cursor->at == '\0' || !strchr("\"\\/bfnrtu", *cursor->at))
		return unexpected(cursor, error, "an escape");
	if (*cursor->at++ != 'u')
		return 0;
	for (int i = 0; i < 4; i++, cursor->at++) {
		if (cursor->at >= cursor->end || !is_hex(*cursor->at))
			return unexpected(cursor, error, "a hexadecimal digit");
	}
	return 0;
}

static int skip_string(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	cursor->at++;
	for (;;) {
		while (cursor->at < cursor->end && (unsigned char)*cursor->at >= 0x20 && *cursor->at != '"' &&
		       *cursor->at != '\\')
			cursor->at++;
		if (at_char(cursor, '"')) {
			cursor->at++;
			return 0;
		}
		if (!at_char(cursor, '\\'))
			return unexpected(cursor, error, "the rest of a string");
		cursor->at++;
		if (skip_escape(cursor, error) < 0)
			return CT_ERR_DAMAGED;
	}
}

static int skip_digits(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	if (!at_digit(cursor))
		return unexpected(cursor, error, "a digit");
	const char *at = cursor->at;
	while (at < cursor->end && is_digit(*at))
		at++;
	cursor->at = at;
	return 0;
}

static int skip_number(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	if (at_char(cursor, '-'))
		cursor->at++;
	if (at_char(cursor, '0'))
		cursor->at++;
	else if (skip_digits(cursor, error) < 0)
		return CT_ERR_DAMAGED;
	if (at_char(cursor, '.')) {
		cursor->at++;
		if (skip_digits(cursor, error) < 0)
			return CT_ERR_DAMAGED;
	}
	if (at_char(cursor, 'e') || at_char(cursor, 'E')) {
		cursor->at++;
		if (at_char(cursor, '+') || at_char(cursor, '-'))
			cursor->at++;
		return skip_digits(cursor, error);
	}
	return 0;
}

static int skip_scalar(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	static const char *const words[] = {"true", "false", "null"};
	if (at_char(cursor, '"'))
		return skip_string(cursor, error);
	if (at_char(cursor, '-') || at_digit(cursor))
		return skip_number(cursor, error);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(cursor->end - cursor->at) >= length && !memcmp(cursor->at, words[i], length)) {
			cursor->at += length;
			return 0;
		}
	}
	return unexpected(cursor, error, "a value");
}

/* Skip a member's name and colon; the cursor ends at the value. */
static int skip_name(struct ct_json_cursor *cursor, struct ct_json_piece *name, struct ct_error_text *error)
{
	const char *start = cursor->at;
	if (!at_char(cursor, '"'))
		return unexpected(cursor, error, "a member's name");
	if (skip_string(cursor, error) < 0)
		return CT_ERR_DAMAGED;
	name->text = start + 1;
	name->length = (size_t)(cursor->at - start) - 2;
	skip_blanks(cursor);
	if (!at_char(cursor, ':'))
		return unexpected(cursor, error, "':'");
	cursor->at++;
	skip_blanks(cursor);
	return 0;
}

/* The open containers, innermost in the lowest bit; a bit is 1 for an object. */
struct nesting {
	uint64_t objects;
	int depth;
};

/* The cursor is at '{' or '['. It ends at the first value inside (returns 1), or after an empty container (0). */
static int open_container(struct ct_json_cursor *cursor, struct nesting *nesting, struct ct_error_text *error)
{
	bool object = *cursor->at == '{';
	struct ct_json_piece name;
	if (nesting->depth == CT_JSON_DEPTH)
		return ct_json_damaged(cursor->file, cursor->at, error, "nested more than %d deep", CT_JSON_DEPTH);
	cursor->at++;
	skip_blanks(cursor);
	if (at_char(cursor, object ? '}' : ']')) {
		cursor->at++;
		return 0;
	}
	nesting->objects = nesting->objects << 1 | object;
	nesting->depth++;
	if (object && skip_name(cursor, &name, error) < 0)
		return CT_ERR_DAMAGED;
	return 1;
}

/*
 * The cursor is after a value. Close the containers that end here. The cursor ends at the next value (returns 1) or
 * after the outermost container (0).
 */
static int close_containers(struct ct_json_cursor *cursor, struct nesting *nesting, struct ct_error_text *error)
{
	struct ct_json_piece name;
	while (nesting->depth > 0) {
		bool object = nesting->objects & 1;

		skip_blanks(cursor);
		if (at_char(cursor, ',')) {
			cursor->at++;
			skip_blanks(cursor);
			if (object && skip_name(cursor, &name, error) < 0)
				return CT_ERR_DAMAGED;
			return 1;
		}
		if (!at_char(cursor, object ? '}' : ']'))
			return unexpected(cursor, error, object ? "',' or '}'" : "',' or ']'");
		cursor->at++;
		nesting->objects >>= 1;
		nesting->depth--;
	}
	return 0;
}

/* In an array, at a digit: go to the last of the whole numbers that have only commas between them. */
static void skip_whole_numbers(struct ct_json_cursor *cursor)
{
	const char *at = cursor->at, *end = cursor->end;
	while (at < end && is_digit(*at)) {
		const char *start = cursor->at = at;
		while (at < end && is_digit(*at))
			at++;
		if ((*start == '0' && at > start + 1) || at >= end || *at++ != ',')
			return;
	}
}

static int skip_value(struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	struct nesting nesting = {0, 0};
	int more;
	do {
		if (at_char(cursor, '{') || at_char(cursor, '[')) {
			more = open_container(cursor, &nesting, error);
			if (more == 0)
				more = close_containers(cursor, &nesting, error);
		} else {
			if (nesting.depth && !(nesting.objects & 1) && at_digit(cursor))
				skip_whole_numbers(cursor);
			more = skip_scalar(cursor, error);
			if (more == 0)
				more = close_containers(cursor, &nesting, error);
		}
	} while (more > 0);
	return more;
}

int ct_json_begin(struct ct_json_cursor *cursor, const struct ct_json_file *file, struct ct_error_text *error)
{
	*cursor = (struct ct_json_cursor){.file = file, .at = file->text, .end = file->text + file->length};
	if (file->length == 0)
		return ct_error_set(error, CT_ERR_DAMAGED, "the file is empty");
	if (file->length >= 3 && !memcmp(file->text, "\xef\xbb\xbf", 3))
		cursor->at += 3;
	skip_blanks(cursor);
	if (!at_char(cursor, '{'))
		return ct_error_set(error, CT_ERR_DAMAGED, "not a report of ctrace, DHAT or dhat-rs (no JSON object)");
	cursor->at++;
	cursor->object = true;
	return 0;
}

bool ct_json_enter(struct ct_json_cursor *cursor, const struct ct_json_file *file, struct ct_json_piece piece)
{
	if (piece.length < 2 || (piece.text[0] != '{' && piece.text[0] != '['))
		return false;
	*cursor = (struct ct_json_cursor){
		.file = file,
		.at = piece.text + 1,
		.end = piece.text + piece.length,
		.object = piece.text[0] == '{',
	};
	return true;
}

/* Go to the next value, and read its name. 1, 0 at the end of the container, or < 0. */
static int next_value(struct ct_json_cursor *cursor, struct ct_json_piece *key, struct ct_error_text *error)
{
	char close = cursor->object ? '}' : ']';
	skip_blanks(cursor);
	if (at_char(cursor, close)) {
		cursor->at++;
		cursor->ended = true;
		return 0;
	}
	if (cursor->started) {
		if (!at_char(cursor, ','))
			return unexpected(cursor, error, cursor->object ? "',' or '}'" : "',' or ']'");
		cursor->at++;
		skip_blanks(cursor);
	}
	cursor->started = true;
	return !cursor->object || skip_name(cursor, key, error) == 0 ? 1 : CT_ERR_DAMAGED;
}

int ct_json_next(struct ct_json_cursor *cursor, struct ct_json_piece *key, struct ct_json_piece *value,
		 struct ct_error_text *error)
{
	int more = next_value(cursor, key, error);
	value->text = cursor->at;
	if (more > 0 && skip_value(cursor, error) < 0)
		more = CT_ERR_DAMAGED;
	value->length = (size_t)(cursor->at - value->text);
	return more;
}

int ct_json_next_entered(struct ct_json_cursor *cursor, struct ct_json_piece *key, struct ct_json_piece *value,
			 struct ct_json_cursor *inner, struct ct_error_text *error)
{
	int more = next_value(cursor, key, error);
	value->text = cursor->at;
	inner->file = NULL;
	if (more > 0 && (at_char(cursor, '{') || at_char(cursor, '['))) {
		*inner = (struct ct_json_cursor){
			.file = cursor->file,
			.at = cursor->at + 1,
			.end = cursor->end,
			.object = *cursor->at == '{',
		};
	} else if (more > 0 && skip_scalar(cursor, error) < 0) {
		more = CT_ERR_DAMAGED;
	}
	value->length = (size_t)(cursor->at - value->text);
	return more;
}

int ct_json_leave(struct ct_json_cursor *cursor, struct ct_json_cursor *inner, struct ct_error_text *error)
{
	struct ct_json_piece key, value;
	int more = 1;
	while (!inner->ended && more > 0)
		more = ct_json_next(inner, &key, &value, error);
	cursor->at = inner->at;
	return more < 0 ? more : 0;
}

int ct_json_end(const struct ct_json_cursor *cursor, struct ct_error_text *error)
{
	struct ct_json_cursor rest = *cursor;
	skip_blanks(&rest);
	if (rest.at < rest.end)
		return unexpected(&rest, error, "the end of the file");
	return 0;
}

bool ct_json_is(struct ct_json_piece piece, const char *text)
{
	return piece.length == strlen(text) && !memcmp(piece.text, text, piece.length);
}

/* 1e6 and 10.0 are whole numbers too. A double holds them exactly up to 2^53. */
static enum ct_json_number number_by_double(struct ct_json_piece piece, uint64_t *number)
{
	char text[64];
	double value;
	if (piece.length >= sizeof(text))
		return CT_JSON_NUMBER_HUGE;
	memcpy(text, piece.text, piece.length);
	text[piece.length] = '\0';
	value = strtod(text, NULL);
	if (!(value <= 9007199254740992.0))
		return CT_JSON_NUMBER_HUGE;
	*number = (uint64_t)value;
	return (double)*number == value ? CT_JSON_NUMBER_FINE : CT_JSON_NUMBER_FRACTION;
}

enum ct_json_number ct_json_number(struct ct_json_piece piece, uint64_t *number)
{
	uint64_t value = 0;
	if (piece.length == 0 || (piece.text[0] != '-' && (piece.text[0] < '0' || piece.text[0] > '9')))
		return CT_JSON_NUMBER_NONE;
	if (piece.text[0] == '-')
		return CT_JSON_NUMBER_NEGATIVE;
	for (size_t i = 0; i < piece.length; i++) {
		unsigned digit = (unsigned)piece.text[i] - '0';

		if (digit > 9)
			return number_by_double(piece, number);
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return CT_JSON_NUMBER_HUGE;
	}
	*number = value;
	return CT_JSON_NUMBER_FINE;
}

const char *ct_json_number_problem(enum ct_json_number problem)
{
	switch (problem) {
	case CT_JSON_NUMBER_NEGATIVE:
		return "is negative";
	case CT_JSON_NUMBER_FRACTION:
		return "is not a whole number";
	case CT_JSON_NUMBER_HUGE:
		return "is too large";
	default:
		return "is not a number";
	}
}

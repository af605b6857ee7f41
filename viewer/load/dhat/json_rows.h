/* SPDX-License-Identifier: MIT */
/*
 * Reads a large JSON file row by row. A cursor returns the members of an object, or the elements of an array, one at a
 * time, as pieces of the file's text. No tree is built and nothing recurses, so memory equals the file's size. The
 * grammar is checked strictly (RFC 8259, nesting up to CT_JSON_DEPTH). The caller decodes the pieces: cJSON for
 * strings and small trees, ct_json_number for counters, which doubles would round above 2^53.
 */
#ifndef CT_LOAD_DHAT_JSON_ROWS_H
#define CT_LOAD_DHAT_JSON_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CT_JSON_DEPTH 64

/* The text of one value, without surrounding whitespace. */
struct ct_json_piece {
	const char *text;
	size_t length;
};

struct ct_json_file {
	char *text; /* NUL after the last byte */
	size_t length;
};

/* Read a whole file, whatever its descriptor's offset. 0 or < 0. */
int ct_json_read(int fd, struct ct_json_file *file, struct ct_error_text *error);
void ct_json_free(struct ct_json_file *file);

/* A position in one object or array. */
struct ct_json_cursor {
	const struct ct_json_file *file;
	const char *at;
	const char *end;
	bool object;
	bool started;
	bool ended;
};

/* Open the file's outermost object. After its last member, call ct_json_end. 0 or < 0. */
int ct_json_begin(struct ct_json_cursor *cursor, const struct ct_json_file *file, struct ct_error_text *error);

/* Open a piece that ct_json_next returned. False: it is neither an object nor an array. */
bool ct_json_enter(struct ct_json_cursor *cursor, const struct ct_json_file *file, struct ct_json_piece piece);

/*
 * Read the next member or element. 1, 0 at the end, or < 0. key is raw, without its quotes, and only set for objects.
 */
int ct_json_next(struct ct_json_cursor *cursor, struct ct_json_piece *key, struct ct_json_piece *value,
		 struct ct_error_text *error);

/*
 * The same, but an object or an array is not skipped: *inner is inside it, and ct_json_leave must follow. For other
 * values inner->file is NULL. This reads large tables once instead of once for each level.
 */
int ct_json_next_entered(struct ct_json_cursor *cursor, struct ct_json_piece *key, struct ct_json_piece *value,
			 struct ct_json_cursor *inner, struct ct_error_text *error);

/* Skip what is left of the value that was entered. 0 or < 0. */
int ct_json_leave(struct ct_json_cursor *cursor, struct ct_json_cursor *inner, struct ct_error_text *error);

/* After the last member of the outermost object: nothing may follow. */
int ct_json_end(const struct ct_json_cursor *cursor, struct ct_error_text *error);

/* Does the piece hold exactly these bytes? */
bool ct_json_is(struct ct_json_piece piece, const char *text);

enum ct_json_number {
	CT_JSON_NUMBER_FINE,
	CT_JSON_NUMBER_NONE, /* not a number */
	CT_JSON_NUMBER_NEGATIVE,
	CT_JSON_NUMBER_FRACTION,
	CT_JSON_NUMBER_HUGE, /* above 2^64 - 1, or not exact as written */
};

/* Read a whole number from 0 to 2^64 - 1, exactly. */
enum ct_json_number ct_json_number(struct ct_json_piece piece, uint64_t *number);

/* "is negative", ... for an error line; not for CT_JSON_NUMBER_FINE. */
const char *ct_json_number_problem(enum ct_json_number problem);

/* Set the error to "damaged at byte N: TEXT"; returns CT_ERR_DAMAGED. */
int ct_json_damaged(const struct ct_json_file *file, const char *at, struct ct_error_text *error, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));

#endif

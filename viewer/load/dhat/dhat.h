/* SPDX-License-Identifier: MIT */
/*
 * Private to the DHAT loader: its state, and the functions shared by dhat.c (the members), dhat_rows.c (the tables)
 * and dhat_ctrace.c (our own member).
 */
#ifndef CT_LOAD_DHAT_DHAT_H
#define CT_LOAD_DHAT_DHAT_H

#include <cjson/cJSON.h>

#include "load/dhat/json_rows.h"
#include "model/profile.h"
#include "util/error.h"

/* Members of the outermost object. */
enum ct_dhat_member {
	M_VERSION,
	M_MODE,
	M_VERB,
	M_BKLT,
	M_BKACC,
	M_BU,
	M_BSU,
	M_BKSU,
	M_TU,
	M_MTU,
	M_TUTH,
	M_CMD,
	M_PID,
	M_TE,
	M_TG,
	M_PPS,
	M_FTBL,
	M_CTRACE,
	M_COUNT,
};

struct ct_dhat {
	struct ct_json_file file;
	struct ct_json_piece members[M_COUNT]; /* text is NULL if missing */
	struct ct_profile *profile;
	struct ct_error_text *error;
	uint32_t *site_of_row; /* by row of "pps": index in profile->sites */
	size_t row_count, row_room;
};

/* Set the error and return its code. */
int ct_dhat_no_memory(struct ct_dhat *dhat);
int ct_dhat_missing(struct ct_dhat *dhat, enum ct_dhat_member member);

/* Decode a string with cJSON, which knows the escapes; free it with cJSON_Delete. NULL: the error is set. */
cJSON *ct_dhat_string(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name);

/* Open a member that must be an array. 0 or < 0. */
int ct_dhat_enter(struct ct_dhat *dhat, enum ct_dhat_member member, struct ct_json_cursor *cursor);

/* Read "ftbl" and "pps" into the profile. 0 or < 0. */
int ct_dhat_read_tables(struct ct_dhat *dhat);

/* Read a whole number. 0, or < 0 with an error that says name. */
int ct_dhat_number(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name, uint64_t *number);

/* Read our own member "ctrace", if there is one (viewer/write/dhat.c): losses, timeline, how the program ended. */
int ct_dhat_read_ctrace(struct ct_dhat *dhat);

/* The same for its member "memory": the ledger. */
int ct_dhat_read_memory(struct ct_dhat *dhat, struct ct_json_piece piece);

/* Read the snapshots in our own member. They refer to rows of "pps", which must have been read. */
int ct_dhat_read_snapshots(struct ct_dhat *dhat);

/* What our own member says about each frame of "ftbl", in the same order. */
struct ct_dhat_places {
	bool told; /* the file has these rows */
	struct ct_json_cursor rows;
	uint32_t *paths; /* string ids */
	size_t path_count;
};

int ct_dhat_places_open(struct ct_dhat *dhat, struct ct_dhat_places *places);
int ct_dhat_places_next(struct ct_dhat *dhat, struct ct_dhat_places *places, struct ct_frame *frame);
/* 0, or < 0 if there are more rows than frames. */
int ct_dhat_places_end(struct ct_dhat *dhat, struct ct_dhat_places *places);
void ct_dhat_places_close(struct ct_dhat_places *places);

#endif

/* SPDX-License-Identifier: MIT */
/* Private to the DHAT loader: its state, and what dhat.c (the members) and dhat_rows.c (the tables) share. */
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
	struct ct_json_piece members[M_COUNT]; /* text NULL = missing */
	struct ct_profile *profile;
	struct ct_error_text *error;
	uint32_t *site_of_row; /* index in profile->sites, by row of "pps" */
	size_t row_count, row_room;
};

/* Set the error and return its code. */
int ct_dhat_no_memory(struct ct_dhat *dhat);
int ct_dhat_missing(struct ct_dhat *dhat, enum ct_dhat_member member);

/* A string, by cJSON, which knows the escapes; free with cJSON_Delete. NULL: the error is set. */
cJSON *ct_dhat_string(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name);

/* Open a member that is an array. */
int ct_dhat_enter(struct ct_dhat *dhat, enum ct_dhat_member member, struct ct_json_cursor *cursor);

/* "ftbl" and "pps" into the profile. 0 or < 0. */
int ct_dhat_read_tables(struct ct_dhat *dhat);

/* A whole number, or an error that names it. */
int ct_dhat_number(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name, uint64_t *number);

/* Our own member, if there is one (viewer/write/dhat.c): losses, timeline, how it ended. */
int ct_dhat_read_ctrace(struct ct_dhat *dhat);

/* What it says of rows of "pps", which must be read: snapshots. */
int ct_dhat_read_snapshots(struct ct_dhat *dhat);

/* What it says about each frame of "ftbl", in order. */
struct ct_dhat_places {
	bool told; /* is there anything? */
	struct ct_json_cursor rows;
	uint32_t *paths; /* string ids */
	size_t path_count;
};

int ct_dhat_places_open(struct ct_dhat *dhat, struct ct_dhat_places *places);
int ct_dhat_places_next(struct ct_dhat *dhat, struct ct_dhat_places *places, struct ct_frame *frame);
/* 0, or < 0 when there are more rows than frames. */
int ct_dhat_places_end(struct ct_dhat *dhat, struct ct_dhat_places *places);
void ct_dhat_places_close(struct ct_dhat_places *places);

#endif

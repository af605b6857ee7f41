/* SPDX-License-Identifier: MIT */
/*
 * Loads DHAT JSON, dhatFileVersion 2. The file is read twice. The first pass goes through the members of the outermost
 * object: it checks the grammar of the whole file and finds "pps" and "ftbl" in any order. The second pass reads the
 * rows of the frame table and of the program points directly from the text.
 */
#include "load/load.h"

#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat.h"
#include "load/foreign.h"
#include "load/unpack.h"

static const char *const member_names[M_COUNT] = {
	"dhatFileVersion",
	"mode",
	"verb",
	"bklt",
	"bkacc",
	"bu",
	"bsu",
	"bksu",
	"tu",
	"Mtu",
	"tuth",
	"cmd",
	"pid",
	"te",
	"tg",
	"pps",
	"ftbl",
	"ctrace",
};

int ct_dhat_no_memory(struct ct_dhat *dhat)
{
	return ct_error_set(dhat->error, CT_ERR_MEMORY, "not enough memory to load the file");
}

static bool is_null(struct ct_json_piece piece)
{
	return ct_json_is(piece, "null");
}

static bool has(const struct ct_dhat *dhat, enum ct_dhat_member member)
{
	return dhat->members[member].text != NULL;
}

static int find_members(struct ct_dhat *dhat)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more = ct_json_begin(&cursor, &dhat->file, dhat->error);
	if (more < 0)
		return more;
	while ((more = ct_json_next(&cursor, &key, &value, dhat->error)) > 0) {
		for (int i = 0; i < M_COUNT; i++) {
			if (!ct_json_is(key, member_names[i]))
				continue;
			if (has(dhat, i))
				return ct_json_damaged(&dhat->file, key.text, dhat->error, "\"%s\" appears twice",
						       member_names[i]);
			/* dhat-rs may write null for an absent member */
			if (!is_null(value))
				dhat->members[i] = value;
		}
	}
	return more < 0 ? more : ct_json_end(&cursor, dhat->error);
}

int ct_dhat_missing(struct ct_dhat *dhat, enum ct_dhat_member member)
{
	return ct_error_set(dhat->error, CT_ERR_DAMAGED, "\"%s\" is missing: not a complete DHAT file",
			    member_names[member]);
}

int ct_dhat_number(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name, uint64_t *number)
{
	enum ct_json_number problem = ct_json_number(piece, number);
	if (problem != CT_JSON_NUMBER_FINE)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"%s\" %s", name,
				       ct_json_number_problem(problem));
	return 0;
}

static int member_number(struct ct_dhat *dhat, enum ct_dhat_member member, uint64_t *number)
{
	if (!has(dhat, member))
		return ct_dhat_missing(dhat, member);
	return ct_dhat_number(dhat, dhat->members[member], member_names[member], number);
}

static int member_bool(struct ct_dhat *dhat, enum ct_dhat_member member, bool *value)
{
	struct ct_json_piece piece = dhat->members[member];
	if (!piece.text)
		return ct_dhat_missing(dhat, member);
	*value = ct_json_is(piece, "true");
	if (!*value && !ct_json_is(piece, "false"))
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"%s\" is neither true nor false",
				       member_names[member]);
	return 0;
}

cJSON *ct_dhat_string(struct ct_dhat *dhat, struct ct_json_piece piece, const char *name)
{
	cJSON *item = cJSON_ParseWithLength(piece.text, piece.length);
	if (cJSON_IsString(item))
		return item;
	cJSON_Delete(item);
	ct_json_damaged(&dhat->file, piece.text, dhat->error, "%s is not a valid string", name);
	return NULL;
}

static int member_text(struct ct_dhat *dhat, enum ct_dhat_member member, char **text)
{
	cJSON *item;
	int code;
	if (!has(dhat, member))
		return ct_dhat_missing(dhat, member);
	item = ct_dhat_string(dhat, dhat->members[member], member_names[member]);
	if (!item)
		return CT_ERR_DAMAGED;
	code = ct_profile_set_text(text, item->valuestring, strlen(item->valuestring));
	cJSON_Delete(item);
	return code < 0 ? ct_dhat_no_memory(dhat) : 0;
}

static int read_version(struct ct_dhat *dhat)
{
	uint64_t version;
	int code;
	if (!has(dhat, M_VERSION)) {
		const char *what = ct_foreign_json(&dhat->file);

		return ct_error_set(dhat->error, CT_ERR_DAMAGED, "this is %s",
				    what ? what : "JSON, but not a DHAT file (\"dhatFileVersion\" is missing)");
	}
	code = member_number(dhat, M_VERSION, &version);
	if (code == 0 && version != 2)
		return ct_error_set(dhat->error, CT_ERR_DAMAGED, "dhatFileVersion %llu: only version 2 is known",
				    (unsigned long long)version);
	return code;
}

static int read_mode(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	const char *producer = "unknown";
	char *mode = NULL;
	char *time_unit = profile->time_unit;
	int code = member_text(dhat, M_MODE, &mode);
	if (code < 0)
		return code;
	if (has(dhat, M_CTRACE))
		producer = "ctrace";
	else if (!strncmp(mode, "rust-", 5))
		producer = "dhat-rs";
	else if (time_unit && !strcmp(time_unit, "instrs"))
		producer = "Valgrind";
	if (!strcmp(mode, "copy"))
		profile->mode = CT_MODE_COPY;
	else if (!strcmp(mode, "ad-hoc") || !strcmp(mode, "rust-ad-hoc"))
		profile->mode = CT_MODE_AD_HOC;
	else if (!strcmp(mode, "mappings"))
		profile->mode = CT_MODE_MAPPINGS;
	else
		profile->mode = CT_MODE_HEAP;
	free(mode);
	return ct_profile_set_text(&profile->producer, producer, strlen(producer)) < 0 ? ct_dhat_no_memory(dhat) : 0;
}

/* Read the names of the units; a file has all three or none. */
static int read_units(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	char **const texts[] = {&profile->byte_unit, &profile->bytes_unit, &profile->blocks_unit};
	static const char *const usual[] = {"byte", "bytes", "blocks"};
	for (int i = 0; i < 3; i++) {
		int code = 0;

		if (has(dhat, (enum ct_dhat_member)(M_BU + i)))
			code = member_text(dhat, (enum ct_dhat_member)(M_BU + i), texts[i]);
		else if (ct_profile_set_text(texts[i], usual[i], strlen(usual[i])) < 0)
			code = ct_dhat_no_memory(dhat);
		if (code < 0)
			return code;
	}
	return 0;
}

static int read_head(struct ct_dhat *dhat)
{
	struct ct_profile *profile = dhat->profile;
	bool accesses;
	int code = read_version(dhat);
	if (code < 0 || (code = member_text(dhat, M_VERB, &profile->verb)) < 0 ||
	    (code = member_text(dhat, M_TU, &profile->time_unit)) < 0 ||
	    (code = member_text(dhat, M_MTU, &profile->mega_time_unit)) < 0 ||
	    (code = member_text(dhat, M_CMD, &profile->command)) < 0 ||
	    (code = member_bool(dhat, M_BKLT, &profile->has_lifetimes)) < 0 ||
	    (code = member_bool(dhat, M_BKACC, &accesses)) < 0 ||
	    (code = member_number(dhat, M_PID, &profile->pid)) < 0 ||
	    (code = member_number(dhat, M_TE, &profile->end_time)) < 0 || (code = read_mode(dhat)) < 0 ||
	    (code = read_units(dhat)) < 0)
		return code;
	profile->ended = true;
	if (!profile->has_lifetimes)
		return 0;
	code = member_number(dhat, M_TUTH, &profile->short_lived);
	return code < 0 ? code : member_number(dhat, M_TG, &profile->peak_time);
}

int ct_dhat_enter(struct ct_dhat *dhat, enum ct_dhat_member member, struct ct_json_cursor *cursor)
{
	struct ct_json_piece piece = dhat->members[member];
	if (!piece.text)
		return ct_dhat_missing(dhat, member);
	if (!ct_json_enter(cursor, &dhat->file, piece) || cursor->object)
		return ct_json_damaged(&dhat->file, piece.text, dhat->error, "\"%s\" is not an array",
				       member_names[member]);
	return 0;
}

static int load(struct ct_dhat *dhat, const struct ct_input *input)
{
	struct ct_json_file *file = &dhat->file;
	int code = input->packed ? ct_unpack(input->fd, &file->text, &file->length, dhat->error)
				 : ct_json_read(input->fd, file, dhat->error);
	if (code < 0 || (code = find_members(dhat)) < 0 || (code = read_head(dhat)) < 0 ||
	    (code = ct_dhat_read_ctrace(dhat)) < 0)
		return code;
	code = ct_dhat_read_tables(dhat);
	return code < 0 ? code : ct_dhat_read_snapshots(dhat);
}

int ct_load_dhat(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_dhat dhat = {.error = error, .profile = ct_profile_new()};
	int code = dhat.profile ? load(&dhat, input) : ct_dhat_no_memory(&dhat);
	ct_json_free(&dhat.file);
	free(dhat.site_of_row);
	if (code < 0) {
		ct_profile_free(dhat.profile);
		return ct_error_context(error, code, "%s", input->path);
	}
	*profile = dhat.profile;
	return 0;
}

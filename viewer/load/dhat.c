/* SPDX-License-Identifier: MIT */
/*
 * DHAT JSON, dhatFileVersion 2. The file is walked twice: first the members of the outermost object,
 * which checks the grammar of the whole file and finds "pps" and "ftbl" whatever their order; then
 * the rows of the frame table and of the program points, straight from the text.
 */
#include "load/load.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "load/dhat_frame.h"
#include "load/json_rows.h"

enum member {
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

/* A frame of the table: its id as it stands, and as one inlined into its caller; 0 = not made yet. */
struct table_frame {
	struct ct_frame frame;
	uint32_t plain_id;
	uint32_t inlined_id;
};

struct loader {
	struct ct_json_file file;
	struct ct_json_piece members[M_COUNT]; /* text NULL = missing */
	struct ct_profile *profile;
	struct table_frame *frames;
	size_t frame_count;
	size_t frame_room;
	uint32_t *stack; /* of the row at hand: indices into frames, then frame ids */
	size_t stack_room;
	struct ct_error_text *error;
};

static int no_memory(struct loader *loader)
{
	return ct_error_set(loader->error, CT_ERR_MEMORY, "not enough memory to load the file");
}

static bool grow(void **items, size_t *room, size_t need, size_t size)
{
	size_t wanted = *room ? *room : 64;
	void *more;

	if (need <= *room)
		return true;
	while (wanted < need)
		wanted *= 2;
	more = reallocarray(*items, wanted, size);
	if (!more)
		return false;
	*items = more;
	*room = wanted;
	return true;
}

static bool is_null(struct ct_json_piece piece)
{
	return ct_json_is(piece, "null");
}

static bool has(const struct loader *loader, enum member member)
{
	return loader->members[member].text != NULL;
}

static int find_members(struct loader *loader)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more = ct_json_begin(&cursor, &loader->file, loader->error);

	if (more < 0)
		return more;
	while ((more = ct_json_next(&cursor, &key, &value, loader->error)) > 0) {
		for (int i = 0; i < M_COUNT; i++) {
			if (!ct_json_is(key, member_names[i]))
				continue;
			if (has(loader, i))
				return ct_json_damaged(&loader->file, key.text, loader->error, "\"%s\" stands twice",
						       member_names[i]);
			/* dhat-rs may write absent members as null */
			if (!is_null(value))
				loader->members[i] = value;
		}
	}
	return more < 0 ? more : ct_json_end(&cursor, loader->error);
}

static int missing(struct loader *loader, enum member member)
{
	return ct_error_set(loader->error, CT_ERR_DAMAGED, "\"%s\" is missing: not a complete DHAT file",
			    member_names[member]);
}

static int member_number(struct loader *loader, enum member member, uint64_t *number)
{
	struct ct_json_piece piece = loader->members[member];
	enum ct_json_number problem;

	if (!piece.text)
		return missing(loader, member);
	problem = ct_json_number(piece, number);
	if (problem != CT_JSON_NUMBER_FINE)
		return ct_json_damaged(&loader->file, piece.text, loader->error, "\"%s\" %s", member_names[member],
				       ct_json_number_problem(problem));
	return 0;
}

static int member_bool(struct loader *loader, enum member member, bool *value)
{
	struct ct_json_piece piece = loader->members[member];

	if (!piece.text)
		return missing(loader, member);
	*value = ct_json_is(piece, "true");
	if (!*value && !ct_json_is(piece, "false"))
		return ct_json_damaged(&loader->file, piece.text, loader->error, "\"%s\" is neither true nor false",
				       member_names[member]);
	return 0;
}

/* A string by cJSON, which knows the escapes; free with cJSON_Delete. */
static cJSON *parse_string(struct loader *loader, struct ct_json_piece piece, const char *name)
{
	cJSON *item = cJSON_ParseWithLength(piece.text, piece.length);

	if (cJSON_IsString(item))
		return item;
	cJSON_Delete(item);
	ct_json_damaged(&loader->file, piece.text, loader->error, "%s is not a valid string", name);
	return NULL;
}

static int member_text(struct loader *loader, enum member member, char **text)
{
	cJSON *item;
	int code;

	if (!has(loader, member))
		return missing(loader, member);
	item = parse_string(loader, loader->members[member], member_names[member]);
	if (!item)
		return CT_ERR_DAMAGED;
	code = ct_profile_set_text(text, item->valuestring, strlen(item->valuestring));
	cJSON_Delete(item);
	return code < 0 ? no_memory(loader) : 0;
}

static int read_version(struct loader *loader)
{
	uint64_t version;
	int code;

	if (!has(loader, M_VERSION))
		return ct_error_set(loader->error, CT_ERR_DAMAGED,
				    "JSON, but not a DHAT file (\"dhatFileVersion\" is missing)");
	code = member_number(loader, M_VERSION, &version);
	if (code == 0 && version != 2)
		return ct_error_set(loader->error, CT_ERR_DAMAGED, "dhatFileVersion %llu: only version 2 is known",
				    (unsigned long long)version);
	return code;
}

static int read_mode(struct loader *loader)
{
	struct ct_profile *profile = loader->profile;
	const char *producer = "unknown";
	char *mode = NULL;
	char *time_unit = profile->time_unit;
	int code = member_text(loader, M_MODE, &mode);

	if (code < 0)
		return code;
	if (has(loader, M_CTRACE))
		producer = "ctrace";
	else if (strncmp(mode, "rust-", 5) == 0)
		producer = "dhat-rs";
	else if (time_unit && strcmp(time_unit, "instrs") == 0)
		producer = "Valgrind";
	if (strcmp(mode, "copy") == 0)
		profile->mode = CT_MODE_COPY;
	else if (strcmp(mode, "ad-hoc") == 0 || strcmp(mode, "rust-ad-hoc") == 0)
		profile->mode = CT_MODE_AD_HOC;
	else
		profile->mode = CT_MODE_HEAP;
	free(mode);
	return ct_profile_set_text(&profile->producer, producer, strlen(producer)) < 0 ? no_memory(loader) : 0;
}

/* The names of what is counted: a file has all three or none. */
static int read_units(struct loader *loader)
{
	struct ct_profile *profile = loader->profile;
	char **const texts[] = {&profile->byte_unit, &profile->bytes_unit, &profile->blocks_unit};
	static const char *const usual[] = {"byte", "bytes", "blocks"};

	for (int i = 0; i < 3; i++) {
		int code = 0;

		if (has(loader, (enum member)(M_BU + i)))
			code = member_text(loader, (enum member)(M_BU + i), texts[i]);
		else if (ct_profile_set_text(texts[i], usual[i], strlen(usual[i])) < 0)
			code = no_memory(loader);
		if (code < 0)
			return code;
	}
	return 0;
}

static int read_head(struct loader *loader)
{
	struct ct_profile *profile = loader->profile;
	bool accesses;
	int code = read_version(loader);

	if (code < 0 || (code = member_text(loader, M_VERB, &profile->verb)) < 0 ||
	    (code = member_text(loader, M_TU, &profile->time_unit)) < 0 ||
	    (code = member_text(loader, M_MTU, &profile->mega_time_unit)) < 0 ||
	    (code = member_text(loader, M_CMD, &profile->command)) < 0 ||
	    (code = member_bool(loader, M_BKLT, &profile->has_lifetimes)) < 0 ||
	    (code = member_bool(loader, M_BKACC, &accesses)) < 0 ||
	    (code = member_number(loader, M_PID, &profile->pid)) < 0 ||
	    (code = member_number(loader, M_TE, &profile->end_time)) < 0 || (code = read_mode(loader)) < 0 ||
	    (code = read_units(loader)) < 0)
		return code;
	profile->ended = true;
	if (!profile->has_lifetimes)
		return 0;
	code = member_number(loader, M_TUTH, &profile->short_lived);
	return code < 0 ? code : member_number(loader, M_TG, &profile->peak_time);
}

static int add_table_frame(struct loader *loader, struct ct_json_piece piece)
{
	struct table_frame *slot;
	cJSON *item;
	int code;

	if (!grow((void **)&loader->frames, &loader->frame_room, loader->frame_count + 1, sizeof(*loader->frames)))
		return no_memory(loader);
	item = parse_string(loader, piece, "a frame of \"ftbl\"");
	if (!item)
		return CT_ERR_DAMAGED;
	slot = &loader->frames[loader->frame_count++];
	slot->plain_id = slot->inlined_id = 0;
	code = ct_dhat_frame_parse(loader->profile, item->valuestring, strlen(item->valuestring), &slot->frame);
	cJSON_Delete(item);
	return code < 0 ? no_memory(loader) : 0;
}

/* Open one of the two big arrays. */
static int enter_rows(struct loader *loader, enum member member, struct ct_json_cursor *cursor)
{
	struct ct_json_piece piece = loader->members[member];

	if (!piece.text)
		return missing(loader, member);
	if (!ct_json_enter(cursor, &loader->file, piece) || cursor->object)
		return ct_json_damaged(&loader->file, piece.text, loader->error, "\"%s\" is not an array",
				       member_names[member]);
	return 0;
}

static int read_frames(struct loader *loader)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	int more = enter_rows(loader, M_FTBL, &cursor);

	if (more < 0)
		return more;
	while ((more = ct_json_next(&cursor, &key, &value, loader->error)) > 0) {
		int code = add_table_frame(loader, value);

		if (code < 0)
			return code;
	}
	return more;
}

/* A row's members. Counters come first; bit i of a row's "seen" is the i-th of them. */
enum row_member { R_FS, R_TMPK, R_RSZK, R_CUT, R_TB, R_TBK, R_TL, R_MB, R_MBK, R_GB, R_GBK, R_EB, R_EBK, R_COUNT };

static const char *const row_names[R_COUNT] = {
	"fs", "tmpk", "rszk", "cut", "tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk",
};

struct row {
	struct ct_counters counters;
	struct ct_json_piece stack;
	uint32_t seen; /* bit of each enum row_member */
	bool truncated;
};

static uint64_t *row_counter(struct ct_counters *counters, enum row_member member)
{
	switch (member) {
	case R_TMPK:
		return &counters->temporary_blocks;
	case R_RSZK:
		return &counters->resizes;
	case R_TB:
		return &counters->total_bytes;
	case R_TBK:
		return &counters->total_blocks;
	case R_TL:
		return &counters->lifetime;
	case R_MB:
		return &counters->max_bytes;
	case R_MBK:
		return &counters->max_blocks;
	case R_GB:
		return &counters->peak_bytes;
	case R_GBK:
		return &counters->peak_blocks;
	case R_EB:
		return &counters->end_bytes;
	case R_EBK:
		return &counters->end_blocks;
	default:
		return NULL;
	}
}

static int set_row_member(struct loader *loader, struct row *row, enum row_member member, struct ct_json_piece value)
{
	uint64_t *counter = row_counter(&row->counters, member);
	enum ct_json_number problem;

	if (row->seen & 1u << member)
		return ct_json_damaged(&loader->file, value.text, loader->error, "\"%s\" stands twice in a row",
				       row_names[member]);
	row->seen |= 1u << member;
	if (member == R_FS) {
		row->stack = value;
		return 0;
	}
	if (member == R_CUT) {
		row->truncated = ct_json_is(value, "true");
		return 0;
	}
	problem = ct_json_number(value, counter);
	if (problem != CT_JSON_NUMBER_FINE)
		return ct_json_damaged(&loader->file, value.text, loader->error, "\"%s\" %s", row_names[member],
				       ct_json_number_problem(problem));
	return 0;
}

static int read_row(struct loader *loader, struct ct_json_piece piece, struct row *row)
{
	uint32_t need = loader->profile->has_lifetimes ? (1u << R_COUNT) - (1u << R_TB) : 3u << R_TB;
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	int more;

	*row = (struct row){0};
	if (!ct_json_enter(&cursor, &loader->file, piece) || !cursor.object)
		return ct_json_damaged(&loader->file, piece.text, loader->error, "a row of \"pps\" is not an object");
	while ((more = ct_json_next(&cursor, &key, &value, loader->error)) > 0) {
		for (int i = 0; i < R_COUNT; i++) {
			if (!ct_json_is(key, row_names[i]))
				continue;
			more = set_row_member(loader, row, (enum row_member)i, value);
			if (more < 0)
				return more;
			break;
		}
	}
	if (more < 0)
		return more;
	need |= 1u << R_FS;
	for (int i = 0; i < R_COUNT; i++) {
		if (need & ~row->seen & 1u << i)
			return ct_json_damaged(&loader->file, piece.text, loader->error,
					       "a row of \"pps\" has no \"%s\"", row_names[i]);
	}
	return 0;
}

/* The row's frame indices, checked, into loader->stack. Returns their number. */
static int64_t read_stack(struct loader *loader, struct ct_json_piece piece)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	size_t count = 0;
	int more;

	if (!ct_json_enter(&cursor, &loader->file, piece) || cursor.object)
		return ct_json_damaged(&loader->file, piece.text, loader->error, "\"fs\" is not an array");
	while ((more = ct_json_next(&cursor, &key, &value, loader->error)) > 0) {
		uint64_t index;
		enum ct_json_number problem = ct_json_number(value, &index);

		if (problem != CT_JSON_NUMBER_FINE)
			return ct_json_damaged(&loader->file, value.text, loader->error, "an index in \"fs\" %s",
					       ct_json_number_problem(problem));
		if (index == 0 || index >= loader->frame_count)
			return ct_json_damaged(&loader->file, value.text, loader->error,
					       "index %llu in \"fs\": \"ftbl\" has frames 1 to %zu",
					       (unsigned long long)index,
					       loader->frame_count ? loader->frame_count - 1 : 0);
		if (!grow((void **)&loader->stack, &loader->stack_room, count + 1, sizeof(*loader->stack)))
			return no_memory(loader);
		loader->stack[count++] = (uint32_t)index;
	}
	if (more < 0)
		return more;
	if (count == 0)
		return ct_json_damaged(&loader->file, piece.text, loader->error, "\"fs\" is empty");
	return (int64_t)count;
}

static int64_t frame_id(struct loader *loader, struct table_frame *slot, bool inlined)
{
	uint32_t *id = inlined ? &slot->inlined_id : &slot->plain_id;
	int64_t made;

	if (*id)
		return *id;
	slot->frame.inlined = inlined;
	made = ct_profile_frame(loader->profile, &slot->frame);
	if (made > 0)
		*id = (uint32_t)made;
	return made;
}

/*
 * Frame indices to frame ids. A run of frames with one address is a call with everything inlined into
 * it; its last frame is the real function. Where that one stands in the run again, it is recursion.
 */
static int intern_stack(struct loader *loader, size_t count)
{
	size_t start = 0;

	while (start < count) {
		struct table_frame *first = &loader->frames[loader->stack[start]];
		size_t end = start + 1;
		uint32_t real;

		while (first->frame.address && end < count &&
		       loader->frames[loader->stack[end]].frame.address == first->frame.address)
			end++;
		real = loader->frames[loader->stack[end - 1]].frame.text;
		for (; start < end; start++) {
			struct table_frame *slot = &loader->frames[loader->stack[start]];
			int64_t id = frame_id(loader, slot, slot->frame.text != real);

			if (id <= 0)
				return no_memory(loader);
			loader->stack[start] = (uint32_t)id;
		}
	}
	return 0;
}

static int add_row(struct loader *loader, struct ct_json_piece piece)
{
	struct row row;
	int64_t count;
	int code = read_row(loader, piece, &row);

	if (code < 0)
		return code;
	count = read_stack(loader, row.stack);
	if (count < 0)
		return (int)count;
	code = intern_stack(loader, (size_t)count);
	if (code < 0)
		return code;
	if (ct_profile_site(loader->profile, loader->stack, (uint32_t)count, &row.counters, row.truncated) < 0)
		return no_memory(loader);
	return 0;
}

static int read_rows(struct loader *loader)
{
	struct ct_json_cursor cursor;
	struct ct_json_piece key, value;
	int more = enter_rows(loader, M_PPS, &cursor);

	if (more < 0)
		return more;
	while ((more = ct_json_next(&cursor, &key, &value, loader->error)) > 0) {
		int code = add_row(loader, value);

		if (code < 0)
			return code;
	}
	return more;
}

static int load(struct loader *loader, const char *path)
{
	int code = ct_json_read(path, &loader->file, loader->error);

	if (code < 0 || (code = find_members(loader)) < 0 || (code = read_head(loader)) < 0 ||
	    (code = read_frames(loader)) < 0)
		return code;
	return read_rows(loader);
}

int ct_load_dhat(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct loader loader = {.error = error, .profile = ct_profile_new()};
	int code = loader.profile ? load(&loader, path) : no_memory(&loader);

	ct_json_free(&loader.file);
	free(loader.frames);
	free(loader.stack);
	if (code < 0) {
		ct_profile_free(loader.profile);
		return ct_error_context(error, code, "%s", path);
	}
	*profile = loader.profile;
	return 0;
}

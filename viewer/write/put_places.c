/* SPDX-License-Identifier: MIT */
#include "write/put_places.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "util/array.h"
#include "util/source_file.h"
#include "write/put_json.h"

#define NONE UINT32_MAX

struct work {
	const struct ct_diff *diff;
	const char *folders;
	uint32_t *path_of[CT_DIFF_SIDES]; /* by string id: 1 + index in paths, NONE, or 0 = not looked for yet */
	char **paths;
	size_t count, room;
};

static const struct ct_diff_row *row_at(const struct work *work, const uint32_t *order, size_t i)
{
	return &work->diff->rows[order[i]];
}

/* Look for a side's file. False when out of memory. */
static bool find(struct work *work, enum ct_diff_side side, uint32_t file)
{
	char *path = NULL;
	work->path_of[side][file] = NONE;
	if (file && ct_source_place(work->diff->profiles[side]->strings[file], work->folders, &path))
		return false;
	if (!path)
		return true;
	if (!ct_array_room(&work->paths, &work->room, work->count + 1, sizeof(*work->paths))) {
		free(path);
		return false;
	}
	work->paths[work->count++] = path;
	work->path_of[side][file] = (uint32_t)work->count;
	return true;
}

static bool put_paths(struct work *work, const uint32_t *order, FILE *out)
{
	fputs(",\n\"path\":[", out);
	for (size_t i = 0; i < work->diff->row_count; i++) {
		const struct ct_diff_row *row = row_at(work, order, i);
		enum ct_diff_side side = ct_diff_shown_side(row);
		uint32_t file = ct_diff_own(work->diff, row)->file, *path = &work->path_of[side][file];
		if (!*path && !find(work, side, file))
			return false;
		fprintf(out, i ? ",%u" : "%u", *path == NONE ? 0 : *path);
	}
	fputs("],\n\"paths\":[", out);
	for (size_t i = 0; i < work->count; i++) {
		if (i)
			putc_unlocked(',', out);
		ct_put_text(out, work->paths[i]);
	}
	putc_unlocked(']', out);
	return true;
}

static void put_texts(const struct work *work, const uint32_t *order, FILE *out)
{
	char room[CT_NAME_ROOM];
	fputs(",\n\"place\":[", out);
	for (size_t i = 0; i < work->diff->row_count; i++) {
		const struct ct_diff_row *row = row_at(work, order, i);
		if (i)
			putc_unlocked(',', out);
		ct_put_text(out, ct_name_place(work->diff->profiles[ct_diff_shown_side(row)],
					       ct_diff_own(work->diff, row), room));
	}
	fputs("],\n\"line\":[", out);
	for (size_t i = 0; i < work->diff->row_count; i++)
		fprintf(out, i ? ",%u" : "%u", ct_diff_own(work->diff, row_at(work, order, i))->line);
	putc_unlocked(']', out);
}

int ct_put_places(const struct ct_diff *diff, const uint32_t *order, const char *folders, FILE *out)
{
	struct work work = {.diff = diff, .folders = folders};
	bool memory = true;
	for (int side = 0; side < CT_DIFF_SIDES && memory; side++) {
		work.path_of[side] = calloc(diff->profiles[side]->string_count, sizeof(uint32_t));
		memory = work.path_of[side] != NULL;
	}
	put_texts(&work, order, out);
	memory = memory && put_paths(&work, order, out);
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		free(work.path_of[side]);
	for (size_t i = 0; i < work.count; i++)
		free(work.paths[i]);
	free(work.paths);
	return memory ? 0 : -1;
}

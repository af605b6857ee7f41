/* SPDX-License-Identifier: MIT */
#include "live/views.h"

#include <stdlib.h>

int ct_screen_leak_columns(const struct ct_screen *screen, enum ct_column columns[CT_COLUMN_COUNT])
{
	enum ct_column all[CT_COLUMN_COUNT];
	int count = 0;
	for (int i = 0, n = ct_leak_columns(screen->profile, all); i < n; i++) {
		bool nothing = ct_column_value(&screen->profile->totals, all[i]) == 0;
		if (!nothing || i < 2) /* bytes and blocks stay */
			columns[count++] = all[i];
	}
	if (ct_column_exists(screen->profile, CT_COLUMN_GROWN))
		columns[count++] = CT_COLUMN_GROWN;
	if (ct_column_exists(screen->profile, CT_COLUMN_THREADS) && !screen->origins.split_threads)
		columns[count++] = CT_COLUMN_THREADS;
	return count;
}

/* Does sorting by this column make sense for this kind of row? */
static bool can_sort(const struct ct_screen *screen, enum ct_column column)
{
	enum ct_rows_kind kind = screen->rows.kind;
	if (kind == CT_ROWS_LEAKS) {
		enum ct_column columns[CT_COLUMN_COUNT];
		for (int i = ct_screen_leak_columns(screen, columns); i-- > 0;)
			if (columns[i] == column)
				return true;
		return false;
	}
	if (!ct_column_exists(screen->profile, column) || ct_column_on_demand(column))
		return false;
	if (column == CT_COLUMN_MAX || column == CT_COLUMN_THREADS)
		return kind == CT_ROWS_SITES;
	if (column == CT_COLUMN_LIFETIME || column == CT_COLUMN_AVERAGE)
		return kind != CT_ROWS_CALLEES && kind != CT_ROWS_CALLERS;
	return true;
}

/* The Leaks view has columns of its own, so going there and back changes what rows are sorted by. */
static void choose_sort(struct ct_screen *screen, bool from_leaks)
{
	struct ct_rows *rows = &screen->rows;
	enum ct_column columns[CT_COLUMN_COUNT];
	if (rows->kind != CT_ROWS_LEAKS) {
		if (from_leaks)
			rows->sort = screen->other_sort;
		return;
	}
	if (from_leaks)
		return;
	screen->other_sort = rows->sort;
	ct_screen_leak_columns(screen, columns);
	rows->sort = ct_column_exists(screen->profile, CT_COLUMN_GROWN) ? CT_COLUMN_GROWN : columns[0];
}

static bool site_matches(struct ct_screen *screen, struct ct_match *match, size_t index)
{
	const struct ct_profile *profile = screen->profile;
	const struct ct_site_row *site = &profile->sites[index];
	for (uint32_t i = 0; i < site->frame_count; i++) {
		if (ct_match_frame(match, profile, profile->frame_ids[site->first_frame + i]))
			return true;
	}
	return false;
}

/* Find the sites that the filter leaves out. */
static int apply_filter(struct ct_screen *screen)
{
	size_t count = screen->profile->site_count;
	free(screen->left_out);
	screen->left_out = NULL;
	screen->shown_sites = count;
	if (!screen->filter.text[0])
		return 0;
	screen->left_out = calloc(count + 1, sizeof(*screen->left_out));
	if (!screen->left_out)
		return -1;
	for (size_t i = 0; i < count; i++) {
		screen->left_out[i] = !site_matches(screen, &screen->filter, i);
		screen->shown_sites -= screen->left_out[i];
	}
	return 0;
}

/* Rebuild the rows. The selection stays on its row or, if it was at the top, at the top. */
int ct_screen_rebuild(struct ct_screen *screen)
{
	struct ct_rows *rows = &screen->rows;
	bool follow = screen->selected > 0 && screen->selected < rows->count;
	uint64_t id = follow ? rows->rows[screen->selected].id : 0;
	if (!ct_column_exists(screen->profile, rows->sort))
		rows->sort = ct_column_main(screen->profile);
	if (ct_rows_build(rows, screen->profile, &screen->origins, screen->left_out, &screen->leaking))
		return -1;
	for (size_t i = 0; follow && i < rows->count; i++) {
		if (rows->rows[i].id == id) {
			screen->selected = i;
			follow = false;
		}
	}
	if (screen->selected >= rows->count)
		screen->selected = rows->count ? rows->count - 1 : 0;
	return 0;
}

/* Rebuild the rows from the profile, of which the view, the numbers or the filter have changed. */
static int refresh(struct ct_screen *screen)
{
	if (screen->rows.kind == CT_ROWS_LEAKS && ct_leaking_find(&screen->leaking, screen->profile, screen->left_out))
		return -1;
	return ct_screen_rebuild(screen);
}

int ct_screen_refilter(struct ct_screen *screen)
{
	return apply_filter(screen) ? -1 : refresh(screen);
}

int ct_screen_show(struct ct_screen *screen, const struct ct_profile *profile)
{
	if (screen->profile != profile) {
		ct_match_forget(&screen->filter);
		ct_match_forget(&screen->search);
		ct_origins_fini(&screen->origins);
	}
	bool first = !screen->profile;
	screen->profile = profile;
	screen->has_threads = profile->has_threads;
	if (first && screen->rows.kind == CT_ROWS_LEAKS && !can_sort(screen, screen->rows.sort))
		choose_sort(screen, false);
	else if (first)
		screen->other_sort = ct_column_main(profile);
	return ct_origins_update(&screen->origins, profile) ? -1 : ct_screen_refilter(screen);
}

int ct_screen_next_sort(struct ct_screen *screen, int step)
{
	int column = screen->rows.sort;
	do
		column = (column + step + CT_COLUMN_COUNT) % CT_COLUMN_COUNT;
	while (!can_sort(screen, (enum ct_column)column));
	screen->rows.sort = (enum ct_column)column;
	return ct_screen_rebuild(screen);
}

bool ct_screen_has_kind(const struct ct_screen *screen, enum ct_rows_kind kind)
{
	return kind == CT_ROWS_THREADS ? screen->has_threads
	       : kind == CT_ROWS_TAGS  ? screen->profile->has_tags
				       : kind != CT_ROWS_LEAKS || ct_leaking_possible(screen->profile);
}

int ct_screen_set_kind(struct ct_screen *screen, enum ct_rows_kind kind)
{
	bool from_leaks = screen->rows.kind == CT_ROWS_LEAKS;
	screen->rows.kind = kind;
	choose_sort(screen, from_leaks);
	if (!can_sort(screen, screen->rows.sort))
		screen->rows.sort = ct_column_main(screen->profile);
	screen->selected = screen->top = 0;
	return refresh(screen);
}

int ct_screen_next_kind(struct ct_screen *screen, int step)
{
	int kind = (int)screen->rows.kind;
	do
		kind = (kind + step + CT_ROWS_KINDS) % CT_ROWS_KINDS;
	while (!ct_screen_has_kind(screen, (enum ct_rows_kind)kind));
	return ct_screen_set_kind(screen, (enum ct_rows_kind)kind);
}

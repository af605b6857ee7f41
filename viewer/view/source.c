/* SPDX-License-Identifier: MIT */
/*
 * Source lines with what they allocate themselves (SELF) and including their calls (CUM). A site counts once per line,
 * however often the line occurs in its stack, and once per function.
 */
#include "view/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/origin.h"
#include "names/names.h"
#include "names/number.h"
#include "util/source_file.h"

#define CONTEXT 5 /* lines shown around those with numbers */
#define LINE_WIDTH 6
#define TAB 8
#define LEAST 8

struct amount {
	uint64_t bytes, blocks;
};

struct numbers {
	struct amount self, cumulative;
	uint32_t seen; /* number of the latest site that was counted, from 1 */
};

/* A line of a function in a file. There is one for all matching frames with that line. */
struct place {
	uint32_t frame; /* an example */
	uint32_t function; /* ct_name_key */
	uint32_t file;
	uint32_t line;
	uint32_t routine;
	struct numbers numbers;
};

/* A function in a file; its places are adjacent. */
struct routine {
	size_t first, end;
	struct numbers numbers;
};

struct listing {
	const struct ct_view *view;
	struct ct_line line;
	struct ct_origins origins;
	struct place *places;
	size_t place_count;
	uint32_t *of_frame; /* by frame id: 1 + index of its place, 0 = none */
	struct routine *routines;
	size_t routine_count;
	enum ct_metric bytes, blocks;
	int bytes_width, blocks_width;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static int compare_routines(const void *a, const void *b)
{
	const struct routine *x = a, *y = b;
	if (x->numbers.cumulative.bytes != y->numbers.cumulative.bytes)
		return x->numbers.cumulative.bytes < y->numbers.cumulative.bytes ? 1 : -1;
	return x->first < y->first ? -1 : 1;
}

static void find_places(struct listing *listing)
{
	const struct ct_profile *profile = listing->view->profile;
	char name[CT_NAME_ROOM];
	for (uint32_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];

		ct_name_short(profile, frame, name);
		if (ct_patterns_match(listing->view->patterns, name))
			listing->places[listing->place_count++] = (struct place){
				.frame = i, .function = ct_name_key(frame), .file = frame->file, .line = frame->line};
	}
}

/* Sort the places and merge equal ones. */
static void sort_places(struct listing *listing)
{
	struct place *places = listing->places;
	size_t kept = 0;
	qsort(places, listing->place_count, sizeof(*places), compare_places);
	for (size_t i = 0; i < listing->place_count; i++) {
		const struct place *last = kept ? &places[kept - 1] : NULL;
		bool same_routine = last && last->function == places[i].function && last->file == places[i].file;

		if (!same_routine)
			listing->routines[listing->routine_count++].first = kept;
		if (!same_routine || last->line != places[i].line)
			places[kept++] = places[i];
		places[kept - 1].routine = (uint32_t)listing->routine_count - 1;
		listing->routines[listing->routine_count - 1].end = kept;
		listing->of_frame[places[i].frame] = (uint32_t)kept;
	}
	listing->place_count = kept;
}

static void count(struct numbers *numbers, struct amount amount, uint32_t site, bool leaf)
{
	if (leaf) {
		numbers->self.bytes += amount.bytes;
		numbers->self.blocks += amount.blocks;
	}
	if (numbers->seen == site)
		return;
	numbers->seen = site;
	numbers->cumulative.bytes += amount.bytes;
	numbers->cumulative.blocks += amount.blocks;
}

static void count_sites(struct listing *listing)
{
	const struct ct_profile *profile = listing->view->profile;
	for (uint32_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		uint32_t leaf = ct_origin_leaf(profile, &listing->origins, site);
		struct amount amount = {ct_metric_value(&site->counters, listing->bytes),
					ct_metric_value(&site->counters, listing->blocks)};

		for (uint32_t j = 0; j < site->frame_count; j++) {
			uint32_t place = listing->of_frame[profile->frame_ids[site->first_frame + j]];

			if (!place)
				continue;
			count(&listing->places[place - 1].numbers, amount, i + 1, j == leaf);
			count(&listing->routines[listing->places[place - 1].routine].numbers, amount, i + 1, j == leaf);
		}
	}
}

static void add_amount(struct listing *listing, struct amount amount)
{
	bool exact = listing->view->exact || listing->view->profile->mode == CT_MODE_AD_HOC;
	bool none = !amount.bytes && !amount.blocks;
	char text[CT_NUMBER_ROOM];
	if (exact)
		ct_number_exact(text, amount.bytes);
	else
		ct_number_bytes_column(text, amount.bytes);
	ct_line_add_right(&listing->line, none ? "." : text, listing->bytes_width);
	ct_line_add_blanks(&listing->line, 2);
	ct_line_add_right(&listing->line, none ? "." : ct_number_exact(text, amount.blocks), listing->blocks_width);
	ct_line_add_blanks(&listing->line, 2);
}

static void add_code(struct ct_line *line, const char *code)
{
	int start = line->columns;
	while (*code && ct_line_left(line) > 1) {
		size_t run = strcspn(code, "\t");
		char *part = strndup(code, run);

		line->failed = line->failed || !part;
		if (part)
			ct_line_add_rest(line, part);
		free(part);
		code += run;
		if (*code == '\t') {
			ct_line_add_blanks(line, TAB - (line->columns - start) % TAB);
			code++;
		}
	}
}

/* Write a line. numbers may be NULL, and code too if it is not known. */
static void put_line(struct listing *listing, uint32_t number, const struct numbers *numbers, const char *code)
{
	static const struct numbers none;
	char text[16];
	numbers = numbers ? numbers : &none;
	add_amount(listing, numbers->self);
	add_amount(listing, numbers->cumulative);
	snprintf(text, sizeof(text), "%" PRIu32, number);
	ct_line_style(&listing->line, CT_STYLE_QUIET);
	ct_line_add_right(&listing->line, number ? text : "?", LINE_WIDTH);
	ct_line_style(&listing->line, CT_STYLE_PLAIN);
	if (code) {
		ct_line_add_blanks(&listing->line, 2);
		add_code(&listing->line, code);
	}
	ct_line_end(&listing->line);
}

static uint32_t plus(uint32_t number, uint32_t more, size_t most)
{
	return number + (uint64_t)more < most ? number + more : (uint32_t)most;
}

/* Write the places of a routine with the lines around them. */
static void put_code(struct listing *listing, const struct routine *routine, const struct ct_source *source)
{
	uint32_t next = 0; /* the first line that is not yet shown */
	for (size_t i = routine->first; i < routine->end; i++) {
		const struct place *place = &listing->places[i];
		uint32_t until = plus(place->line, CONTEXT, source->count);
		uint32_t start = place->line > CONTEXT ? place->line - CONTEXT : 1;

		if (!place->line || place->line > source->count) {
			put_line(listing, place->line, &place->numbers, NULL);
			continue;
		}
		if (i + 1 < routine->end && listing->places[i + 1].line <= until)
			until = listing->places[i + 1].line - 1;
		if (next && start > next) {
			ct_line_add_blanks(&listing->line, 2 * (listing->bytes_width + listing->blocks_width + 4));
			ct_line_add_right(&listing->line, "...", LINE_WIDTH);
			ct_line_end(&listing->line);
		}
		for (uint32_t line = start > next ? start : next; line <= until; line++)
			put_line(listing, line, line == place->line ? &place->numbers : NULL, source->lines[line - 1]);
		next = until + 1;
	}
}

static void put_routine(struct listing *listing, const struct routine *routine)
{
	const struct ct_profile *profile = listing->view->profile;
	const struct ct_view *view = listing->view;
	const struct place *first = &listing->places[routine->first];
	const char *file = profile->strings[first->file];
	uint64_t whole = ct_metric_value(view->whole ? view->whole : &profile->totals, listing->bytes);
	struct ct_source source;
	bool found = *file && ct_source_open(&source, file, view->source_path) == 0;
	char name[CT_NAME_ROOM], percent[CT_NUMBER_ROOM];
	add_amount(listing, routine->numbers.self);
	add_amount(listing, routine->numbers.cumulative);
	ct_number_percent(percent, (double)routine->numbers.cumulative.bytes, (double)whole);
	ct_line_add_right(&listing->line, percent, LINE_WIDTH - 1);
	ct_line_add(&listing->line, "%  ");
	ct_line_style(&listing->line, CT_STYLE_STRONG);
	ct_line_add(&listing->line, ct_name_short(profile, &profile->frames[first->frame], name));
	ct_line_style(&listing->line, CT_STYLE_QUIET);
	ct_line_format(&listing->line, " %s", *file ? file : "(no source known)");
	ct_line_style(&listing->line, CT_STYLE_PLAIN);
	ct_line_end(&listing->line);
	if (found) {
		put_code(listing, routine, &source);
		ct_source_close(&source);
	} else {
		for (size_t i = routine->first; i < routine->end; i++)
			put_line(listing, listing->places[i].line, &listing->places[i].numbers, NULL);
		if (*file) {
			ct_line_add(&listing->line, "the file is not there: --source-path names folders to look in");
			ct_line_end(&listing->line);
		}
	}
	ct_line_end(&listing->line);
}

static void put_heads(struct listing *listing)
{
	const char *const heads[] = {"SELF", "BLOCKS", "CUM", "BLOCKS"};
	const struct ct_counters *totals = &listing->view->profile->totals;
	char text[CT_NUMBER_ROOM];
	int width;
	width = ct_line_width(listing->view->terminal, ct_number_exact(text, ct_metric_value(totals, listing->bytes)));
	listing->bytes_width = listing->view->exact && width > LEAST ? width : LEAST;
	width = ct_line_width(listing->view->terminal, ct_number_exact(text, ct_metric_value(totals, listing->blocks)));
	listing->blocks_width = width > LEAST ? width : LEAST;
	ct_line_style(&listing->line, CT_STYLE_HEAD);
	for (int i = 0; i < 4; i++) {
		ct_line_add_right(&listing->line, heads[i], i % 2 ? listing->blocks_width : listing->bytes_width);
		ct_line_add_blanks(&listing->line, 2);
	}
	ct_line_add_right(&listing->line, "LINE", LINE_WIDTH);
	ct_line_style(&listing->line, CT_STYLE_PLAIN);
	ct_line_end(&listing->line);
}

static int show(struct listing *listing, struct ct_error_text *error)
{
	bool any = false;
	find_places(listing);
	if (listing->place_count) {
		sort_places(listing);
		count_sites(listing);
		qsort(listing->routines, listing->routine_count, sizeof(*listing->routines), compare_routines);
	}
	for (size_t i = 0; i < listing->routine_count; i++) {
		if (!listing->routines[i].numbers.seen)
			continue;
		if (!any)
			put_heads(listing);
		any = true;
		put_routine(listing, &listing->routines[i]);
	}
	if (!any)
		return ct_error_set(error, CT_ERR_USAGE, "--list matches no function that allocates");
	return ct_view_check(&listing->line, error);
}

int ct_view_source(const struct ct_view *view, struct ct_error_text *error)
{
	size_t frames = view->profile->frame_count;
	struct listing listing = {
		.view = view,
		.places = calloc(frames, sizeof(*listing.places)),
		.of_frame = calloc(frames, sizeof(*listing.of_frame)),
		.routines = calloc(frames, sizeof(*listing.routines)),
		.bytes = CT_METRIC_TOTAL_BYTES,
		.blocks = CT_METRIC_TOTAL_BLOCKS,
	};
	int code;
	if (view->sort == CT_COLUMN_PEAK) {
		listing.bytes = CT_METRIC_PEAK_BYTES;
		listing.blocks = CT_METRIC_PEAK_BLOCKS;
	} else if (view->sort == CT_COLUMN_END) {
		listing.bytes = CT_METRIC_END_BYTES;
		listing.blocks = CT_METRIC_END_BLOCKS;
	}
	ct_line_init(&listing.line, view->terminal, view->out);
	code = ct_origins_init(&listing.origins, view->profile, CT_ORIGIN_RULE) == 0 && listing.places &&
			       listing.of_frame && listing.routines
		       ? show(&listing, error)
		       : ct_error_no_memory(error);
	ct_line_fini(&listing.line);
	ct_origins_fini(&listing.origins);
	free(listing.places);
	free(listing.of_frame);
	free(listing.routines);
	return code;
}

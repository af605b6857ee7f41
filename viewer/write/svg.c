/* SPDX-License-Identifier: MIT */
/*
 * Writes a flame graph as one SVG file, root at the bottom: a title for each frame, click to zoom, search by a regular
 * expression. Without its script, as in a README, it is a picture. Sites come in the order of a walk through the call
 * tree, so a frame is written when it is closed, and no tree is built. Frames below SHARE_MIN are left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/functions.h"
#include "names/names.h"
#include "names/number.h"
#include "util/utf8.h"
#include "write/put_json.h"
#include "write/put_xml.h"
#include "write/stacks.h"
#include "write/svg_script.h"
#include "write/write.h"

#define WIDTH 1200
#define MARGIN 10
#define ROW 17
#define TOP 54
#define BOTTOM 34
#define CHARACTER 7.3 /* the width of one at 12 pixels */
#define SHARE_MIN 0.0005

struct svg {
	const struct ct_profile *profile;
	enum ct_metric metric;
	FILE *out;
	struct ct_functions functions;
	uint32_t *by_name; /* functions, sorted by their names */
	uint32_t *labels; /* by frame id: the function's place in by_name */
	struct ct_stacks stacks;
	uint32_t *frames; /* by function: a frame of it, for its short name */
	uint64_t *starts; /* by depth: where the open frame starts */
	uint64_t total;
	uint32_t depth; /* of the deepest frame that is drawn, plus 1 */
	size_t left_out; /* number of frames that are too narrow */
};

static bool is_drawn(const struct svg *svg, uint64_t value)
{
	return value && (double)value >= (double)svg->total * SHARE_MIN;
}

static double scale(const struct svg *svg, uint64_t value)
{
	return svg->total ? (double)value / (double)svg->total * (WIDTH - 2 * MARGIN) : 0;
}

static unsigned y_of(const struct svg *svg, uint32_t level)
{
	return TOP + (svg->depth - level) * ROW;
}

/* A warm colour that depends on the name only, so that it is the same in each graph. */
static void put_colour(const char *name, FILE *out)
{
	uint32_t hash = 2166136261;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619;
	fprintf(out, "rgb(%u,%u,%u)", 215 + hash % 40, 120 + (hash >> 8) % 90, 60 + (hash >> 16) % 60);
}

static char *amount(const struct svg *svg, uint64_t value, char out[CT_NUMBER_ROOM])
{
	if (svg->metric == CT_METRIC_LIFETIME)
		return ct_number_time(out, (double)value, svg->profile->time_unit);
	if (!ct_metric_is_bytes(svg->metric) || svg->profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, value);
	return ct_number_bytes(out, value);
}

/* Write as much of the name as fits into the width. */
static void put_fitting(const char *name, double width, FILE *out)
{
	size_t room = (size_t)(width / CHARACTER), count = 0, end = 0;
	for (size_t i = 0; name[i]; i++) {
		bool starts = ((unsigned char)name[i] & 0xc0) != 0x80;
		if (starts && count + 2 == room)
			end = i;
		count += starts;
	}
	if (room < 3)
		return;
	if (count <= room) {
		ct_put_xml(out, name);
		return;
	}
	ct_put_xml_part(out, name, end);
	fputs("..", out);
}

static void put_frame(const struct svg *svg, const char *name, const char *text, const char *place, uint32_t level,
		      uint64_t start, uint64_t value)
{
	FILE *out = svg->out;
	double x = MARGIN + scale(svg, start), width = scale(svg, value);
	char number[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM];
	fputs("<g class=\"f\"", out);
	if (strcmp(name, text)) {
		fputs(" data-s=\"", out);
		ct_put_xml(out, text);
		putc('"', out);
	}
	fputs("><title>", out);
	ct_put_xml(out, name);
	putc('\n', out);
	if (*place) {
		ct_put_xml(out, place);
		putc('\n', out);
	}
	ct_put_xml(out, amount(svg, value, number));
	fprintf(out, ", %s %%</title><rect x=\"%.3f\" y=\"%u\" width=\"%.3f\" height=\"%d\" fill=\"",
		ct_number_percent(percent, (double)value, (double)svg->total), x, y_of(svg, level), width, ROW - 1);
	put_colour(name, out);
	fprintf(out, "\"/><text x=\"%.1f\" y=\"%u\">", x + 3, y_of(svg, level) + 12);
	put_fitting(text, width - 6, out);
	fputs("</text></g>\n", out);
}

static void put_function(const struct svg *svg, uint32_t number, uint32_t level, uint64_t start, uint64_t value)
{
	const struct ct_function *function = &svg->functions.rows[number];
	char room[CT_FUNCTION_NAME_ROOM], text[CT_NAME_ROOM];
	uint32_t place = function->file ? function->file : function->name ? function->module : 0;
	ct_name_short(svg->profile, &svg->profile->frames[svg->frames[number]], text);
	put_frame(svg, ct_function_name(svg->profile, function, room), text, ct_name_base(svg->profile->strings[place]),
		  level, start, value);
}

/* Close the frames of a stack that are deeper than `until`. They end at `end`. */
static void close_frames(struct svg *svg, const struct ct_site_row *site, uint32_t until, uint64_t end, bool draw)
{
	for (uint32_t depth = site->frame_count; depth > until; depth--) {
		uint64_t value = end - svg->starts[depth - 1];
		uint32_t function = svg->by_name[svg->labels[ct_stack_frame(svg->profile, site, depth - 1)]];
		if (!is_drawn(svg, value))
			svg->left_out++;
		else if (draw)
			put_function(svg, function, depth, svg->starts[depth - 1], value);
		else if (depth > svg->depth)
			svg->depth = depth;
	}
}

/* Walk through the tree: first to measure it, then to draw it. */
static void walk(struct svg *svg, bool draw)
{
	const struct ct_site_row *site, *before = NULL;
	uint64_t value, start = 0;
	svg->left_out = 0;
	for (size_t at = 0; (site = ct_stacks_next(&svg->stacks, &at, svg->metric, &value)); before = site) {
		uint32_t common = before ? ct_stacks_common(&svg->stacks, before, site) : 0;
		if (before)
			close_frames(svg, before, common, start, draw);
		for (uint32_t depth = common; depth < site->frame_count; depth++)
			svg->starts[depth] = start;
		start += value;
	}
	if (before)
		close_frames(svg, before, 0, start, draw);
}

static void put_head(const struct svg *svg)
{
	const struct ct_profile *profile = svg->profile;
	FILE *out = svg->out;
	unsigned height = TOP + (svg->depth + 1) * ROW + BOTTOM;
	char number[CT_NUMBER_ROOM];
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%u\" viewBox=\"0 0 %d %u\">\n<title>",
		WIDTH, height, WIDTH, height);
	ct_put_xml(out, ct_metric_name(svg->metric));
	fputs(" of ", out);
	ct_put_xml(out, profile->command);
	fputs("</title>\n", out);
	fputs(ct_svg_style, out);
	fprintf(out,
		"<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n<text class=\"head\" x=\"%d\" y=\"22\">",
		MARGIN);
	ct_put_xml(out, ct_metric_name(svg->metric));
	fprintf(out, ": %s</text>\n<text class=\"quiet\" x=\"%d\" y=\"40\">", amount(svg, svg->total, number), MARGIN);
	put_fitting(profile->command, WIDTH - 300, out);
	if (profile->torn)
		fputs(" (" CT_TORN_TEXT ")", out);
	if (profile->sample_bytes)
		fprintf(out, " (" CT_SAMPLED_TEXT ")", profile->sample_bytes);
	fprintf(out,
		"</text>\n<text id=\"reset\" class=\"button\" x=\"%d\" y=\"22\" text-anchor=\"end\"/>\n"
		"<text id=\"search\" class=\"button\" x=\"%d\" y=\"22\" text-anchor=\"end\"/>\n"
		"<text id=\"found\" class=\"quiet\" x=\"%d\" y=\"40\" text-anchor=\"end\"/>\n"
		"<text id=\"details\" class=\"quiet\" x=\"%d\" y=\"%u\">",
		WIDTH - MARGIN - 90, WIDTH - MARGIN, WIDTH - MARGIN, MARGIN, height - 12);
	if (svg->left_out)
		fprintf(out, "without %s narrower than %g %%", ct_number_count(number, svg->left_out, "frames"),
			SHARE_MIN * 100);
	fputs("</text>\n", out);
}

static int compare_names(const void *left, const void *right, void *argument)
{
	const struct svg *svg = argument;
	char a[CT_FUNCTION_NAME_ROOM], b[CT_FUNCTION_NAME_ROOM];
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	int order = strcmp(ct_function_name(svg->profile, &svg->functions.rows[x], a),
			   ct_function_name(svg->profile, &svg->functions.rows[y], b));
	return order ? order : x < y ? -1 : x > y;
}

/* Callees are in the order of their names, so that the graphs of two runs look alike. */
static int label(struct svg *svg)
{
	size_t count = svg->functions.count;
	uint32_t *rank = calloc(count + 1, sizeof(*rank));
	svg->by_name = calloc(count + 1, sizeof(*svg->by_name));
	svg->labels = calloc(svg->profile->frame_count, sizeof(*svg->labels));
	bool memory = rank && svg->by_name && svg->labels;
	for (size_t i = 0; i < count && memory; i++)
		svg->by_name[i] = (uint32_t)i;
	if (memory)
		qsort_r(svg->by_name, count, sizeof(*svg->by_name), compare_names, svg);
	for (size_t i = 0; i < count && memory; i++)
		rank[svg->by_name[i]] = (uint32_t)i;
	for (size_t i = 1; i < svg->profile->frame_count && memory; i++)
		svg->labels[i] = rank[svg->functions.of_frame[i]];
	free(rank);
	return memory ? 0 : -1;
}

static int prepare(struct svg *svg)
{
	const struct ct_profile *profile = svg->profile;
	if (ct_functions_init(&svg->functions, profile) || label(svg) ||
	    ct_stacks_init(&svg->stacks, profile, svg->labels))
		return -1;
	svg->frames = calloc(svg->functions.count + 1, sizeof(*svg->frames));
	svg->starts = calloc(ct_profile_longest_stack(profile), sizeof(*svg->starts));
	if (!svg->frames || !svg->starts)
		return -1;
	for (size_t i = 1; i < profile->frame_count; i++)
		svg->frames[svg->functions.of_frame[i]] = (uint32_t)i;
	for (size_t i = 0; i < profile->site_count; i++)
		svg->total += ct_metric_value(&profile->sites[i].counters, svg->metric);
	return 0;
}

int ct_write_svg(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct svg svg = {.profile = profile, .metric = metric, .out = out};
	bool memory = prepare(&svg) == 0;
	errno = 0;
	if (memory) {
		walk(&svg, false);
		put_head(&svg);
		put_frame(&svg, "all", "all", "", 0, 0, svg.total);
		walk(&svg, true);
		fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", ct_svg_script);
	}
	ct_stacks_fini(&svg.stacks);
	ct_functions_fini(&svg.functions);
	free(svg.by_name);
	free(svg.labels);
	free(svg.frames);
	free(svg.starts);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}

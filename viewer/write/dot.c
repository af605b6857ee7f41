/* SPDX-License-Identifier: MIT */
/*
 * Writes the call graph for graphviz. A graph of everything cannot be read, so it is pruned as pprof does: functions
 * with less than 0.5 % of the total are left out, at most 80 stay, and calls with less than 0.1 % are not drawn. A call
 * through functions that were left out is dotted, and is not drawn if other calls lead the same way.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/functions.h"
#include "names/names.h"
#include "names/number.h"
#include "util/utf8.h"
#include "write/calls.h"
#include "write/put_json.h"
#include "write/write.h"

#define NODES_MAX 80
#define NODE_SHARE 0.005
#define CALL_SHARE 0.001
#define FONT_MIN 8
#define FONT_GROWTH 16
#define NAME_BYTES 60
#define COMMAND_BYTES 100

struct node {
	uint32_t function;
	uint32_t frame; /* a frame of it, for its short name */
	uint64_t self, below; /* below: with callees */
	size_t latest; /* the last site that was added, plus 1 */
};

struct dot {
	const struct ct_profile *profile;
	enum ct_metric metric;
	FILE *out;
	struct ct_functions functions;
	struct node *nodes; /* by function; after prune() the largest first */
	size_t kept;
	uint32_t *labels; /* by frame id: number of the node */
	struct ct_calls calls;
	uint64_t total, most_self;
};

static void add_sites(struct dot *dot)
{
	const struct ct_profile *profile = dot->profile;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		uint64_t value = ct_metric_value(&site->counters, dot->metric);
		dot->total += value;
		for (uint32_t j = 0; j < site->frame_count && value; j++) {
			uint32_t frame = profile->frame_ids[site->first_frame + j];
			struct node *node = &dot->nodes[dot->functions.of_frame[frame]];
			node->frame = frame;
			node->self += j ? 0 : value;
			node->below += node->latest == i + 1 ? 0 : value;
			node->latest = i + 1;
		}
	}
}

static int compare_nodes(const void *left, const void *right)
{
	const struct node *a = left, *b = right;
	if (a->below != b->below)
		return a->below > b->below ? -1 : 1;
	return a->function < b->function ? -1 : a->function > b->function;
}

static int prune(struct dot *dot)
{
	size_t count = dot->functions.count;
	uint32_t *number = malloc((count + 1) * sizeof(*number));
	if (!number)
		return -1;
	for (size_t i = 0; i < count; i++)
		dot->nodes[i].function = (uint32_t)i;
	qsort(dot->nodes, count, sizeof(*dot->nodes), compare_nodes);
	for (size_t i = 0; i < count; i++) {
		struct node *node = &dot->nodes[i];
		bool keep = i < NODES_MAX && node->below && (double)node->below >= (double)dot->total * NODE_SHARE;
		number[node->function] = keep ? (uint32_t)i : CT_CALLS_LEFT_OUT;
		if (!keep)
			continue;
		dot->kept = i + 1;
		dot->most_self = node->self > dot->most_self ? node->self : dot->most_self;
	}
	for (size_t i = 1; i < dot->profile->frame_count; i++)
		dot->labels[i] = number[dot->functions.of_frame[i]];
	free(number);
	return 0;
}

/* Write text inside a quoted string, in which graphviz knows \n and \l as line ends. */
static void put_part(const char *text, size_t bytes, FILE *out)
{
	for (; bytes; text++, bytes--) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
}

static void put(const char *text, FILE *out)
{
	put_part(text, strlen(text), out);
}

static void put_cut(const char *text, size_t most, FILE *out)
{
	size_t length = ct_utf8_fit(text, most);
	put_part(text, length, out);
	fputs(text[length] ? "…" : "", out);
}

static void put_amount(const struct dot *dot, uint64_t amount)
{
	char number[CT_NUMBER_ROOM];
	if (dot->metric == CT_METRIC_LIFETIME)
		ct_number_time(number, (double)amount, dot->profile->time_unit);
	else if (!ct_metric_is_bytes(dot->metric) || dot->profile->mode == CT_MODE_AD_HOC)
		ct_number_exact(number, amount);
	else
		ct_number_bytes(number, amount);
	put(number, dot->out);
}

static double share(const struct dot *dot, uint64_t amount)
{
	return dot->total ? (double)amount / (double)dot->total : 0;
}

/* A colour between two, the second for the whole total. */
static void put_colour(const struct dot *dot, const char *attribute, uint64_t amount, const unsigned char colours[2][3])
{
	double part = sqrt(share(dot, amount));
	fprintf(dot->out, " %s=\"#", attribute);
	for (int i = 0; i < 3; i++)
		fprintf(dot->out, "%02x", (unsigned)(colours[0][i] * (1 - part) + colours[1][i] * part));
	putc('"', dot->out);
}

static const unsigned char line_colours[2][3] = {{178, 178, 178}, {178, 20, 0}};
static const unsigned char fill_colours[2][3] = {{240, 240, 240}, {250, 212, 204}};

static void put_node(const struct dot *dot, size_t index)
{
	const struct node *node = &dot->nodes[index];
	const struct ct_frame *frame = &dot->profile->frames[node->frame];
	double part = dot->most_self ? sqrt((double)node->self / (double)dot->most_self) : 0;
	const struct ct_function *function = &dot->functions.rows[node->function];
	const char *place =
		function->name ? dot->profile->strings[function->file ? function->file : function->module] : "";
	char name[CT_NAME_ROOM];
	fprintf(dot->out, "N%zu [label=\"", index + 1);
	put_cut(ct_name_short(dot->profile, frame, name), NAME_BYTES, dot->out);
	fputs("\\n", dot->out);
	put_cut(ct_name_base(place), NAME_BYTES, dot->out);
	fputs(*place ? "\\n" : "", dot->out);
	if (node->self) {
		put_amount(dot, node->self);
		fprintf(dot->out, " (%.2f%%)", share(dot, node->self) * 100);
	}
	if (node->below != node->self) {
		fputs(node->self ? "\\nof " : "0 of ", dot->out);
		put_amount(dot, node->below);
		fprintf(dot->out, " (%.2f%%)", share(dot, node->below) * 100);
	}
	fprintf(dot->out, "\" fontsize=%d shape=box tooltip=\"", FONT_MIN + (int)ceil(FONT_GROWTH * part));
	put(dot->profile->strings[frame->function ? frame->function : frame->module], dot->out);
	putc('"', dot->out);
	put_colour(dot, "color", node->below, line_colours);
	put_colour(dot, "fillcolor", node->below, fill_colours);
	fputs("]\n", dot->out);
}

static int compare_calls(const void *left, const void *right)
{
	const struct ct_call *a = left, *b = right;
	if (a->values[0] != b->values[0])
		return a->values[0] < b->values[0] ? -1 : 1;
	return a->caller != b->caller ? (a->caller < b->caller ? -1 : 1) : a->callee < b->callee ? -1 : 1;
}

/* Keep the calls that are large enough, the largest last. */
static void choose_calls(struct dot *dot)
{
	struct ct_calls *calls = &dot->calls;
	size_t count = 0;
	for (size_t i = 0; i < calls->count; i++)
		if (calls->rows[i].callee != CT_CALLS_SELF && share(dot, calls->rows[i].values[0]) >= CALL_SHARE)
			calls->rows[count++] = calls->rows[i];
	calls->count = count;
	if (count)
		qsort(calls->rows, count, sizeof(*calls->rows), compare_calls);
}

/* Does another way lead from the call's caller to its callee? */
static bool is_redundant(const struct ct_calls *calls, size_t index)
{
	bool reached[NODES_MAX] = {false}, more = true;
	reached[calls->rows[index].caller] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < calls->count; i++) {
			const struct ct_call *call = &calls->rows[i];
			if (i == index || !reached[call->caller] || reached[call->callee])
				continue;
			reached[call->callee] = more = true;
		}
	}
	return reached[calls->rows[index].callee];
}

/* Drop dotted calls that another way stands for, the smallest first, as long as they are smaller than plain calls. */
static void drop_redundant(struct ct_calls *calls)
{
	bool plain[NODES_MAX] = {false}; /* by callee */
	for (size_t i = 0; i < calls->count;) {
		struct ct_call *call = &calls->rows[i];
		plain[call->callee] = plain[call->callee] || !call->skips;
		if (!plain[call->callee] && is_redundant(calls, i))
			memmove(call, call + 1, (--calls->count - i) * sizeof(*call));
		else
			i++;
	}
}

static void put_call(const struct dot *dot, const struct ct_call *call)
{
	double part = share(dot, call->values[0]);
	fprintf(dot->out, "N%" PRIu32 " -> N%" PRIu32 " [label=\" ", call->caller + 1, call->callee + 1);
	put_amount(dot, call->values[0]);
	fprintf(dot->out, "\" weight=%d penwidth=%.1f", 1 + (int)(100 * part), 1 + 5 * part);
	put_colour(dot, "color", call->values[0], line_colours);
	fputs(call->skips ? " style=dotted]\n" : "]\n", dot->out);
}

static void put_legend(const struct dot *dot)
{
	const struct ct_profile *profile = dot->profile;
	char number[CT_NUMBER_ROOM];
	size_t count = 0;
	for (size_t i = 0; i < dot->functions.count; i++)
		count += dot->nodes[i].below > 0;
	fputs("node [style=filled fillcolor=\"#f8f8f8\" fontname=\"Helvetica,Arial,sans-serif\"]\n"
	      "edge [fontsize=10 fontname=\"Helvetica,Arial,sans-serif\"]\n"
	      "subgraph cluster_legend { color=none \"legend\" [shape=box fontsize=16 label=\"",
	      dot->out);
	put_cut(profile->command, COMMAND_BYTES, dot->out);
	fprintf(dot->out, "\\l%s: ", ct_metric_name(dot->metric));
	put_amount(dot, dot->total);
	fprintf(dot->out, "\\l%zu of %s\\l", dot->kept, ct_number_count(number, count, "functions"));
	if (profile->torn)
		fputs(CT_TORN_TEXT "\\l", dot->out);
	if (profile->sample_bytes)
		fprintf(dot->out, CT_SAMPLED_TEXT "\\l", profile->sample_bytes);
	fputs("\"] }\n", dot->out);
}

int ct_write_dot(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct dot dot = {.profile = profile,
			  .metric = metric,
			  .out = out,
			  .labels = calloc(profile->frame_count, sizeof(*dot.labels))};
	bool memory = ct_functions_init(&dot.functions, profile) == 0 && dot.labels;
	dot.nodes = calloc(dot.functions.count + 1, sizeof(*dot.nodes));
	memory = memory && dot.nodes;
	if (memory)
		add_sites(&dot);
	memory = memory && prune(&dot) == 0;
	dot.calls =
		(struct ct_calls){.profile = profile, .labels = dot.labels, .metrics = &dot.metric, .metric_count = 1};
	memory = memory && ct_calls_init(&dot.calls) == 0;
	errno = 0;
	if (memory) {
		choose_calls(&dot);
		drop_redundant(&dot.calls);
		fputs("digraph \"ctrace\" {\n", out);
		put_legend(&dot);
		for (size_t i = 0; i < dot.kept; i++)
			put_node(&dot, i);
		for (size_t i = 0; i < dot.calls.count; i++)
			put_call(&dot, &dot.calls.rows[i]);
		fputs("}\n", out);
	}
	ct_calls_fini(&dot.calls);
	ct_functions_fini(&dot.functions);
	free(dot.nodes);
	free(dot.labels);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}

/* SPDX-License-Identifier: MIT */
/*
 * Writes folded stacks: "root;caller;leaf NUMBER", each stack once, with numbers above 0. Readers split a line at ';',
 * use the last number and know no escapes. So some characters in labels are replaced:
 *
 *   ;                        becomes :
 *   " 12" at a label's end   becomes "_12": flamegraph.pl reads two numbers as before and after
 *   "_[k]" at a label's end  becomes "_(k)": flamegraph.pl takes it for an annotation and removes it
 *   # at a stack's start     gets a _ in front: some readers take it for a comment
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/functions.h"
#include "write/stacks.h"
#include "write/write.h"

struct labels {
	char **texts; /* by function */
	uint32_t *by_text; /* functions sorted by their texts */
	uint32_t *of_frame; /* by frame id: rank of its text; equal texts have the same rank */
	char **by_rank;
};

static void defuse_end(char *text)
{
	size_t length = strlen(text), digits = length;
	while (digits && strchr("0123456789.", text[digits - 1]))
		digits--;
	if (digits && digits < length && text[digits - 1] == ' ')
		text[digits - 1] = '_';
	if (length >= 4 && text[length - 4] == '_' && text[length - 3] == '[' && strchr("kwij", text[length - 2]) &&
	    text[length - 1] == ']') {
		text[length - 3] = '(';
		text[length - 1] = ')';
	}
}

char *ct_folded_label(const char *name)
{
	char *text = malloc(strlen(name) + 2);
	if (!text)
		return NULL;
	sprintf(text, "%s%s", *name == '#' ? "_" : "", name);
	for (char *at = text; (at = strchr(at, ';'));)
		*at = ':';
	defuse_end(text);
	return text;
}

static int compare_texts(const void *left, const void *right, void *argument)
{
	char **texts = argument;
	return strcmp(texts[*(const uint32_t *)left], texts[*(const uint32_t *)right]);
}

static int make_labels(struct labels *labels, const struct ct_profile *profile, const struct ct_functions *functions)
{
	char room[CT_FUNCTION_NAME_ROOM];
	uint32_t *ranks = calloc(functions->count + 1, sizeof(*ranks)), rank = 0;
	labels->texts = calloc(functions->count + 1, sizeof(*labels->texts));
	labels->by_text = calloc(functions->count + 1, sizeof(*labels->by_text));
	labels->by_rank = calloc(functions->count + 1, sizeof(*labels->by_rank));
	labels->of_frame = calloc(profile->frame_count, sizeof(*labels->of_frame));
	bool memory = ranks && labels->texts && labels->by_text && labels->by_rank && labels->of_frame;
	for (size_t i = 0; i < functions->count && memory; i++) {
		labels->by_text[i] = (uint32_t)i;
		labels->texts[i] = ct_folded_label(ct_function_name(profile, &functions->rows[i], room));
		memory = labels->texts[i];
	}
	if (memory) {
		qsort_r(labels->by_text, functions->count, sizeof(*ranks), compare_texts, labels->texts);
		for (size_t i = 0; i < functions->count; i++) {
			char *text = labels->texts[labels->by_text[i]];
			rank += i && strcmp(labels->by_rank[rank], text);
			labels->by_rank[rank] = text;
			ranks[labels->by_text[i]] = rank;
		}
		for (size_t i = 1; i < profile->frame_count; i++)
			labels->of_frame[i] = ranks[functions->of_frame[i]];
	}
	free(ranks);
	return memory ? 0 : -1;
}

static void free_labels(struct labels *labels, size_t count)
{
	for (size_t i = 0; i < count && labels->texts; i++)
		free(labels->texts[i]);
	free(labels->texts);
	free(labels->by_text);
	free(labels->by_rank);
	free(labels->of_frame);
}

static void put_line(const struct ct_stacks *stacks, const struct labels *labels, const struct ct_site_row *site,
		     uint64_t value, FILE *out)
{
	for (uint32_t i = 0; i < site->frame_count; i++) {
		if (i)
			putc(';', out);
		fputs(labels->by_rank[labels->of_frame[ct_stack_frame(stacks->profile, site, i)]], out);
	}
	fprintf(out, " %" PRIu64 "\n", value);
}

static void put_stacks(const struct ct_stacks *stacks, const struct labels *labels, enum ct_metric metric, FILE *out)
{
	const struct ct_site_row *site;
	uint64_t value;
	size_t at = 0;
	while (!ferror(out) && (site = ct_stacks_next(stacks, &at, metric, &value)))
		put_line(stacks, labels, site, value, out);
}

int ct_write_folded(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct ct_functions functions;
	struct labels labels = {0};
	struct ct_stacks stacks = {0};
	bool memory = ct_functions_init(&functions, profile) == 0 && make_labels(&labels, profile, &functions) == 0 &&
		      ct_stacks_init(&stacks, profile, labels.of_frame) == 0;
	errno = 0;
	if (memory)
		put_stacks(&stacks, &labels, metric, out);
	int code = !memory       ? ct_error_no_memory(error)
		   : ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write: %s", strerror(errno))
				 : CT_OK;
	ct_stacks_fini(&stacks);
	free_labels(&labels, functions.count);
	ct_functions_fini(&functions);
	return code;
}

/* SPDX-License-Identifier: MIT */
#include "model/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ct_function function_of(const struct ct_frame *frame)
{
	return (struct ct_function){
		.name = frame->function, .file = frame->file, .module = frame->module, .line = frame->line};
}

/* The module distinguishes only unnamed code. */
static int compare_functions(const struct ct_function *a, const struct ct_function *b)
{
	if (a->name != b->name)
		return a->name < b->name ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (!a->name && a->module != b->module)
		return a->module < b->module ? -1 : 1;
	return 0;
}

static int compare_frames(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	struct ct_function a = function_of(&profile->frames[x]), b = function_of(&profile->frames[y]);
	int order = compare_functions(&a, &b);
	return order ? order : x < y ? -1 : x > y;
}

int ct_functions_init(struct ct_functions *functions, const struct ct_profile *profile)
{
	size_t frames = profile->frame_count - 1;
	uint32_t *order = calloc(frames + 1, sizeof(*order));
	functions->rows = calloc(frames + 1, sizeof(*functions->rows));
	functions->of_frame = calloc(frames + 1, sizeof(*functions->of_frame));
	functions->count = 0;
	if (!order || !functions->rows || !functions->of_frame) {
		free(order);
		return -1;
	}
	for (size_t i = 0; i < frames; i++)
		order[i] = (uint32_t)i + 1;
	qsort_r(order, frames, sizeof(*order), compare_frames, (void *)profile);
	for (size_t i = 0; i < frames; i++) {
		struct ct_function function = function_of(&profile->frames[order[i]]);
		struct ct_function *row = functions->rows + functions->count - (i > 0);
		if (i == 0 || compare_functions(row, &function) != 0)
			functions->rows[functions->count++] = function;
		else if (function.line && (!row->line || function.line < row->line))
			row->line = function.line;
		functions->of_frame[order[i]] = (uint32_t)functions->count - 1;
	}
	free(order);
	return 0;
}

void ct_functions_fini(struct ct_functions *functions)
{
	free(functions->rows);
	free(functions->of_frame);
}

const char *ct_function_name(const struct ct_profile *profile, const struct ct_function *function,
			     char room[CT_FUNCTION_NAME_ROOM])
{
	const char *path = profile->strings[function->module], *slash = strrchr(path, '/');
	if (function->name)
		return profile->strings[function->name];
	if (!*path)
		return "???";
	snprintf(room, CT_FUNCTION_NAME_ROOM, *path == '[' ? "%s" : "[%s]", slash ? slash + 1 : path);
	return room;
}

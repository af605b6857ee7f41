/* SPDX-License-Identifier: MIT */
#include "watch/boxes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/array.h"

static void free_row(struct ct_boxed *boxed)
{
	ct_box_free(boxed->box);
	if (boxed->process.folder >= 0)
		close(boxed->process.folder);
	free(boxed->own);
	free(boxed);
}

/* The index of the first box whose pid is not lower. */
static size_t place_of(const struct ct_boxes *boxes, int pid)
{
	size_t low = 0, high = boxes->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (boxes->rows[middle]->process.pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int ct_boxes_add(struct ct_boxes *boxes, int pid, struct ct_boxed **boxed, struct ct_error_text *error)
{
	*boxed = NULL;
	size_t at = place_of(boxes, pid);
	if (at < boxes->count && boxes->rows[at]->process.pid == pid)
		return CT_OK;
	if (!ct_array_room(&boxes->rows, &boxes->room, boxes->count + 1, sizeof(struct ct_boxed *)))
		return ct_error_no_memory(error);
	struct ct_boxed *row = calloc(1, sizeof(*row));
	if (!row)
		return ct_error_no_memory(error);
	row->process.folder = -1;
	int code = ct_process_open(pid, &row->process, error);
	if (!code && !(row->box = ct_box_new(&row->process, boxes->folder, boxes->no_arguments)))
		code = ct_error_no_memory(error);
	if (code) {
		free_row(row);
		return code;
	}
	memmove(&boxes->rows[at + 1], &boxes->rows[at], (boxes->count++ - at) * sizeof(struct ct_boxed *));
	boxes->rows[at] = *boxed = row;
	return CT_OK;
}

void ct_boxes_drop(struct ct_boxes *boxes, struct ct_boxed *boxed)
{
	size_t at = place_of(boxes, boxed->process.pid);
	memmove(&boxes->rows[at], &boxes->rows[at + 1], (--boxes->count - at) * sizeof(struct ct_boxed *));
	free_row(boxed);
}

void ct_boxes_fini(struct ct_boxes *boxes)
{
	while (boxes->count)
		free_row(boxes->rows[--boxes->count]);
	free(boxes->rows);
	boxes->rows = NULL;
}

size_t ct_boxes_poll(const struct ct_boxes *boxes, struct pollfd *fds)
{
	size_t count = 0;
	for (size_t i = 0; i < boxes->count; i++)
		count += ct_box_poll(boxes->rows[i]->box, fds + count);
	return count;
}

__attribute__((format(printf, 4, 5))) static void say(const struct ct_boxes *boxes, const struct ct_boxed *boxed,
						      bool written, const char *format, ...)
{
	char line[PATH_MAX + 256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	boxes->say(boxes->context, boxed->process.pid, written ? ct_box_path(boxed->box) : NULL, line);
}

static void look_at_end(struct ct_boxes *boxes, struct ct_boxed *boxed)
{
	struct ct_error_text error;
	int code = ct_box_is_traced(boxed->box) ? ct_box_end(boxed->box, &error) : 0;
	if (code < 0)
		say(boxes, boxed, false, "%s; no report: %s", ct_box_cause(boxed->box), error.line);
	else if (code)
		say(boxes, boxed, true, "%s; report %s", ct_box_cause(boxed->box), ct_box_path(boxed->box));
}

static void look(struct ct_boxes *boxes, struct ct_boxed *boxed)
{
	struct ct_cgroup group;
	struct ct_error_text error;
	ct_cgroup_of(boxed->process.pid, &group);
	int code = ct_box_look(boxed->box, &group, boxes->count, &error);
	if (code > 0)
		say(boxes, boxed, true, "%d %% of the limit; report %s", code, ct_box_path(boxed->box));
	if (code >= 0)
		code = boxes->looked ? boxes->looked(boxes->context, boxed, &group, &error) : CT_OK;
	if (code && !boxed->failed && ct_process_lives(&boxed->process))
		say(boxes, boxed, false, "%s", error.line);
	boxed->failed = code;
}

void ct_boxes_look(struct ct_boxes *boxes)
{
	size_t left = 0;
	for (size_t i = 0; i < boxes->count; i++) {
		struct ct_boxed *boxed = boxes->rows[i];
		if (ct_process_lives(&boxed->process)) {
			look(boxes, boxed);
			boxes->rows[left++] = boxed;
		} else {
			look_at_end(boxes, boxed);
			free_row(boxed);
		}
	}
	boxes->count = left;
}

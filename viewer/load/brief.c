/* SPDX-License-Identifier: MIT */
#include "load/brief.h"

#include <stdlib.h>
#include <string.h>

#include "load/dhat/json_rows.h"
#include "load/input.h"
#include "load/store/store_file.h"
#include "load/unpack.h"

static void read_store(const struct ct_input *input, struct ct_brief *brief)
{
	struct ct_store_file store;
	struct ct_error_text ignored;
	if (!ct_store_file_read(input->fd, input->path, &store, &ignored)) {
		const struct ct_totals *totals = &store.header->totals;
		*brief = (struct ct_brief){
			.total_bytes = totals->total_bytes,
			.total_blocks = totals->total_blocks,
			.peak_bytes = totals->peak_bytes,
			.end_bytes = (uint64_t)totals->live_bytes,
			.heap = true,
			.known = true,
		};
	}
	ct_store_file_close(&store);
}

/*
 * The sum of a member's numbers in all rows. A quote inside a string has a backslash before it, so this text is a
 * member's name.
 */
static uint64_t sum_of(const char *text, const char *name)
{
	uint64_t sum = 0;
	size_t length = strlen(name);
	for (const char *at = text; (at = strstr(at, name));) {
		at += length;
		at += strspn(at, " :\t\r\n");
		sum += strtoull(at, NULL, 10);
	}
	return sum;
}

static bool has_mode(const char *text, const char *mode)
{
	const char *at = strstr(text, "\"mode\"");
	if (at)
		at += strspn(at + strlen("\"mode\""), " :\t\r\n") + strlen("\"mode\"");
	return at && !strncmp(at, mode, strlen(mode));
}

static void read_report(const struct ct_input *input, struct ct_brief *brief)
{
	struct ct_json_file file = {0};
	struct ct_error_text ignored;
	int code = input->packed ? ct_unpack(input->fd, &file.text, &file.length, &ignored)
				 : ct_json_read(input->fd, &file, &ignored);
	if (!code)
		*brief = (struct ct_brief){
			.total_bytes = sum_of(file.text, "\"tb\""),
			.total_blocks = sum_of(file.text, "\"tbk\""),
			.peak_bytes = sum_of(file.text, "\"gb\""),
			.end_bytes = sum_of(file.text, "\"eb\""),
			.heap = has_mode(file.text, "\"heap\"") || has_mode(file.text, "\"rust-heap\""),
			.known = true,
		};
	ct_json_free(&file);
}

void ct_brief_read(const char *path, struct ct_brief *brief)
{
	struct ct_input input;
	struct ct_error_text ignored;
	*brief = (struct ct_brief){.known = false};
	if (ct_input_open(path, &input, &ignored))
		return;
	if (input.is_store)
		read_store(&input, brief);
	else
		read_report(&input, brief);
	ct_input_close(&input);
}

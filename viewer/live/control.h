/* SPDX-License-Identifier: MIT */
/*
 * The control page of a running process (ctrace/control.h), as `ctrace ctl` finds and writes it. The process is neither
 * stopped nor signalled. The page and the store are untrusted input.
 */
#ifndef CT_LIVE_CONTROL_H
#define CT_LIVE_CONTROL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctrace/control.h"
#include "live/process.h"
#include "util/error.h"

struct ct_control_page {
	struct ct_process process; /* folder -1: a store was named, not a process */
	int fd; /* of the file that holds the page, to be read and written */
	uint64_t offset; /* of the page in it */
	bool asleep; /* there is no store yet */
	char name[PATH_MAX]; /* of the file */
};

/* What is wanted. The fields that are not used are 0. */
struct ct_control_wish {
	bool set_mode;
	uint32_t mode; /* enum ct_control_mode */
	uint64_t sample_bytes;
	bool set_pause, pause;
	bool mark, segment;
	const char *name; /* of the mark or segment; NULL: none */
};

/* Find the page of a process (a pid) or of a store (a file). 0 or < 0; then ct_control_close. */
int ct_control_open(const char *word, struct ct_control_page *page, struct ct_error_text *error);
void ct_control_close(struct ct_control_page *page);

/* The wish for a sample, from its number of bytes (as 512k). 0 or < 0. */
int ct_control_parse_sample(const char *text, struct ct_control_wish *wish, struct ct_error_text *error);

/* Write a request. Returns 0 and its number, or < 0. */
int ct_control_ask(struct ct_control_page *page, const struct ct_control_wish *wish, uint32_t *request,
		   struct ct_error_text *error);

/*
 * Wait until the process has done the request, but not longer than some seconds: it does it at its next allocation,
 * which may be far away. 1: done; 0: not yet; < 0: the process has ended, or could not wake.
 */
int ct_control_await(struct ct_control_page *page, uint32_t request, struct ct_error_text *error);

/* Remove what processes that were killed in their sleep have left behind: the user's own pages only. */
void ct_control_sweep(void);

#endif

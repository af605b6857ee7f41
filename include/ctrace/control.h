/* SPDX-License-Identifier: MIT */
/*
 * The control page: by it a running process is switched from outside. `ctrace ctl` writes it; the process maps it to be
 * read only, and looks at one word of it, `request`, at each call of malloc and its kin. What the page asks for takes
 * effect at each thread's next such call.
 *
 * The page is the last one of a store's header. A process that sleeps (CTRACE_MODE=off) has no store yet: its page is
 * a file of its own, in the folder CTRACE_CONTROL. docs/store-format.md describes both.
 *
 * The page may hold any numbers, since its owner may write anything there. The library uses a field only after a
 * check.
 */
#ifndef CTRACE_CONTROL_H
#define CTRACE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#define CT_CONTROL_MAGIC "ctrctl\r\n"
#define CT_CONTROL_VERSION 1u
#define CT_CONTROL_BYTES 4096u
#define CT_CONTROL_NAME_MAX 255u /* bytes of a mark's name */

/* The file of a sleeping process: PREFIX, its pid namespace's number, a dash, its pid in there. */
#define CT_CONTROL_PREFIX "ctrace-"

enum ct_control_mode {
	CT_CONTROL_EXACT, /* every allocation is recorded */
	CT_CONTROL_SAMPLE, /* a sample is recorded */
	CT_CONTROL_OFF, /* nothing is recorded */
	CT_CONTROL_MODES,
};

struct ct_control {
	char magic[8]; /* CT_CONTROL_MAGIC, without the NUL */
	uint32_t version; /* CT_CONTROL_VERSION */
	uint32_t request; /* number of the latest request; odd while one is being written */
	uint32_t pid; /* of the process, in its own pid namespace */
	uint32_t mode; /* enum ct_control_mode that is wanted */
	uint64_t sample_bytes; /* with CT_CONTROL_SAMPLE */
	uint32_t paused; /* allocations are to be left out */
	uint32_t segments; /* rises to begin a new segment */
	uint32_t marks; /* rises to set a mark */
	uint32_t name_bytes; /* of the mark's name, or of the new segment's */
	char name[CT_CONTROL_NAME_MAX + 1];
	char rest[CT_CONTROL_BYTES - 304];
};

_Static_assert(sizeof(struct ct_control) == CT_CONTROL_BYTES, "a page");
_Static_assert(offsetof(struct ct_control, request) == 12, "store layout");
_Static_assert(offsetof(struct ct_control, name) == 48, "store layout");

#endif

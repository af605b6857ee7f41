/* SPDX-License-Identifier: MIT */
/*
 * What `ctrace attach` and a libctrace.so that it has loaded into a running process say to each other. The command
 * lets one thread of the process call ctrace_attach_call with a struct ct_attach_call, which it has written into the
 * process's memory, and reads the answer there.
 *
 * The library exports its state, so that the command can look at it without a call.
 */
#ifndef CTRACE_ATTACH_H
#define CTRACE_ATTACH_H

#include <stdint.h>

#define CT_ATTACH_CALL "ctrace_attach_call"
#define CT_ATTACH_STATE "ctrace_attach_state"

enum ct_attach_state {
	CT_ATTACH_PRELOADED, /* or not initialized yet */
	CT_ATTACH_LOADED, /* into a running process; it has done nothing there */
	CT_ATTACH_ATTACHED, /* the slots lead to the hooks */
	CT_ATTACH_DETACHED, /* they do not any more */
};

enum ct_attach_action {
	CT_ATTACH_ATTACH, /* start the recording if it never was, write the slots */
	CT_ATTACH_AGAIN, /* write the slots of objects that the first pass has not seen */
	CT_ATTACH_DETACH, /* give the slots back */
};

enum ct_attach_answer {
	CT_ATTACH_NONE, /* the call has not ended */
	CT_ATTACH_DONE,
	CT_ATTACH_NOT_LATE, /* the library is preloaded */
	CT_ATTACH_NOT_STARTED, /* the recording could not start */
};

struct ct_attach_call {
	uint32_t action; /* enum ct_attach_action */
	uint32_t answer; /* enum ct_attach_answer */
	uint32_t slots; /* written */
	uint32_t objects; /* looked at */
	uint32_t locked; /* slots on pages that could not be made writable */
	uint32_t started; /* the recording has started in this call, and not before */
	char variables[]; /* NAME=VALUE and NUL, each; at last another NUL */
};

#endif

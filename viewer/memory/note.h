/* SPDX-License-Identifier: MIT */
/* Finds a note (ctrace/note.h) in the library that a process has loaded. */
#ifndef CT_MEMORY_NOTE_H
#define CT_MEMORY_NOTE_H

#include "memory/peer.h"

struct ct_note {
	uint32_t type, words;
	int32_t *content; /* that many are copied */
};

/* The address of the note's content if this area is where our library begins; else 0. */
uint64_t ct_note_in(struct ct_peer *peer, const struct ct_area *area, const struct ct_note *wanted);

#endif

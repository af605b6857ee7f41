/* SPDX-License-Identifier: MIT */
/*
 * The ELF note that identifies the ctrace program, whatever its file is called and wherever it is. The viewer contains
 * the note. The preload looks for it in the program that it was loaded into.
 */
#ifndef CTRACE_NOTE_H
#define CTRACE_NOTE_H

#define CT_NOTE_OWNER "ctrace"
#define CT_NOTE_PROGRAM 1

#endif

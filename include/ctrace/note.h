/* SPDX-License-Identifier: MIT */
/*
 * The ELF note by which the library knows the ctrace program, whatever its file is called and wherever it lies: the
 * viewer holds it, the preload looks for it in the program that it finds itself in.
 */
#ifndef CTRACE_NOTE_H
#define CTRACE_NOTE_H

#define CT_NOTE_OWNER "ctrace"
#define CT_NOTE_PROGRAM 1

#endif

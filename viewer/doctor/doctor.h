/* SPDX-License-Identifier: MIT */
/*
 * Why is a recording empty? Checks of what a recording needs, one line each. A *note* is worth knowing and does
 * not keep from recording; a *problem* does, and its line says how to fix it.
 */
#ifndef CT_DOCTOR_DOCTOR_H
#define CT_DOCTOR_DOCTOR_H

#include <limits.h>
#include <stdio.h>

#include "record/settings.h"

enum ct_doctor_state { CT_DOCTOR_OK, CT_DOCTOR_NOTE, CT_DOCTOR_PROBLEM };

struct ct_doctor {
	FILE *out;
	struct ct_settings settings; /* of the environment */
	int problems;
	char library[PATH_MAX]; /* "": not found */
	char program[PATH_MAX]; /* what really runs; "": none, or it cannot be recorded */
	char libc[PATH_MAX]; /* the program's, as its loader says; "": not known */
};

/* Print one line, and count a problem. */
void ct_doctor_tell(struct ct_doctor *doctor, enum ct_doctor_state state, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The library and the program `ctrace record` that belongs to it. */
void ct_doctor_library(struct ct_doctor *doctor);

/* The program by its name on the command line: can a library get into it, does the loader take it, has it names? */
void ct_doctor_program(struct ct_doctor *doctor, const char *name);

/* Folder of the report, space, limits, environment, /proc. */
void ct_doctor_surroundings(struct ct_doctor *doctor);

/* Record the program into a folder of its own, which is removed, and report what it held. */
void ct_doctor_trial(struct ct_doctor *doctor, char **arguments);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Explains why a recording is empty: checks everything that a recording needs and prints a line for each check. A
 * *note* is worth knowing but does not prevent a recording. A *problem* does, and its line says how to fix it.
 */
#ifndef CT_DOCTOR_DOCTOR_H
#define CT_DOCTOR_DOCTOR_H

#include <limits.h>
#include <stdio.h>

#include "record/settings.h"

enum ct_doctor_state { CT_DOCTOR_OK, CT_DOCTOR_NOTE, CT_DOCTOR_PROBLEM };

struct ct_doctor {
	FILE *out;
	struct ct_settings settings; /* from the environment */
	int problems;
	char library[PATH_MAX]; /* "": not found */
	char program[PATH_MAX]; /* the program that really runs; "": none, or it cannot be recorded */
	char libc[PATH_MAX]; /* the program's C library, as its loader reports it; "": not known */
};

/* Print one line, and count it if it is a problem. */
void ct_doctor_tell(struct ct_doctor *doctor, enum ct_doctor_state state, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Check the library, and the `ctrace` program that belongs to it. */
void ct_doctor_library(struct ct_doctor *doctor);

/* Check the program of this command line: its loader must accept the library; symbols are needed for names. */
void ct_doctor_program(struct ct_doctor *doctor, char **command);

/* Check a running process: whether it is recorded, and if not, why; its unit, container and control group. */
void ct_doctor_process(struct ct_doctor *doctor, int pid);

/* Check the report's folder, disk space, limits, environment and /proc. */
void ct_doctor_surroundings(struct ct_doctor *doctor);

/* Record the program into a temporary folder, which is removed, and report the result. */
void ct_doctor_trial(struct ct_doctor *doctor, char **arguments);

#endif

/* SPDX-License-Identifier: MIT */
/* Formats numbers for people. All functions return out. */
#ifndef CT_NAMES_NUMBER_H
#define CT_NAMES_NUMBER_H

#include <stdint.h>

#define CT_NUMBER_ROOM 64

/* "12.3 MiB", "512 B": three significant digits. */
char *ct_number_bytes(char out[CT_NUMBER_ROOM], uint64_t bytes);

/* The same with the unit padded to three characters, so that digits and units line up in a column. */
char *ct_number_bytes_column(char out[CT_NUMBER_ROOM], uint64_t bytes);

/* "1,234,567". */
char *ct_number_exact(char out[CT_NUMBER_ROOM], uint64_t number);

/* "1,234 blocks", "1 block": `what` is the plural, in English. It is cut after 36 bytes. */
char *ct_number_count(char out[CT_NUMBER_ROOM], uint64_t number, const char *what);

/* "12.3 M". */
char *ct_number_short(char out[CT_NUMBER_ROOM], double number);

/* "12.3 ms" for units of time; any other unit: "12.3 M instrs". */
char *ct_number_time(char out[CT_NUMBER_ROOM], double time, const char *unit);

/* The percentage without its sign, "12.3"; "0.0" if whole is 0. */
char *ct_number_percent(char out[CT_NUMBER_ROOM], double part, double whole);

#endif

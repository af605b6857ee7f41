/* SPDX-License-Identifier: MIT */
/*
 * The recording's options. They are read from the environment once, at start, and do not change later. The table is
 * ctrace/options.def.
 */
#ifndef CT_SYS_OPTIONS_H
#define CT_SYS_OPTIONS_H

#include "sys/compiler.h"

typedef const char *CT_TYPE_STRING;
typedef uint64_t CT_TYPE_BOOL;
typedef uint64_t CT_TYPE_NUMBER;
typedef uint64_t CT_TYPE_BYTES;

/* Largest mean distance of sampling points, bytes. With more, the weight of a byte would not fit into an event. */
#define CT_SAMPLE_BYTES_MAX (1ull << 27)

struct ct_options {
#define CT_OPTION(field, variable, letter, flag, type, value, argument, help) CT_TYPE_##type field;
#include "ctrace/options.def"
#undef CT_OPTION
};

extern struct ct_options ct_options;

/*
 * Read the environment, and for what it does not have, these settings (life/fleet.h), which may be NULL. False: a value
 * is wrong. A line on stderr has said so, unless there are settings.
 */
CT_COLD bool ct_options_read(char **environment, char **settings);

/* Does a comma-separated list contain the word? */
CT_COLD bool ct_option_has_word(const char *list, const char *word);

#endif

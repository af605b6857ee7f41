/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_EXIT_H
#define CT_COLD_EXIT_H

#include "hot/compiler.h"

/* Find the exporter and remember what stderr is; register for the program's end. At start. */
CT_COLD void ct_exit_init(void);

/* Absolute path of this library. */
CT_COLD const char *ct_library_path(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Recognises files of other tools by their first bytes, to say what a file is and what opens it. */
#ifndef CT_LOAD_FOREIGN_H
#define CT_LOAD_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "load/dhat/json_rows.h"

#define CT_FOREIGN_BYTES 4096 /* as many of a file's first bytes as decide */

/* Files of other tools that load/other/ reads. */
enum ct_foreign_kind {
	CT_FOREIGN_NONE,
	CT_FOREIGN_PPROF,
	CT_FOREIGN_HEAP_TEXT,
	CT_FOREIGN_MASSIF,
	CT_FOREIGN_HEAPTRACK,
};

/* Which of them a file seems to be. */
enum ct_foreign_kind ct_foreign_kind(const void *start, size_t bytes);

/* What a file is, as "a massif file; ms_print or massif-visualizer opens it"; NULL: not known. */
const char *ct_foreign_file(const void *start, size_t bytes);

/* The same for a file that is one JSON object. */
const char *ct_foreign_json(const struct ct_json_file *file);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Debug information from the servers in DEBUGINFOD_URLS. They are asked only if the user says so (--debuginfod), since
 * a report must not wait for a network unasked, and since the servers learn the build-ids of what was recorded. libdwfl
 * asks; we show how far a download is, and end it when the time is over: CT_SERVERS_SECONDS for all files together.
 */
#ifndef CT_SYMBOL_SERVERS_H
#define CT_SYMBOL_SERVERS_H

#include <stdbool.h>

#include "util/error.h"

struct Dwfl;

#define CT_SERVERS_SECONDS 300u

/* From here on, ask. 0, or < 0 if there is no server, or the library that asks is missing. */
int ct_servers_ask(struct ct_error_text *error);

bool ct_servers_asked(void);

/* Before any object is opened. */
void ct_servers_init(void);

/*
 * A question may follow. Newer libraries (0.192) do not report while a server is silent, so time and line are looked
 * after here too.
 */
void ct_servers_expect(void);

/* For an object's libdwfl. */
void ct_servers_watch(struct Dwfl *dwfl);

#endif

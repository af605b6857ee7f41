/* SPDX-License-Identifier: MIT */
#include "symbol/servers.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/message.h"
#include "util/progress.h"

#define URLS "DEBUGINFOD_URLS"
#define LIBRARY "libdebuginfod.so.1"
#define SLOW_SECONDS "15" /* for 100 KB; the library's own default is 90 */
#define SECOND_NS UINT64_C(1000000000)

/* From elfutils 0.188 on; without it there is no progress and no common time limit. */
struct debuginfod_client *dwfl_get_debuginfod_client(struct Dwfl *dwfl) __attribute__((weak));

static bool asked;
static uint64_t start_ns; /* of the first question */
static void (*watch)(struct debuginfod_client *, int (*)(struct debuginfod_client *, long, long));

int ct_servers_ask(struct ct_error_text *error)
{
	const char *urls = getenv(URLS);
	if (!urls || !*urls)
		return ct_error_set(error, CT_ERR_USAGE,
				    "--debuginfod: " URLS " names no server; set it to one or more URLs");
	void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!library)
		return ct_error_set(error, CT_ERR_USAGE,
				    "--debuginfod: " LIBRARY " is missing; install libdebuginfod1 (Debian) or "
				    "elfutils-debuginfod-client (Fedora)");
	void *function = dlsym(library, "debuginfod_set_progressfn");
	memcpy(&watch, &function, sizeof(watch));
	setenv("DEBUGINFOD_TIMEOUT", SLOW_SECONDS, 0);
	asked = true;
	return CT_OK;
}

bool ct_servers_asked(void)
{
	return asked;
}

void ct_servers_init(void)
{
	/* libdwfl asks whenever this is set. */
	if (!asked)
		unsetenv(URLS);
}

/* Show that servers are asked. False: the time is over. */
static bool may_ask(void)
{
	if (!start_ns)
		start_ns = ct_now_ns();
	ct_progress_hint("asking for names, DEBUGINFOD_URLS");
	ct_progress_at(0, 1); /* draws the line, if it is time for that */
	if (ct_now_ns() - start_ns < CT_SERVERS_SECONDS * SECOND_NS)
		return true;
	if (asked)
		ct_message("--debuginfod: no more questions after %u s; some names may be missing", CT_SERVERS_SECONDS);
	asked = false;
	unsetenv(URLS);
	return false;
}

void ct_servers_expect(void)
{
	if (asked)
		may_ask();
}

/* Called by the library again and again while it asks. Not 0: stop. */
static int on_progress(struct debuginfod_client *client, long done, long all)
{
	(void)client, (void)done, (void)all;
	return !may_ask();
}

void ct_servers_watch(struct Dwfl *dwfl)
{
	struct debuginfod_client *client =
		asked && watch && dwfl_get_debuginfod_client ? dwfl_get_debuginfod_client(dwfl) : NULL;
	if (client)
		watch(client, on_progress);
}

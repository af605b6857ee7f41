/* SPDX-License-Identifier: MIT */
/* ctrace export: a store, or a report of any producer, becomes a report. */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "load/load.h"
#include "record/left_store.h"

#define COMMAND "export"

static const char help[] = "usage: ctrace export [options] INPUT\n"
			   "Turn a store (FILE.json.store) into a report; other reports are read too.\n"
			   "\n"
			   "  -f, --format FORMAT  dhat (default): DHAT JSON, for dh_view and ctrace-top\n"
			   "  -o, --output FILE    default: where the recording wanted it; - is stdout\n"
			   "      --remove-store   remove the store after a good export\n"
			   "  -h, --help           this text\n";

enum option_value { OPT_REMOVE = 256, OPT_AT_EXIT };

/* --at-exit is the preload's: export in place, remove the store unless it is to be kept, say so. */
static const struct option options[] = {
	{"format", required_argument, NULL, 'f'},
	{"output", required_argument, NULL, 'o'},
	{"remove-store", no_argument, NULL, OPT_REMOVE},
	{"at-exit", no_argument, NULL, OPT_AT_EXIT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int fail(int code, const struct ct_error_text *error)
{
	return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error->line);
}

static int export_to(const char *input, const char *output)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	if (ct_export_same_file(input, output))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is the input itself; name another output with -o",
				   output);
	int code = ct_load(input, &profile, &error);
	if (code)
		return fail(code, &error);
	code = ct_export_write(profile, output, &error);
	ct_profile_free(profile);
	return code ? fail(code, &error) : CT_EXIT_FINE;
}

static int export_store(const char *input, bool at_exit)
{
	struct ct_error_text error;
	int is_store = ct_is_store(input, &error);
	if (is_store < 0)
		return fail(is_store, &error);
	if (!is_store)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is no store; name the output with -o", input);
	int code = ct_export_store(input, at_exit, false, &error);
	return code ? fail(code, &error) : CT_EXIT_FINE;
}

/* Only what a program has finished with, and never a report. */
static int check_removable(const char *input)
{
	struct ct_error_text error;
	struct ct_left_store left;
	char *path;
	int is_store = ct_is_store(input, &error);
	if (is_store < 0)
		return fail(is_store, &error);
	if (!is_store)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is no store; --remove-store is for stores", input);
	path = realpath(input, NULL);
	bool in_use = path && ct_left_store_read(AT_FDCWD, path, &left) && ct_left_store_in_use(&left, path);
	free(path);
	return in_use ? ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				    "%s: pid %u still records into it; export it without --remove-store", input,
				    left.pid)
		      : CT_EXIT_FINE;
}

int ct_cmd_export(int argc, char **argv)
{
	const char *output = NULL;
	bool remove_store = false, at_exit = false;
	int option;
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 1;
	while ((option = getopt_long(argc, argv, "f:o:h", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			if (strcmp(optarg, "dhat"))
				return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown format '%s'; known: dhat", optarg);
			break;
		case 'o':
			output = optarg;
			break;
		case OPT_REMOVE:
			remove_store = true;
			break;
		case OPT_AT_EXIT:
			at_exit = true;
			break;
		case 'h':
			fputs(help, stdout);
			return CT_EXIT_FINE;
		default:
			return CT_EXIT_USAGE;
		}
	}
	if (optind + 1 != argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name one input; see ctrace export --help");
	const char *input = argv[optind];
	int code = remove_store ? check_removable(input) : CT_EXIT_FINE;
	if (!code)
		code = output ? export_to(input, output) : export_store(input, at_exit);
	/* A good export at exit has removed it already. */
	if (!code && remove_store && remove(input) < 0 && errno != ENOENT)
		code = ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "%s: cannot be removed: %s", input, strerror(errno));
	return code;
}

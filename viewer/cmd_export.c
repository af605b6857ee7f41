/* SPDX-License-Identifier: MIT */
/* ctrace export: a store, or a report of any producer, becomes a report. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "export.h"
#include "load/load.h"

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

static bool same_file(const char *a, const char *b)
{
	struct stat one, two;
	return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static int fail(int code, const struct ct_error_text *error)
{
	return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error->line);
}

static int export_to(const char *input, const char *output)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	if (same_file(input, output))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is the input itself; name another output with -o",
				   output);
	int code = ct_load(input, &profile, &error);
	if (code)
		return fail(code, &error);
	code = ct_export_write(profile, output, &error);
	ct_profile_free(profile);
	return code ? fail(code, &error) : CT_EXIT_FINE;
}

static int export_store(const char *input, bool remove_store, bool quiet)
{
	struct ct_error_text error;
	int is_store = ct_is_store(input, &error);
	if (is_store < 0)
		return fail(is_store, &error);
	if (!is_store)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is no store; name the output with -o", input);
	int code = ct_export_store(input, remove_store, quiet, &error);
	return code ? fail(code, &error) : CT_EXIT_FINE;
}

int ct_cmd_export(int argc, char **argv)
{
	const char *output = NULL;
	bool remove_store = false;
	int option;
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
		case OPT_AT_EXIT:
			remove_store = true;
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
	if (!output)
		return export_store(argv[optind], remove_store, false);
	int code = export_to(argv[optind], output);
	if (!code && remove_store && remove(argv[optind]) < 0)
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "%s: cannot be removed", argv[optind]);
	return code;
}

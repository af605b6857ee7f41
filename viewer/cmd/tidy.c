/* SPDX-License-Identifier: MIT */
/* ctrace tidy: keeps a folder of stores and reports small. */
#include "cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names/number.h"
#include "record/tidy.h"
#include "util/utf8.h"

#define COMMAND "tidy"

struct request {
	uint64_t last, bytes;
	bool pretend, quiet;
};

/* A number, with a unit if this is the option for bytes. */
static int set_limit(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	bool is_bytes = option->at == offsetof(struct request, bytes);
	char *end;
	uint64_t number = strtoull(value, &end, 10);
	const char *unit = is_bytes && *end ? strchr("kmg", *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - "kmg" + 1) : 0;
	if (*value < '0' || *value > '9' || (*end && (!unit || end[1])) || number > UINT64_MAX >> shift)
		return ct_error_set(error, CT_ERR_USAGE, "--%s %s: not a number%s", option->name, value,
				    is_bytes ? " of bytes (as 4096, 512k, 100m or 2g)" : "");
	*(uint64_t *)member = number << shift;
	return CT_OK;
}

static const struct ct_option options[] = {
	{.name = "keep-last",
	 .argument = "K",
	 .help = "keep the K latest stores and the K latest reports, besides stores in use; 0 = any number",
	 .standard = "0",
	 .set = set_limit,
	 .at = offsetof(struct request, last)},
	{.name = "keep-bytes",
	 .argument = "BYTES",
	 .help = "keep no more than BYTES on disk, stores in use included; may end in k, m or g; 0 = any size",
	 .standard = "0",
	 .set = set_limit,
	 .at = offsetof(struct request, bytes)},
	{.letter = 'n',
	 .name = "dry-run",
	 .help = "list what would be removed, and remove nothing",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, pretend)},
	{.letter = 'q',
	 .name = "quiet",
	 .help = "list nothing",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, quiet)},
};

static void print_removed(const char *name, uint64_t bytes)
{
	char number[CT_NUMBER_ROOM];
	char *clean = ct_utf8_clean(name, strlen(name), NULL);
	printf("%10s  %s\n", ct_number_bytes(number, bytes), clean ? clean : "");
	free(clean);
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_error_text error;
	char number[CT_NUMBER_ROOM];
	int code, rest = ct_command_begin(&ct_command_tidy, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest == argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name a folder; see ctrace tidy --help");
	if (!request.last && !request.bytes)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "say how much to keep: --keep-last K, --keep-bytes BYTES");
	for (; rest < argc; rest++) {
		struct ct_tidy tidy = {.folder = argv[rest],
				       .last = request.last,
				       .bytes = request.bytes,
				       .pretend = request.pretend,
				       .removed = request.quiet ? NULL : print_removed};
		char files[CT_NUMBER_ROOM];
		size_t count;
		uint64_t bytes;
		code = ct_tidy(&tidy, &count, &bytes, &error);
		if (code)
			return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
		if (!request.quiet)
			printf("%s: %s with %s %s\n", argv[rest], ct_number_count(files, count, "files"),
			       ct_number_bytes(number, bytes), request.pretend ? "would be removed" : "removed");
	}
	return CT_EXIT_FINE;
}

const struct ct_command ct_command_tidy = {
	.name = COMMAND,
	.summary = "remove the oldest stores and reports of a folder",
	.usage = "[options] FOLDER...",
	.about =
		"Remove the oldest stores and reports (DHAT JSON) of this user in a folder, until the rest fits. Stores that a "
		"process is still writing, files of other users, links, and files that ctrace did not make are left alone.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.run = run,
};

/* SPDX-License-Identifier: MIT */
/* ctrace memory: shows where a process's resident memory is. */
#include "cmd/cmd.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/shared_options.h"
#include "load/load.h"
#include "memory/take.h"
#include "view/ledger.h"
#include "write/ledger.h"

#define COMMAND "memory"

struct request {
	bool json;
	bool exact;
	enum ct_color_mode color;
};

static const struct ct_option options[] = {
	{.name = "json",
	 .help = "for scripts, with exact numbers",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, json)},
	{.name = "bytes", .help = "show exact numbers", .set = ct_set_flag, .at = offsetof(struct request, exact)},
};

static int take_process(int pid, struct ct_ledger *ledger, struct ct_error_text *error)
{
	struct ct_taken taken = {0};
	struct ct_process process;
	struct ct_store_file store;
	char name[PATH_MAX];
	int code = ct_process_open(pid, &process, error);
	if (code)
		return code;
	int fd = ct_process_store(&process, name, error);
	code = fd < 0 ? fd : ct_store_file_read(fd, name, &store, error);
	if (!code)
		code = ct_take(&process, &store, &taken, error);
	if (!code)
		code = ct_taken_name(&taken, &store, error);
	if (fd >= 0) {
		ct_store_file_close(&store);
		close(fd);
	}
	close(process.folder);
	*ledger = taken.ledger;
	ct_taken_fini(&taken);
	return code;
}

static int read_report(const char *path, struct ct_ledger *ledger, struct ct_error_text *error)
{
	struct ct_profile *profile;
	int code = ct_load(path, &profile, error);
	if (code)
		return code;
	*ledger = profile->ledger;
	ct_profile_free(profile);
	return ledger->rss_bytes ? CT_OK
				 : ct_error_set(error, CT_ERR_USAGE,
						"%s has no ledger: record with --memory (CTRACE_MEMORY=1), or name a "
						"running process",
						path);
}

static int print(const struct request *request, const struct ct_ledger *ledger)
{
	struct ct_terminal terminal;
	struct ct_line line;
	if (request->json) {
		ct_put_ledger(stdout, ledger);
		putchar('\n');
	} else {
		ct_terminal_probe(&terminal, stdout, request->color);
		ct_line_init(&line, &terminal, stdout);
		ct_line_put_ledger(&line, ledger, request->exact);
		ct_line_fini(&line);
	}
	if (fflush(stdout) || ferror(stdout))
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "cannot write the ledger");
	return CT_EXIT_FINE;
}

static int parse_pid(const char *word)
{
	char *end;
	long pid = strtol(word, &end, 10);
	return *word && !*end && pid > 0 && pid <= INT_MAX ? (int)pid : 0;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_ledger ledger = {0};
	struct ct_error_text error;
	int code, rest = ct_command_begin(&ct_command_memory, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest + 1 != argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "name a process or a report of one; see ctrace memory --help");
	setlocale(LC_CTYPE, "");
	int pid = parse_pid(argv[rest]);
	code = pid ? take_process(pid, &ledger, &error) : read_report(argv[rest], &ledger, &error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : print(&request, &ledger);
}

const struct ct_command ct_command_memory = {
	.name = COMMAND,
	.summary = "show where a process's resident memory is",
	.usage = "[options] PID|FILE",
	.about =
		"Show a ledger of a process's resident memory that adds up to RSS: live blocks, what the allocator added to them, "
		"what it keeps free, stacks, mappings, files, and what is unexplained. The process is neither stopped nor "
		"signalled. FILE is a report that was recorded with --memory, or exported with --live --memory.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_color_options, offsetof(struct request, color))},
	.run = run,
};

/* SPDX-License-Identifier: MIT */
/* ctrace watch: makes recordings exact while the memory of a control group is tight. */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/rules.h"
#include "ctrace/store.h"
#include "live/control.h"
#include "util/cgroup.h"
#include "util/message.h"

#define COMMAND "watch"
#define PAUSE_US 1000000
#define LESS 10 /* percent of the limit, below the rule's, where the recording goes back */

struct request {
	const char *rules;
};

struct watched {
	const char *word;
	struct ct_process process; /* folder -1: it has ended */
	uint64_t percent; /* of its rule */
	bool exact; /* by our request */
	struct ct_control_wish before; /* what it did until then */
};

static const struct ct_option options[] = {
	{.name = "rules",
	 .argument = "RULES",
	 .help = "cgroup>PERCENT%:exact, in place of each program's own CTRACE_RULES",
	 .set = ct_set_text,
	 .at = offsetof(struct request, rules)},
};

/* The program's CTRACE_RULES; "" if it has none. */
static void find_rules(const struct ct_process *process, char *rules, size_t room)
{
	static const char name[] = "CTRACE_RULES=";
	char path[32], *line = NULL;
	size_t line_room = 0;
	*rules = '\0';
	snprintf(path, sizeof(path), "/proc/%d/environ", process->pid);
	FILE *file = fopen(path, "re");
	while (file && getdelim(&line, &line_room, '\0', file) > 0)
		if (!strncmp(line, name, sizeof(name) - 1))
			snprintf(rules, room, "%s", line + sizeof(name) - 1);
	free(line);
	if (file)
		fclose(file);
}

static int begin(const struct request *request, struct watched *watched, struct ct_error_text *error)
{
	char own[256];
	struct ct_rules rules;
	struct ct_cgroup group;
	int code = ct_process_open(atoi(watched->word), &watched->process, error);
	if (code)
		return code;
	find_rules(&watched->process, own, sizeof(own));
	const char *text = request->rules ? request->rules : own;
	if (!ct_rules_parse(text, &rules) || !rules.cgroup_percent)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no rule such as cgroup>80%%:exact in %s", watched->word,
				    request->rules ? "--rules" : "its CTRACE_RULES; give one by --rules");
	watched->percent = rules.cgroup_percent;
	ct_cgroup_of(watched->process.pid, &group);
	if (!group.limit)
		return ct_error_set(error, CT_ERR_USAGE,
				    group.version ? "%s: its control group %s has no memory limit"
						  : "%s: the memory of its control group%s cannot be read",
				    watched->word, group.name);
	return CT_OK;
}

/* What the process does at present, as a wish. */
static int read_mode(const struct ct_control_page *page, struct ct_control_wish *wish, struct ct_error_text *error)
{
	struct ct_store_header *header = malloc(sizeof(*header));
	int code = CT_OK;
	*wish = (struct ct_control_wish){.set_mode = true, .mode = CT_CONTROL_OFF};
	if (!header)
		return ct_error_no_memory(error);
	if (!page->asleep && pread(page->fd, header, sizeof(*header), 0) != sizeof(*header)) {
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot be read", page->name);
	} else if (!page->asleep && header->mode < CT_CONTROL_MODES) {
		wish->mode = header->mode;
		wish->sample_bytes = header->mode == CT_CONTROL_SAMPLE ? header->sample_bytes : 0;
	}
	free(header);
	return code;
}

/* Make the recording exact, or what it was before that. A process that is exact already is left alone. */
static int switch_to(struct watched *watched, bool exact, struct ct_error_text *error)
{
	struct ct_control_wish wish = {.set_mode = true, .mode = CT_CONTROL_EXACT, .name = "CTRACE_RULES"}, now;
	struct ct_control_page page;
	uint32_t request;
	int code = ct_control_open(watched->word, &page, error);
	if (code)
		return code;
	code = read_mode(&page, &now, error);
	if (!code && exact)
		watched->before = now;
	/* If another `ctrace ctl` has switched it meanwhile, that stays. */
	bool ours = exact ? now.mode != CT_CONTROL_EXACT
			  : now.mode == CT_CONTROL_EXACT && watched->before.mode != CT_CONTROL_EXACT;
	if (!code && ours)
		code = ct_control_ask(&page, exact ? &wish : &watched->before, &request, error);
	if (!code && ours)
		ct_message_for(COMMAND, "%s: %s", watched->word, exact ? "exact" : "as before");
	else if (!code && !exact)
		ct_message_for(COMMAND, "%s: as it was switched meanwhile", watched->word);
	watched->exact = exact;
	ct_control_close(&page);
	return code;
}

/* Look at a process's group once. False: the process has ended. */
static bool look(struct watched *watched)
{
	struct ct_cgroup group;
	struct ct_error_text error;
	int code = CT_OK;
	if (!ct_process_lives(&watched->process))
		return false;
	ct_cgroup_of(watched->process.pid, &group);
	uint64_t percent = group.limit ? group.used * 100 / group.limit : 0;
	if (!watched->exact && percent >= watched->percent)
		code = switch_to(watched, true, &error);
	else if (watched->exact && percent + LESS < watched->percent)
		code = switch_to(watched, false, &error);
	if (code && ct_process_lives(&watched->process))
		ct_message_for(COMMAND, "%s", error.line);
	return true;
}

static int watch(struct watched *all, size_t count)
{
	for (size_t left = count; left;) {
		left = 0;
		for (size_t i = 0; i < count; i++) {
			if (all[i].process.folder >= 0 && !look(&all[i])) {
				close(all[i].process.folder);
				all[i].process.folder = -1;
			}
			left += all[i].process.folder >= 0;
		}
		if (left)
			usleep(PAUSE_US);
	}
	return CT_EXIT_FINE;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_error_text error;
	int code, rest = ct_command_begin(&ct_command_watch, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	size_t count = (size_t)(argc - rest);
	struct watched *all = calloc(count + 1, sizeof(*all));
	if (!count || !all) {
		free(all);
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name a process; see ctrace watch --help");
	}
	code = CT_OK;
	for (size_t i = 0; i < count; i++)
		all[i] = (struct watched){.word = argv[rest + (int)i], .process = {.folder = -1}};
	for (size_t i = 0; i < count && !code; i++)
		code = begin(&request, &all[i], &error);
	code = code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : watch(all, count);
	for (size_t i = 0; i < count; i++)
		if (all[i].process.folder >= 0)
			close(all[i].process.folder);
	free(all);
	return code;
}

const struct ct_command ct_command_watch = {
	.name = COMMAND,
	.summary = "record every allocation while memory is tight",
	.usage = "[options] PID...",
	.about =
		"Look once a second at the memory of each process's control group. While it is above the rule's share of its "
		"limit, the recording of the process is exact; when it is 10 % of the limit lower, the recording is what it was "
		"before, a sample or off. Ends with the processes, which must have been started with ctrace, asleep "
		"(CTRACE_MODE=off) or not.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.run = run,
};

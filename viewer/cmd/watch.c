/* SPDX-License-Identifier: MIT */
/*
 * ctrace watch: reports who holds the memory when a control group comes near its limit and when a process was killed
 * for lack of memory, and makes recordings exact while memory is tight.
 */
#include "cmd/cmd.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/rules.h"
#include "ctrace/store.h"
#include "live/control.h"
#include "util/array.h"
#include "util/cgroup.h"
#include "util/message.h"
#include "watch/boxes.h"

#define COMMAND "watch"
#define PAUSE_MS 1000
#define MEMBERS_MS 50 /* between looks for new processes of a group */
#define START_NS UINT64_C(5000000000) /* from its fork on, a process has this long to begin recording */
#define START_PAUSE_MS 10
#define LESS 10 /* percent of the limit, below the rule's, where the recording goes back */

struct request {
	const char *rules;
	const char *folder; /* of reports */
	const char *group; /* folder of a control group whose processes are watched; NULL: processes are named */
};

/* A process with a rule for its group. */
struct ruled {
	uint64_t percent; /* of the limit; 0: it has no rule */
	bool exact; /* by our request */
	struct ct_control_wish before; /* what it did until then */
};

struct all {
	const struct request *request;
	struct ct_boxes boxes;
	struct pollfd *fds;
	size_t fd_room;
};

static const struct ct_option options[] = {
	{.name = "output",
	 .letter = 'o',
	 .argument = "DIR",
	 .help = "write reports there (default: the current folder)",
	 .set = ct_set_text,
	 .at = offsetof(struct request, folder)},
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

/* The share of the limit in the process's rule for its group, if it has one. */
static int find_percent(const struct request *request, const struct ct_process *process, struct ruled *ruled,
			struct ct_error_text *error)
{
	char own[256];
	struct ct_rules rules = {0};
	find_rules(process, own, sizeof(own));
	bool good = ct_rules_parse(request->rules ? request->rules : own, &rules);
	if (request->rules && (!good || !rules.cgroup_percent))
		return ct_error_set(error, CT_ERR_USAGE, "--rules=%s has no rule such as cgroup>80%%:exact",
				    request->rules);
	ruled->percent = good ? rules.cgroup_percent : 0;
	return CT_OK;
}

/* Is it recorded? A process that was started a moment ago may not have got as far as its store or page. */
static bool is_recorded(const struct ct_boxed *boxed)
{
	while (!ct_box_is_traced(boxed->box)) {
		if (!ct_process_lives(&boxed->process) || ct_process_age_ns(&boxed->process) >= START_NS)
			return false;
		usleep(START_PAUSE_MS * 1000);
	}
	return true;
}

/* Watch one more process. named: by the user, so it must be recorded and its group have a limit. */
static int begin(struct all *all, int pid, bool named, struct ct_error_text *error)
{
	struct ct_cgroup group;
	struct ct_boxed *boxed;
	int code = ct_boxes_add(&all->boxes, pid, &boxed, error);
	if (code || !boxed)
		return code;
	ct_cgroup_of(pid, &group);
	boxed->own = calloc(1, sizeof(struct ruled));
	code = boxed->own ? find_percent(all->request, &boxed->process, boxed->own, error) : ct_error_no_memory(error);
	if (!code && named && !group.limit)
		code = ct_error_set(error, CT_ERR_USAGE,
				    group.version ? "%d: its control group %s has no memory limit"
						  : "%d: the memory of its control group%s cannot be read",
				    pid, group.name);
	if (!code && named && !is_recorded(boxed))
		code = ct_error_set(error, CT_ERR_IO,
				    ct_process_lives(&boxed->process) ? "process %d is not recorded by ctrace"
								      : "process %d has ended",
				    pid);
	if (code)
		ct_boxes_drop(&all->boxes, boxed);
	return code;
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
static int switch_to(int pid, struct ruled *ruled, bool exact, struct ct_error_text *error)
{
	struct ct_control_wish wish = {.set_mode = true, .mode = CT_CONTROL_EXACT, .name = "CTRACE_RULES"}, now;
	struct ct_control_page page;
	uint32_t request;
	char word[16];
	snprintf(word, sizeof(word), "%d", pid);
	int code = ct_control_open(word, &page, error);
	if (code)
		return code;
	code = read_mode(&page, &now, error);
	if (!code && exact)
		ruled->before = now;
	/* If another `ctrace ctl` has switched it meanwhile, that stays. */
	bool ours = exact ? now.mode != CT_CONTROL_EXACT
			  : now.mode == CT_CONTROL_EXACT && ruled->before.mode != CT_CONTROL_EXACT;
	if (!code && ours)
		code = ct_control_ask(&page, exact ? &wish : &ruled->before, &request, error);
	if (!code && ours)
		ct_message_for(COMMAND, "%d: %s", pid, exact ? "exact" : "as before");
	else if (!code && !exact)
		ct_message_for(COMMAND, "%d: as it was switched meanwhile", pid);
	ruled->exact = exact;
	ct_control_close(&page);
	return code;
}

static void say(void *context, int pid, const char *path, const char *line)
{
	(void)context, (void)path;
	ct_message_for(COMMAND, "%d: %s", pid, line);
}

/* Follow the process's rule. */
static int looked(void *context, struct ct_boxed *boxed, const struct ct_cgroup *group, struct ct_error_text *error)
{
	struct ruled *ruled = boxed->own;
	uint64_t percent = group->limit ? group->used * 100 / group->limit : 0;
	(void)context;
	if (ruled->percent && !ruled->exact && percent >= ruled->percent)
		return switch_to(boxed->process.pid, ruled, true, error);
	if (ruled->exact && percent + LESS < ruled->percent)
		return switch_to(boxed->process.pid, ruled, false, error);
	return CT_OK;
}

/* Find the processes that are new in the group. False: the group is gone. */
static bool find_members(struct all *all)
{
	struct ct_error_text ignored;
	char path[PATH_MAX];
	int pid;
	snprintf(path, sizeof(path), "%s/cgroup.procs", all->request->group);
	FILE *members = fopen(path, "re");
	while (members && fscanf(members, "%d", &pid) == 1)
		if (pid > 0)
			begin(all, pid, false, &ignored);
	if (members)
		fclose(members);
	return members != NULL;
}

/*
 * Wait for a wake-up of any group, the end of any process, a new process of the watched group, or a second. A new one
 * is looked for more often, since it may fill the memory and be killed within that second.
 */
static void wait_for_any(struct all *all)
{
	size_t count = all->boxes.count, fds = 0;
	int pause = all->request->group ? MEMBERS_MS : PAUSE_MS;
	if (ct_array_room(&all->fds, &all->fd_room, (count + 1) * CT_BOX_FDS, sizeof(*all->fds)))
		fds = ct_boxes_poll(&all->boxes, all->fds);
	for (int waited = 0; waited < PAUSE_MS && !poll(all->fds, fds, pause); waited += pause)
		if (all->request->group && (!find_members(all) || all->boxes.count != count))
			break;
}

static void watch(struct all *all)
{
	const char *group = all->request->group;
	while (group ? find_members(all) || all->boxes.count : all->boxes.count > 0) {
		ct_boxes_look(&all->boxes);
		if (all->boxes.count || group)
			wait_for_any(all);
	}
}

static int begin_words(struct all *all, struct request *request, char **words, struct ct_error_text *error)
{
	int code = CT_OK;
	if (strchr(words[0], '/')) {
		request->group = words[0];
		if (words[1])
			return ct_error_set(error, CT_ERR_USAGE, "name processes, or one control group");
		return find_members(all) ? CT_OK
					 : ct_error_set(error, CT_ERR_IO, "%s is not a control group", words[0]);
	}
	for (; *words && !code; words++)
		code = begin(all, atoi(*words), true, error);
	return code;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct all all = {.request = &request, .boxes = {.say = say, .looked = looked}};
	struct ct_error_text error;
	int code, rest = ct_command_begin(&ct_command_watch, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (rest == argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "name a process or the folder of a control group; see ctrace watch --help");
	all.boxes.folder = request.folder ? request.folder : ".";
	code = begin_words(&all, &request, argv + rest, &error);
	if (code)
		code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	else
		watch(&all);
	ct_boxes_fini(&all.boxes);
	free(all.fds);
	return code;
}

const struct ct_command ct_command_watch = {
	.name = COMMAND,
	.summary = "report who holds the memory when it runs out",
	.usage = "[options] PID...|CGROUP",
	.about =
		"Write a report when the memory of a process's control group reaches 80, 90 and 95 % of its limit, and when the "
		"kernel has killed the process: who holds what, who has grown in the last 10 seconds, 1, 5 and 15 minutes, the "
		"latest allocations of each thread, and where the resident memory is. While the memory is above the share in "
		"the rule of CTRACE_RULES or --rules, the recording of the process is exact; when it is 10 % of the limit lower, "
		"the recording is what it was before, a sample or off. CGROUP is the folder of a control group, whose processes "
		"are watched, also those to come.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.run = run,
};

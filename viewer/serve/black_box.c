/* SPDX-License-Identifier: MIT */
#include "serve/black_box.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cgroup.h"
#include "util/text.h"

/* A process of the fleet has a new report, or another line. */
static void say(void *context, int pid, const char *path, const char *line)
{
	struct ct_server *server = context;
	struct ct_served *served = path ? ct_fleet_find(&server->fleet, pid) : NULL;
	char *copy = served ? strdup(path) : NULL;
	if (copy) {
		free(served->report);
		served->report = copy;
	}
	server->say(pid, line);
}

void ct_black_box_init(struct ct_server *server, const char *folder, void (*say_line)(int pid, const char *line))
{
	server->say = say_line;
	server->boxes = (struct ct_boxes){
		.folder = folder, .no_arguments = !server->fleet.arguments, .say = say, .context = server};
}

void ct_black_box_fini(struct ct_server *server)
{
	ct_boxes_fini(&server->boxes);
}

void ct_black_box_find(struct ct_server *server)
{
	struct ct_error_text ignored;
	struct ct_cgroup group;
	struct ct_boxed *boxed;
	for (size_t i = 0; i < server->fleet.count && server->boxes.folder; i++) {
		struct ct_served *served = server->fleet.rows[i];
		if (served->boxed || served->over || served->ended_ns || served->process.folder < 0)
			continue;
		ct_cgroup_of(served->pid, &group);
		if (group.limit)
			served->boxed = !ct_boxes_add(&server->boxes, served->pid, &boxed, &ignored);
	}
}

CT_ANSWER(report)
{
	const char *format = request->parameter(request->context, "format");
	char path[PATH_MAX], room[65536];
	bool json = format && !strcmp(format, "json");
	ssize_t got;
	struct ct_served *served = ct_answer_process(server, request, answer);
	if (!served)
		return;
	snprintf(path, sizeof(path), "%s", served->report ? served->report : "");
	if (json && ct_ends_with(path, ".txt"))
		strcpy(path + strlen(path) - 3, "json"); /* paths are shorter than the room by more than that */
	int fd = *path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0) {
		ct_answer_error(answer, 404, "%d has no report: %s", served->pid,
				server->boxes.folder ? "its memory was not near its limit"
						     : "ctrace serve --reports DIR writes them");
		return;
	}
	while ((got = read(fd, room, sizeof(room))) > 0)
		fwrite(room, 1, (size_t)got, answer->out);
	close(fd);
	answer->type = json ? "application/json" : "text/plain; charset=utf-8";
}

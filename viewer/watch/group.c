/* SPDX-License-Identifier: MIT */
#include "watch/group.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TEXT_BYTES 1024

/* A process waited for 100 ms of 2 s. Without a capability, only multiples of 2 s are accepted. */
#define PRESSURE "some 100000 2000000"

const unsigned ct_group_levels[CT_GROUP_LEVELS] = {80, 90, 95};

static int open_file(const char *folder, const char *name, int flags)
{
	char path[2 * PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return open(path, flags | O_CLOEXEC | O_NONBLOCK);
}

static bool read_text(const char *folder, const char *name, char text[TEXT_BYTES])
{
	int fd = open_file(folder, name, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);
	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return got > 0;
}

static bool write_text(int fd, const char *text)
{
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* One eventfd for all levels: the kernel wakes it whenever the use crosses one of them, in either direction. */
static int open_thresholds(const struct ct_cgroup *group)
{
	char text[96];
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int used = open_file(group->limiting, "memory.usage_in_bytes", O_RDONLY);
	int control = open_file(group->limiting, "cgroup.event_control", O_WRONLY);
	bool good = event >= 0 && used >= 0 && control >= 0;
	for (int i = 0; i < CT_GROUP_LEVELS && good; i++) {
		snprintf(text, sizeof(text), "%d %d %llu", event, used,
			 (unsigned long long)(group->limit / 100 * ct_group_levels[i]));
		good = write_text(control, text);
	}
	if (control >= 0)
		close(control);
	if (used >= 0)
		close(used); /* the kernel holds it */
	if (!good && event >= 0)
		close(event);
	return good ? event : -1;
}

static int open_events(const struct ct_cgroup *group)
{
	char path[2 * PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/memory.events", group->limiting);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_pressure(const struct ct_cgroup *group)
{
	int fd = open_file(group->limiting, "memory.pressure", O_RDWR);
	if (fd >= 0 && write(fd, PRESSURE, sizeof(PRESSURE)) != sizeof(PRESSURE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void ct_group_open(struct ct_group *group, const struct ct_cgroup *cgroup)
{
	*group = (struct ct_group){.group = *cgroup, .fds = {-1, -1}, .events = {POLLIN, POLLPRI}};
	group->fds[0] = cgroup->version == 1 ? open_thresholds(cgroup) : open_events(cgroup);
	group->fds[1] = cgroup->version == 1 ? -1 : open_pressure(cgroup);
}

void ct_group_close(struct ct_group *group)
{
	for (int i = 0; i < CT_GROUP_FDS; i++) {
		if (group->fds[i] >= 0)
			close(group->fds[i]);
		group->fds[i] = -1;
	}
}

unsigned ct_group_poll(const struct ct_group *group, struct pollfd *fds)
{
	unsigned count = 0;
	for (int i = 0; i < CT_GROUP_FDS; i++)
		if (group->fds[i] >= 0)
			fds[count++] = (struct pollfd){.fd = group->fds[i], .events = group->events[i]};
	return count;
}

void ct_group_clear(const struct ct_group *group)
{
	char ignored[4096];
	while (group->fds[0] >= 0 && read(group->fds[0], ignored, sizeof(ignored)) > 0)
		;
}

uint64_t ct_group_kills(const struct ct_group *group)
{
	static const char word[] = "oom_kill ";
	char text[TEXT_BYTES];
	if (!read_text(group->group.own, group->group.version == 1 ? "memory.oom_control" : "memory.events", text))
		return CT_KILLS_UNKNOWN;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, sizeof(word) - 1))
			return strtoull(line + sizeof(word) - 1, NULL, 10);
	}
	return CT_KILLS_UNKNOWN;
}

int ct_group_pressure(const struct ct_group *group)
{
	char text[TEXT_BYTES];
	double percent;
	const char *full =
		read_text(group->group.limiting, "memory.pressure", text) ? strstr(text, "full avg10=") : NULL;
	return full && sscanf(full, "full avg10=%lf", &percent) == 1 && percent >= 0 && percent <= 100
		       ? (int)(percent * 100 + 0.5)
		       : -1;
}

/* SPDX-License-Identifier: MIT */
#include "watch/box.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load/store/store_numbers.h"
#include "memory/take.h"
#include "util/clock.h"
#include "watch/look.h"
#include "watch/report.h"

#define READ_SHARE 20 /* of the time, readings of stores may cost this part, and so may looking for them */
#define LEDGER_SHARE 20 /* the same for ledgers while memory is tight */
#define LEDGER_SHARE_IN_PEACE 100
#define KILLS_APART_NS UINT64_C(100000000)
#define REARM 10 /* percent of the limit, below a level, where it counts as left */

struct ct_box {
	const struct ct_process *process;
	const char *folder;
	bool no_arguments;
	int pidfd;
	struct ct_group group;
	bool opened; /* the group's wake-ups */
	bool traced;
	uint64_t kills[2]; /* the group's count, at two looks at the process before it was being killed */
	uint64_t kills_ns;
	size_t boxes; /* that share the time */
	bool reached[CT_GROUP_LEVELS];
	int fd; /* of the store; -1: none yet */
	char name[PATH_MAX];
	uint64_t mark, next_read_ns, next_find_ns;
	bool over; /* the recording has ended in order */
	struct ct_history history;
	struct ct_store_builder *builder;
	struct ct_ledger ledger;
	uint64_t ledger_ns; /* 0: none was taken */
	struct ct_report report;
};

static void forget_store(struct ct_box *box)
{
	if (box->fd >= 0)
		close(box->fd);
	box->fd = -1;
	ct_history_fini(&box->history);
	ct_store_builder_free(box->builder);
	box->builder = NULL;
}

void ct_box_free(struct ct_box *box)
{
	if (!box)
		return;
	forget_store(box);
	ct_group_close(&box->group);
	if (box->pidfd >= 0)
		close(box->pidfd);
	ct_report_fini(&box->report);
	free(box);
}

unsigned ct_box_poll(const struct ct_box *box, struct pollfd *fds)
{
	unsigned count = ct_group_poll(&box->group, fds);
	if (box->pidfd >= 0)
		fds[count++] = (struct pollfd){.fd = box->pidfd, .events = POLLIN};
	return count;
}

const char *ct_box_cause(const struct ct_box *box)
{
	return box->report.cause;
}

const char *ct_box_path(const struct ct_box *box)
{
	return box->report.path;
}

/* Open the store, or the one that the process has since an exec. */
static void find_store(struct ct_box *box)
{
	struct ct_error_text ignored;
	struct stat before, found;
	char name[PATH_MAX];
	int fd = ct_process_store(box->process, name, &ignored);
	int page = fd < 0 && !box->traced ? ct_process_page(box->process, name, &ignored) : -1;
	box->traced = box->traced || fd >= 0 || page >= 0;
	if (page >= 0)
		close(page);
	if (fd < 0)
		return;
	bool same = box->fd >= 0 && !fstat(fd, &found) && !fstat(box->fd, &before) && found.st_dev == before.st_dev &&
		    found.st_ino == before.st_ino;
	if (same) {
		close(fd);
		return;
	}
	forget_store(box);
	box->fd = fd;
	box->mark = 0;
	snprintf(box->name, sizeof(box->name), "%s", name);
}

bool ct_box_is_traced(struct ct_box *box)
{
	if (!box->traced)
		find_store(box);
	return box->traced;
}

struct ct_box *ct_box_new(const struct ct_process *process, const char *folder, bool no_arguments)
{
	struct ct_box *box = calloc(1, sizeof(*box));
	if (!box)
		return NULL;
	box->process = process;
	box->folder = folder;
	box->no_arguments = no_arguments;
	box->fd = -1;
	box->boxes = 1;
	box->group = (struct ct_group){.fds = {-1, -1}};
	box->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	find_store(box);
	return box;
}

/* Its group's count of kills may have the process already when it is dying. */
static void note_kills(struct ct_box *box, uint64_t now)
{
	uint64_t kills = ct_group_kills(&box->group);
	if (kills == CT_KILLS_UNKNOWN || (box->kills_ns && now - box->kills_ns < KILLS_APART_NS) ||
	    ct_process_is_dying(box->process))
		return;
	box->kills[0] = box->kills_ns ? box->kills[1] : kills;
	box->kills[1] = kills;
	box->kills_ns = now;
}

/* Take the ledger once more. Each look at a level has its own. In between it is taken for a kill that is to come. */
static void take_ledger(struct ct_box *box, const struct ct_store_file *store, bool level, uint64_t now)
{
	uint64_t pause = box->ledger.took_ns * (box->reached[0] ? LEDGER_SHARE : LEDGER_SHARE_IN_PEACE) * box->boxes;
	struct ct_error_text ignored;
	struct ct_taken taken;
	if (!level && box->ledger_ns && now - box->ledger_ns < pause)
		return;
	if (!ct_take(box->process, store, &taken, &ignored)) {
		box->ledger = taken.ledger;
		box->ledger_ns = now;
	}
	ct_taken_fini(&taken);
}

static int make_look(struct ct_box *box, const struct ct_store_file *store, unsigned level,
		     const struct ct_cgroup *cgroup, struct ct_error_text *error)
{
	struct ct_look look;
	uint64_t now = ct_now_ns();
	if (!box->builder)
		box->builder = ct_store_builder_new();
	int code = box->builder ? ct_store_builder_update(box->builder, store, error) : ct_error_no_memory(error);
	if (code)
		return code;
	code = ct_look_init(&look, store, box->builder, &box->history, now);
	look.ledger = box->ledger_ns ? &box->ledger : NULL;
	look.ledger_age_ns = now - box->ledger_ns;
	look.unix_ns = ct_clock_ns(CLOCK_REALTIME);
	look.after = level == CT_REPORT_END;
	look.used_bytes = cgroup->used;
	look.limit_bytes = cgroup->limit;
	look.pressure = ct_group_pressure(&box->group);
	if (!code)
		code = ct_report_add(&box->report, &look, level);
	ct_look_fini(&look);
	ct_store_builder_rest(box->builder);
	return code ? ct_error_no_memory(error) : CT_OK;
}

/* Read the store, for the history and, with a level, for a look. level CT_REPORT_END: the process is gone. */
static int read_store(struct ct_box *box, int level, const struct ct_cgroup *cgroup, struct ct_error_text *error)
{
	struct ct_store_file store;
	uint64_t start = ct_now_ns();
	int code = ct_store_file_read(box->fd, box->name, &store, error);
	if (!code && ct_history_add(&box->history, &store, start))
		code = ct_error_no_memory(error);
	if (!code) {
		box->over = store.header->state == CT_STATE_ENDED;
		if (level != CT_REPORT_END)
			take_ledger(box, &store, level >= 0, start);
		if (level >= 0)
			code = make_look(box, &store, (unsigned)level, cgroup, error);
	}
	ct_store_file_close(&store);
	box->next_read_ns = start + (ct_now_ns() - start) * READ_SHARE * box->boxes;
	return code;
}

/* The highest level that was reached since the last look; -1: none. */
static int new_level(struct ct_box *box, const struct ct_cgroup *cgroup)
{
	uint64_t percent = cgroup->limit ? cgroup->used * 100 / cgroup->limit : 0;
	int level = -1;
	for (int i = 0; i < CT_GROUP_LEVELS; i++) {
		if (percent >= ct_group_levels[i] && !box->reached[i]) {
			box->reached[i] = true;
			level = i;
		} else if (percent + REARM < ct_group_levels[i]) {
			box->reached[i] = false;
		}
	}
	return level;
}

static int write_report(struct ct_box *box, struct ct_error_text *error)
{
	const struct ct_profile *profile = box->builder ? ct_store_builder_profile(box->builder) : NULL;
	const char *command = !profile ? "" : box->no_arguments ? profile->program : profile->command;
	return ct_report_write(&box->report, box->folder, box->process->pid, command, box->group.group.name, error);
}

/* The process may have been moved. False: it is ending, and in no group any more; the one before says why. */
static bool follow_group(struct ct_box *box, const struct ct_cgroup *cgroup)
{
	const struct ct_cgroup *group = &box->group.group;
	if (box->opened && !strcmp(group->own, cgroup->own) && !strcmp(group->limiting, cgroup->limiting))
		return true;
	if (box->opened && ct_process_is_dying(box->process))
		return false;
	ct_group_close(&box->group);
	ct_group_open(&box->group, cgroup);
	box->opened = true;
	box->kills_ns = 0;
	return true;
}

int ct_box_look(struct ct_box *box, const struct ct_cgroup *cgroup, size_t boxes, struct ct_error_text *error)
{
	uint64_t now = ct_now_ns(), mark;
	box->boxes = boxes;
	if (!follow_group(box, cgroup))
		return 0;
	box->group.group.used = cgroup->used;
	ct_group_clear(&box->group);
	note_kills(box, now);
	int level = new_level(box, cgroup);
	if (box->fd >= 0 && ct_store_mark(box->fd, &mark, error))
		mark = 0;
	if ((box->fd < 0 || mark == box->mark) && now >= box->next_find_ns) {
		find_store(box);
		box->next_find_ns = now + (ct_now_ns() - now) * READ_SHARE * boxes;
	}
	if (box->fd < 0 || (level < 0 && (now < box->next_read_ns || (box->mark && mark == box->mark))))
		return 0;
	box->mark = box->fd >= 0 && !ct_store_mark(box->fd, &mark, error) ? mark : 0;
	int code = read_store(box, level, cgroup, error);
	if (code || level < 0)
		return code;
	code = write_report(box, error);
	return code ? code : (int)ct_group_levels[level];
}

int ct_box_end(struct ct_box *box, struct ct_error_text *error)
{
	uint64_t kills = ct_group_kills(&box->group);
	bool oom = box->kills_ns && kills != CT_KILLS_UNKNOWN && kills > box->kills[0];
	int code = box->fd >= 0 ? read_store(box, CT_REPORT_END, &box->group.group, error) : CT_OK;
	oom = oom && !box->over;
	box->report.cause = oom ? "out of memory" : box->over ? "ended" : "killed";
	if (code || (!oom && !ct_report_has_level(&box->report)))
		return code;
	code = write_report(box, error);
	return code ? code : 1;
}

/* SPDX-License-Identifier: MIT */
#include "serve/fleet.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/array.h"
#include "util/clock.h"
#include "util/open.h"
#include "util/text.h"
#include "util/utf8.h"

#define SECOND UINT64_C(1000000000)
#define SCAN_NS SECOND /* a scan is not repeated before this */
#define PROFILES_MAX ((size_t)64 << 20) /* bytes of all profiles together; one may take more */
#define KEPT_NS (300 * SECOND) /* how long a process is kept after its end */
#define AGAIN 3 /* scans, until a store that has just appeared is whole */
#define RARE 16 /* a process that was not recorded in its first scans is looked at in every RARE-th one */
#define OFTEN 4 /* and one that sleeps in every OFTEN-th, since it may be woken */

void ct_fleet_fini(struct ct_fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		ct_served_free(fleet->rows[i]);
	ct_site_names_fini(&fleet->names);
	free(fleet->rows);
	free(fleet->seen);
	ct_folders_fini(&fleet->folders);
}

static struct ct_served *find_file(const struct ct_fleet *fleet, const struct stat *file)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (fleet->rows[i]->inode == file->st_ino && fleet->rows[i]->device == file->st_dev)
			return fleet->rows[i];
	return NULL;
}

/* Add a process; takes the descriptors over. */
static void add(struct ct_fleet *fleet, int pid, int folder, int fd, const char *name)
{
	struct ct_served *served = NULL;
	if (fleet->count < CT_FLEET_MAX &&
	    ct_array_room(&fleet->rows, &fleet->room, fleet->count + 1, sizeof(struct ct_served *))) {
		served = ct_served_new(pid, folder, fd, name);
	} else {
		fleet->refused++;
		close(fd);
		if (folder >= 0)
			close(folder);
	}
	if (served) {
		served->arguments = fleet->arguments;
		fleet->rows[fleet->count++] = served;
	}
}

/* The process has this store now; after an exec, it had another one before. */
static void supersede(struct ct_fleet *fleet, int pid, const struct stat *file)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct ct_served *served = fleet->rows[i];
		if (served->pid == pid && served->process.folder >= 0 && served->inode != file->st_ino)
			served->over = true;
	}
}

/* Look for the store of a process of /proc. False: it has none that we may read. asleep: it may have one yet. */
static bool take_process(struct ct_fleet *fleet, int pid, bool *asleep)
{
	struct ct_error_text ignored;
	struct ct_process process;
	struct stat file;
	char name[PATH_MAX];
	*asleep = false;
	if (ct_process_open(pid, &process, &ignored))
		return false;
	int fd = ct_process_store(&process, name, &ignored);
	if (fd < 0 || fstat(fd, &file) < 0) {
		int page = fd < 0 ? ct_process_page(&process, name, &ignored) : -1;
		*asleep = page >= 0;
		if (page >= 0)
			close(page);
		if (fd >= 0)
			close(fd);
		close(process.folder);
		return false;
	}
	struct ct_served *known = find_file(fleet, &file);
	supersede(fleet, pid, &file);
	if (!known) {
		add(fleet, pid, process.folder, fd, name);
		return true;
	}
	close(fd);
	if (known->process.folder < 0 && known->state == CT_SERVED_UNSEEN) {
		known->pid = pid;
		known->process = process;
		known->looked_ns = 0;
	} else {
		close(process.folder);
	}
	return true;
}

/* Take a store of a watched folder. fresh: it has just appeared, and may have no contents yet. */
static void take_store(void *context, const struct ct_folder *folder, const char *name, bool fresh)
{
	struct ct_fleet *fleet = context;
	char path[PATH_MAX];
	struct stat file;
	bool asleep;
	struct {
		char magic[sizeof(CT_STORE_MAGIC) - 1];
		char rest[offsetof(struct ct_store_header, pid) - sizeof(CT_STORE_MAGIC) + 1];
		uint32_t pid;
	} start;
	if (!ct_ends_with(name, ".store") ||
	    snprintf(path, sizeof(path), "%s/%s", folder->path, name) >= (int)sizeof(path))
		return;
	int fd = ct_open_regular(folder->fd, name, O_NOFOLLOW, &file);
	if (fd < 0)
		return;
	bool known = find_file(fleet, &file);
	bool whole = !known && pread(fd, &start, sizeof(start), 0) == sizeof(start);
	if (!known && (!whole || !start.magic[0]))
		fleet->again = fresh ? AGAIN : fleet->again; /* the magic is written last */
	if (!whole || memcmp(start.magic, CT_STORE_MAGIC, sizeof(start.magic))) {
		close(fd);
		return;
	}
	size_t before = fleet->count;
	add(fleet, start.pid < INT_MAX ? (int)start.pid : 0, -1, fd, path);
	if (fleet->proc && fleet->count > before && start.pid < INT_MAX)
		take_process(fleet, (int)start.pid, &asleep);
}

int ct_fleet_init(struct ct_fleet *fleet, bool proc, struct ct_error_text *error)
{
	*fleet = (struct ct_fleet){.proc = proc};
	return ct_folders_init(&fleet->folders, take_store, fleet, error);
}

int ct_fleet_watch(struct ct_fleet *fleet, const char *folder, struct ct_error_text *error)
{
	return ct_folders_add(&fleet->folders, folder, error);
}

/* When the process started, in clock ticks; 0: it is not ours, or gone. */
static uint64_t start_of(int proc, const char *pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	struct stat folder;
	if (fstatat(proc, pid, &folder, 0) < 0 || (geteuid() && folder.st_uid != geteuid()))
		return 0;
	snprintf(path, sizeof(path), "%.32s/stat", pid);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	const char *rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			    &start) != 1)
		return 0;
	return start;
}

/* Is it time to look at this process again? */
static bool is_due(const struct ct_fleet_seen *seen, struct ct_fleet *fleet)
{
	if (!seen->served && seen->asleep)
		return !(seen->looks % OFTEN);
	if (!seen->served)
		return seen->looks < RARE ? !(seen->looks & (seen->looks - 1)) : !(seen->looks % RARE);
	struct ct_served *served = ct_fleet_find(fleet, seen->pid);
	return served && served->state == CT_SERVED_CLOSED; /* it may have called exec */
}

static void scan_proc(struct ct_fleet *fleet)
{
	DIR *proc = opendir("/proc");
	struct ct_fleet_seen *now = NULL;
	size_t count = 0, room = 0, before = 0;
	struct dirent *entry;
	while (proc && (entry = readdir(proc))) {
		int pid = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? atoi(entry->d_name) : 0;
		uint64_t start = pid > 0 && pid != getpid() ? start_of(dirfd(proc), entry->d_name) : 0;
		if (!start || !ct_array_room(&now, &room, count + 1, sizeof(*now)))
			continue;
		while (before < fleet->seen_count && fleet->seen[before].pid < pid)
			before++;
		now[count] = (struct ct_fleet_seen){.pid = pid, .start = start};
		if (before < fleet->seen_count && fleet->seen[before].pid == pid && fleet->seen[before].start == start)
			now[count] = fleet->seen[before];
		if (is_due(&now[count], fleet))
			now[count].served = take_process(fleet, pid, &now[count].asleep) || now[count].served;
		now[count++].looks++;
	}
	if (proc) {
		closedir(proc);
		free(fleet->seen);
		fleet->seen = now;
		fleet->seen_count = count;
	}
}

void ct_fleet_count_ends(struct ct_fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct ct_served *served = fleet->rows[i];
		if (!served->ended_ns || !served->watched)
			continue;
		fleet->ended += served->state == CT_SERVED_ENDED;
		fleet->killed += served->state == CT_SERVED_KILLED && !served->oom;
		fleet->oom += served->oom;
		served->watched = false;
	}
}

/* Note ends, and drop what ended long ago. */
static void tidy(struct ct_fleet *fleet)
{
	size_t kept = 0;
	struct stat file;
	for (size_t i = 0; i < fleet->count; i++)
		if (fleet->rows[i]->process.folder >= 0 && !ct_process_lives(&fleet->rows[i]->process))
			ct_served_look(fleet->rows[i]);
	ct_fleet_count_ends(fleet);
	uint64_t now = ct_now_ns(); /* not before the ends that were just seen */
	for (size_t i = 0; i < fleet->count; i++) {
		struct ct_served *served = fleet->rows[i];
		ct_served_rest(served, now);
		bool removed = served->state == CT_SERVED_UNSEEN && !fstat(served->fd, &file) && !file.st_nlink;
		if (removed || (served->ended_ns && now - served->ended_ns > KEPT_NS)) {
			fleet->profile_bytes -= served->counted_bytes;
			ct_served_free(served);
		} else {
			fleet->rows[kept++] = served;
		}
	}
	fleet->count = kept;
}

void ct_fleet_scan(struct ct_fleet *fleet)
{
	uint64_t now = ct_now_ns();
	ct_folders_read_events(&fleet->folders);
	if (fleet->scanned_ns && now - fleet->scanned_ns < SCAN_NS)
		return;
	fleet->scanned_ns = now;
	if (fleet->again)
		ct_folders_read_again(&fleet->folders);
	fleet->again -= fleet->again > 0;
	if (fleet->proc)
		scan_proc(fleet);
	tidy(fleet);
}

bool ct_fleet_sleeps(const struct ct_fleet *fleet, int pid)
{
	for (size_t i = 0; i < fleet->seen_count; i++)
		if (fleet->seen[i].pid == pid)
			return ct_fleet_is_asleep(&fleet->seen[i]);
	return false;
}

char *ct_fleet_exe(const struct ct_fleet_seen *seen)
{
	char link[32], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/%d/exe", seen->pid);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	return ct_utf8_clean(path, length > 0 ? (size_t)length : 0, NULL);
}

void ct_fleet_take(struct ct_fleet *fleet, int pid)
{
	bool asleep;
	if (fleet->proc && pid != getpid())
		take_process(fleet, pid, &asleep);
}

static void count_bytes(struct ct_fleet *fleet, struct ct_served *served)
{
	size_t bytes = ct_served_bytes(served);
	fleet->profile_bytes += bytes - served->counted_bytes;
	served->counted_bytes = bytes;
}

void ct_fleet_used(struct ct_fleet *fleet, struct ct_served *served)
{
	count_bytes(fleet, served);
	if (fleet->profile_bytes > PROFILES_MAX) {
		ct_served_forget(served);
		count_bytes(fleet, served);
	}
}

void ct_fleet_trim(struct ct_fleet *fleet)
{
	struct ct_served *newest = NULL, *oldest;
	for (size_t i = 0; i < fleet->count; i++) {
		struct ct_served *served = fleet->rows[i];
		count_bytes(fleet, served);
		if (served->builder && (!newest || served->used_ns > newest->used_ns))
			newest = served;
	}
	while (fleet->profile_bytes > PROFILES_MAX) {
		oldest = newest;
		for (size_t i = 0; i < fleet->count; i++)
			if (fleet->rows[i]->builder && fleet->rows[i]->used_ns < oldest->used_ns)
				oldest = fleet->rows[i];
		if (oldest == newest) /* the one that was asked for just now may take more */
			break;
		ct_served_forget(oldest);
		count_bytes(fleet, oldest);
	}
}

struct ct_served *ct_fleet_find(struct ct_fleet *fleet, int pid)
{
	struct ct_served *best = NULL;
	for (size_t i = 0; i < fleet->count; i++) {
		struct ct_served *served = fleet->rows[i];
		if (served->pid == pid && (!best || best->ended_ns || best->over || best->process.folder < 0))
			best = !best || served->process.folder >= 0 || served->serial > best->serial ? served : best;
	}
	return best;
}

struct ct_served *ct_fleet_serial(struct ct_fleet *fleet, uint64_t serial)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (fleet->rows[i]->serial == serial)
			return fleet->rows[i];
	return NULL;
}

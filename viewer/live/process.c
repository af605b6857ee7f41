/* SPDX-License-Identifier: MIT */
#include "live/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/clock.h"
#include "util/library.h"
#include "util/open.h"
#include "util/text.h"

#define SUFFIX ".store"
#define STAT_BYTES 1024
#define GONE " (deleted)" /* how the kernel marks a deleted file */

FILE *ct_process_part(const struct ct_process *process, const char *name)
{
	int fd = openat(process->folder, name, O_RDONLY | O_CLOEXEC);
	FILE *part = fd < 0 ? NULL : fdopen(fd, "r");
	if (fd >= 0 && !part)
		close(fd);
	return part;
}

int ct_process_open(int pid, struct ct_process *process, struct ct_error_text *error)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", pid);
	*process = (struct ct_process){pid, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
	if (process->folder >= 0)
		return CT_OK;
	/* A process that cannot be seen (hidepid, no /proc) can still be sent a signal, or refuses it. */
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		return ct_error_set(error, CT_ERR_IO,
				    "process %d exists, but /proc does not show it; mount /proc, or run this as root",
				    pid);
	return ct_error_set(error, CT_ERR_IO, "there is no process %d", pid);
}

/* The fields of "stat" behind the program's name, which may contain any character. NULL: the process is gone. */
static const char *read_stat(const struct ct_process *process, char text[STAT_BYTES])
{
	FILE *stat = ct_process_part(process, "stat");
	size_t length = stat ? fread(text, 1, STAT_BYTES - 1, stat) : 0;
	if (stat)
		fclose(stat);
	text[length] = '\0';
	return strrchr(text, ')');
}

bool ct_process_lives(const struct ct_process *process)
{
	char text[STAT_BYTES], state = 'X';
	int threads = 0;
	const char *rest = read_stat(process, text);
	if (!rest || sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &state,
			    &threads) != 2)
		return false;
	/* If the main thread has ended before the others, the process looks like a zombie too. */
	return state != 'X' && (state != 'Z' || threads > 1);
}

uint64_t ct_process_age_ns(const struct ct_process *process)
{
	char text[STAT_BYTES];
	unsigned long long start = 0; /* in clock ticks since the machine's start */
	const char *rest = read_stat(process, text);
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			    &start) != 1)
		return UINT64_MAX;
	uint64_t now_ns = ct_clock_ns(CLOCK_BOOTTIME);
	uint64_t start_ns = start * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
	return now_ns > start_ns ? now_ns - start_ns : 0;
}

bool ct_process_is_dying(const struct ct_process *process)
{
	char text[STAT_BYTES];
	unsigned flags = 0;
	unsigned long long pending = 0;
	const char *rest = read_stat(process, text);
	/* PF_EXITING, PF_SIGNALED; the signals are those of the main thread. */
	return !rest ||
	       sscanf(rest,
		      ") %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %*u "
		      "%*d %*u %*u %*u %*u %*u %*u %llu",
		      &flags, &pending) != 2 ||
	       flags & 0x404 || pending >> 8 & 1;
}

/* The process's pid in its own pid namespace, which differs in a container. */
static uint32_t inner_pid(const struct ct_process *process)
{
	unsigned long pid = (unsigned long)process->pid;
	char line[256];
	FILE *status = ct_process_part(process, "status");
	while (status && fgets(line, sizeof(line), status)) {
		char *last = !strncmp(line, "NSpid:", 6) ? strrchr(line, '\t') : NULL;
		if (last)
			pid = strtoul(last + 1, NULL, 10);
	}
	if (status)
		fclose(status);
	return (uint32_t)pid;
}

/* One mapping of a file. */
struct mapping {
	unsigned long start, end, inode;
	char *path; /* points into the line */
	bool gone;
};

static bool parse_mapping(char *line, struct mapping *mapping)
{
	int at = 0;
	if (sscanf(line, "%lx-%lx %*s %*s %*s %lu %n", &mapping->start, &mapping->end, &mapping->inode, &at) != 3 ||
	    !at)
		return false;
	mapping->path = line + at;
	mapping->path[strcspn(mapping->path, "\n")] = '\0';
	mapping->gone = ct_ends_with(mapping->path, GONE);
	if (mapping->gone)
		mapping->path[strlen(mapping->path) - strlen(GONE)] = '\0';
	return true;
}

static bool is_store(const char *path)
{
	return ct_ends_with(path, SUFFIX);
}

static bool is_page(const char *path)
{
	const char *name = strrchr(path, '/');
	return name && !strncmp(name + 1, CT_CONTROL_PREFIX, strlen(CT_CONTROL_PREFIX)) && !is_store(path);
}

/* Open a mapped file: by its name, by its name below the process's own root or, for root only, from map_files. */
static int open_mapping(const struct ct_process *process, const struct mapping *mapping)
{
	char path[PATH_MAX];
	struct stat file;
	for (int i = 0; i < 2 && !mapping->gone; i++) {
		if (snprintf(path, sizeof(path), "%s%s", i ? "root" : "", mapping->path) >= (int)sizeof(path))
			continue;
		/* The kernel resolved all links in the path. A link there now leads elsewhere, perhaps to a device. */
		int fd = ct_open_regular(process->folder, path, O_NOFOLLOW, &file);
		if (fd >= 0 && file.st_ino == mapping->inode)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	snprintf(path, sizeof(path), "map_files/%lx-%lx", mapping->start, mapping->end);
	return ct_open_regular(process->folder, path, 0, &file);
}

/* The pid of the process that made the store; 0 = the file is not a store. */
static uint32_t store_pid(int fd)
{
	struct {
		char magic[sizeof(CT_STORE_MAGIC) - 1];
		char rest[offsetof(struct ct_store_header, pid) - sizeof(CT_STORE_MAGIC) + 1];
		uint32_t pid;
	} start;
	_Static_assert(offsetof(__typeof__(start), pid) == offsetof(struct ct_store_header, pid), "store layout");
	if (pread(fd, &start, sizeof(start), 0) != sizeof(start) ||
	    memcmp(start.magic, CT_STORE_MAGIC, sizeof(start.magic)))
		return 0;
	return start.pid;
}

/* The same for a control page. */
static uint32_t page_pid(int fd)
{
	struct ct_control page;
	size_t bytes = offsetof(struct ct_control, name);
	return pread(fd, &page, bytes, 0) == (ssize_t)bytes && !memcmp(page.magic, CT_CONTROL_MAGIC, sizeof(page.magic))
		       ? page.pid
		       : 0;
}

/* The two files by which a process is found. */
static const struct kind {
	bool (*fits)(const char *path);
	uint32_t (*pid)(int fd); /* 0: it is not such a file */
	const char *what;
} store_kind = {is_store, store_pid, "store"}, page_kind = {is_page, page_pid, "control page"};

static int not_traced(const struct ct_process *process, struct ct_error_text *error)
{
	char library[PATH_MAX] = "libctrace.so";
	struct ct_error_text ignored;
	if (!ct_process_lives(process))
		return ct_error_set(error, CT_ERR_IO, "process %d has ended", process->pid);
	if (ct_library_find(NULL, library, &ignored))
		strcpy(library, "libctrace.so");
	return ct_error_set(error, CT_ERR_IO,
			    "process %d is not traced by ctrace; start it with LD_PRELOAD=%s or ctrace record",
			    process->pid, library);
}

/* Search the mappings for a file. < 0: not found; error says why, or is empty. */
static int search(const struct ct_process *process, const struct kind *kind, FILE *maps, char name[PATH_MAX],
		  struct ct_error_text *error)
{
	char *line = NULL;
	size_t room = 0;
	unsigned long last = 0;
	uint32_t pid = inner_pid(process);
	int fd = -1;
	while (fd < 0 && getline(&line, &room, maps) > 0) {
		struct mapping mapping;
		if (!parse_mapping(line, &mapping) || !kind->fits(mapping.path) || mapping.inode == last)
			continue;
		last = mapping.inode;
		fd = open_mapping(process, &mapping);
		if (fd < 0) {
			ct_error_set(error, CT_ERR_IO, "the %s of process %d, %s, %s%s", kind->what, process->pid,
				     mapping.path, mapping.gone ? "has been deleted" : "cannot be opened: ",
				     mapping.gone ? "; only root can still read it" : strerror(errno));
			continue;
		}
		uint32_t owner = kind->pid(fd);
		if (owner && owner != pid) /* a forked child maps its parent's store until its own first event */
			ct_error_set(error, CT_ERR_IO,
				     "process %d is a child of a traced process and has not allocated anything yet",
				     process->pid);
		if (owner == pid) {
			snprintf(name, PATH_MAX, "%s", mapping.path);
		} else {
			close(fd);
			fd = -1;
		}
	}
	free(line);
	return fd;
}

static int find(const struct ct_process *process, const struct kind *kind, char name[PATH_MAX],
		struct ct_error_text *error)
{
	error->line[0] = '\0';
	FILE *maps = ct_process_part(process, "maps");
	if (!maps && (errno == EACCES || errno == EPERM))
		return ct_error_set(error, CT_ERR_IO,
				    geteuid() ? "process %d is another user's, or has given up rights; run this as root"
					      : "process %d cannot be read, even by root; in a container that "
						"takes the capability SYS_PTRACE",
				    process->pid);
	int fd = maps ? search(process, kind, maps, name, error) : -1;
	if (maps)
		fclose(maps);
	return fd < 0 ? CT_ERR_IO : fd;
}

int ct_process_page(const struct ct_process *process, char name[PATH_MAX], struct ct_error_text *error)
{
	return find(process, &page_kind, name, error);
}

static bool is_asleep(const struct ct_process *process)
{
	struct ct_error_text ignored;
	char name[PATH_MAX];
	int fd = ct_process_page(process, name, &ignored);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int ct_process_store(const struct ct_process *process, char name[PATH_MAX], struct ct_error_text *error)
{
	int fd = find(process, &store_kind, name, error);
	if (fd >= 0 || error->line[0])
		return fd;
	if (is_asleep(process))
		return ct_error_set(error, CT_ERR_IO,
				    "process %d is asleep: nothing is recorded; 'ctrace ctl %d exact' wakes it",
				    process->pid, process->pid);
	return not_traced(process, error);
}

int ct_process_open_store(int pid, char name[PATH_MAX], struct ct_error_text *error)
{
	struct ct_process process;
	int code = ct_process_open(pid, &process, error);
	if (code)
		return code;
	int fd = ct_process_store(&process, name, error);
	close(process.folder);
	return fd;
}

/* SPDX-License-Identifier: MIT */
#include "record/left_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/open.h"
#include "util/text.h"

/* Read bytes of the STRINGS section, which may be spread over extents, into text. */
static bool read_string(int fd, const struct ct_store_header *header, struct ct_span span, char *text, size_t room)
{
	uint64_t start = 0; /* the extent's offset within the section */
	size_t done = 0;
	if (span.bytes >= room)
		return false;
	for (uint32_t i = 0; i < header->extent_count && i < CT_EXTENTS_MAX && done < span.bytes; i++) {
		const struct ct_extent *extent = &header->extents[i];
		uint64_t bytes = (uint64_t)extent->pages * CT_STORE_PAGE;
		uint64_t at = (uint64_t)span.offset + done;
		size_t part = span.bytes - done;

		if (extent->section != CT_SECTION_STRINGS)
			continue;
		if (extent->file_offset > INT64_MAX - bytes)
			return false;
		if (at >= start && at < start + bytes) {
			if (part > start + bytes - at)
				part = (size_t)(start + bytes - at);
			if (pread(fd, text + done, part, (off_t)(extent->file_offset + (at - start))) != (ssize_t)part)
				return false;
			done += part;
		}
		start += bytes;
	}
	text[done] = '\0';
	return done == span.bytes;
}

static bool read_header(int fd, struct ct_left_store *store)
{
	struct ct_store_header *header = calloc(1, sizeof(*header));
	bool fine = header && pread(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
		    !memcmp(header->magic, CT_STORE_MAGIC, sizeof(header->magic)) &&
		    header->version == CT_STORE_VERSION && header->byte_order == CT_STORE_BYTE_ORDER &&
		    read_string(fd, header, header->session, store->session, sizeof(store->session)) &&
		    read_string(fd, header, header->output, store->output, sizeof(store->output)) &&
		    read_string(fd, header, header->exe, store->exe, sizeof(store->exe));
	if (fine) {
		store->pid = header->pid;
		store->state = header->state;
		bool forked = header->flags & CT_STORE_FORKED;
		store->begin_ns = forked ? header->forked_ns : header->boot_ns;
		store->clocks_ns = (int64_t)(header->start_unix_ns - header->boot_ns);
		store->kept = header->flags & CT_STORE_KEEP;
		store->has_nothing = forked && header->totals.total_blocks == header->forked_blocks;
	}
	free(header);
	return fine;
}

/* Is this line of /proc/PID/maps a mapping of the file? Some file systems show another inode, so paths count too. */
static bool is_mapping(const char *line, const struct ct_left_store *store, const char *path)
{
	unsigned major, minor;
	unsigned long inode;
	int name = 0;
	if (sscanf(line, "%*s %*s %*s %x:%x %lu %n", &major, &minor, &inode, &name) < 3)
		return false;
	if (inode == store->status.st_ino && makedev(major, minor) == store->status.st_dev)
		return true;
	return name > 0 && !strncmp(line + name, path, strlen(path));
}

bool ct_left_store_in_use(const struct ct_left_store *store, const char *path)
{
	char maps[32];
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;
	if (kill((pid_t)store->pid, 0) != 0 && errno == ESRCH)
		return false;
	snprintf(maps, sizeof(maps), "/proc/%u/maps", store->pid);
	file = fopen(maps, "re");
	/* ENOENT: the process is gone; else we may not read the file */
	if (!file)
		return errno != ENOENT;
	while (!found && getline(&line, &room, file) > 0)
		found = is_mapping(line, store, path);
	free(line);
	fclose(file);
	return found;
}

/* A process that records in a recording of this name, into a store of the folder; 0: none. */
static uint32_t find_recorder(const char *folder, const char *session)
{
	char path[PATH_MAX];
	uint32_t pid = 0;
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	while (entries && !pid && (entry = readdir(entries))) {
		struct ct_left_store store;
		if (ct_ends_with(entry->d_name, ".store") &&
		    ct_left_store_read(dirfd(entries), entry->d_name, &store) && !strcmp(store.session, session) &&
		    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path) &&
		    ct_left_store_in_use(&store, path))
			pid = store.pid;
	}
	if (entries)
		closedir(entries);
	return pid;
}

uint32_t ct_left_store_replace(const char *path)
{
	struct ct_left_store store;
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	uint32_t pid = 0;
	if (!ct_left_store_read(AT_FDCWD, path, &store))
		return 0;
	if (ct_left_store_in_use(&store, path))
		return store.pid;
	if (slash && *store.session && snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path) < PATH_MAX)
		pid = find_recorder(folder, store.session);
	if (!pid)
		unlink(path);
	return pid;
}

bool ct_left_store_is_of(int folder_fd, const char *name, uint32_t pid)
{
	uint32_t found;
	struct stat status;
	int fd = ct_open_regular(folder_fd, name, O_NOFOLLOW, &status);
	bool is = fd >= 0 &&
		  pread(fd, &found, sizeof(found), offsetof(struct ct_store_header, pid)) == (ssize_t)sizeof(found) &&
		  found == pid;
	if (fd >= 0)
		close(fd);
	return is;
}

bool ct_left_store_read(int folder_fd, const char *name, struct ct_left_store *store)
{
	int fd = ct_open_regular(folder_fd, name, O_NOFOLLOW, &store->status);
	bool fine;
	if (fd < 0)
		return false;
	fine = (store->status.st_uid == geteuid() || geteuid() == 0) && read_header(fd, store);
	close(fd);
	return fine;
}

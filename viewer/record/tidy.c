/* SPDX-License-Identifier: MIT */
#include "record/tidy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/array.h"
#include "util/open.h"
#include "util/text.h"

#define BLOCK_BYTES 512u /* the unit of st_blocks */

enum kind { KIND_STORE, KIND_REPORT, KINDS };

struct file {
	char *name;
	enum kind kind;
	bool in_use;
	dev_t device;
	ino_t inode;
	struct timespec changed;
	uint64_t bytes;
};

struct folder {
	int fd;
	struct file *files;
	size_t count, room;
};

/*
 * Is the store mapped, or open for writing? The kernel gives no lease on such a file, whatever pid namespace the other
 * process is in. A file system without leases leaves only the store's own word.
 */
static bool is_in_use(int fd, uint32_t state)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	return errno == EAGAIN || state == CT_STATE_RECORDING;
}

/* Is this a file of ours? If so, find out what it is, and whether it is in use. */
static bool look(int fd, const char *name, struct file *file)
{
	static const char report[] = "{\"dhatFileVersion\":2,\n\"mode\":\"";
	struct ct_store_header header;
	ssize_t got = pread(fd, &header, sizeof(header), 0);
	if (got == (ssize_t)sizeof(header) && !memcmp(header.magic, CT_STORE_MAGIC, sizeof(header.magic))) {
		file->kind = KIND_STORE;
		file->in_use = is_in_use(fd, header.state);
		return ct_ends_with(name, ".store");
	}
	file->kind = KIND_REPORT;
	file->in_use = false;
	return got >= (ssize_t)sizeof(report) && !memcmp(&header, report, sizeof(report) - 1) &&
	       ct_ends_with(name, ".json");
}

static int add(struct folder *folder, const char *name, struct ct_error_text *error)
{
	struct stat status;
	struct file file = {0};
	int code = CT_OK, fd = -1;
	if (ct_ends_with(name, ".store") || ct_ends_with(name, ".json"))
		fd = ct_open_regular(folder->fd, name, O_NOFOLLOW, &status);
	if (fd < 0)
		return CT_OK;
	if (status.st_uid == geteuid() && status.st_nlink == 1 && look(fd, name, &file)) {
		file.device = status.st_dev;
		file.inode = status.st_ino;
		file.changed = status.st_mtim;
		file.bytes = (uint64_t)status.st_blocks * BLOCK_BYTES;
		file.name = strdup(name);
		if (!file.name ||
		    !ct_array_room(&folder->files, &folder->room, folder->count + 1, sizeof(*folder->files))) {
			free(file.name);
			code = ct_error_no_memory(error);
		} else {
			folder->files[folder->count++] = file;
		}
	}
	close(fd);
	return code;
}

static int read_folder(const char *path, struct folder *folder, struct ct_error_text *error)
{
	int code = CT_OK, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	if (!entries) {
		ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return CT_ERR_IO;
	}
	folder->fd = dirfd(entries);
	while (!code && (entry = readdir(entries)))
		code = add(folder, entry->d_name, error);
	/* The descriptor is needed until all is removed. */
	folder->fd = code ? -1 : fcntl(folder->fd, F_DUPFD_CLOEXEC, 0);
	closedir(entries);
	return code;
}

/* Newest first; what is equally old in one order for all processes. */
static int compare(const void *a, const void *b)
{
	const struct file *one = a, *other = b;
	if (one->changed.tv_sec != other->changed.tv_sec)
		return one->changed.tv_sec > other->changed.tv_sec ? -1 : 1;
	if (one->changed.tv_nsec != other->changed.tv_nsec)
		return one->changed.tv_nsec > other->changed.tv_nsec ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* Remove a file, unless another one has its name now. */
static bool remove_file(const struct folder *folder, const struct file *file)
{
	struct stat now;
	return fstatat(folder->fd, file->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == file->device &&
	       now.st_ino == file->inode && unlinkat(folder->fd, file->name, 0) == 0;
}

int ct_tidy(const struct ct_tidy *tidy, size_t *count, uint64_t *bytes, struct ct_error_text *error)
{
	struct folder folder = {.fd = -1};
	size_t kept[KINDS] = {0};
	uint64_t all = 0;
	*count = 0;
	*bytes = 0;
	signal(SIGIO, SIG_IGN); /* which the kernel sends if a file is opened while we have its lease */
	int code = read_folder(tidy->folder, &folder, error);
	if (!code && folder.count)
		qsort(folder.files, folder.count, sizeof(*folder.files), compare);
	for (size_t i = 0; i < folder.count; i++)
		all += folder.files[i].in_use ? folder.files[i].bytes : 0;
	for (size_t i = 0; i < folder.count; i++) {
		struct file *file = &folder.files[i];
		if (!code && !file->in_use) {
			bool many = tidy->last && kept[file->kind] == tidy->last;
			bool large = tidy->bytes && all + file->bytes > tidy->bytes;
			if (!many && !large) {
				kept[file->kind]++;
				all += file->bytes;
			} else if (tidy->pretend || remove_file(&folder, file)) {
				++*count;
				*bytes += file->bytes;
				if (tidy->removed)
					tidy->removed(file->name, file->bytes);
			}
		}
		free(file->name);
	}
	free(folder.files);
	if (folder.fd >= 0)
		close(folder.fd);
	return code;
}

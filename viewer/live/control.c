/* SPDX-License-Identifier: MIT */
#include "live/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/clock.h"
#include "util/open.h"

#define SAMPLE_MAX (1ull << 27)
#define AWAIT_NS 3000000000u
#define POLL_US 10000u
#define FOLDER "/dev/shm" /* the default of CTRACE_CONTROL */

/* Open a file that is open for reading for writing too. The name may lead elsewhere by now, the descriptor does not. */
static int reopen(struct ct_control_page *page, struct ct_error_text *error)
{
	char path[64];
	struct stat file;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", page->fd);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s; only its owner and root may control the process",
				    page->name, strerror(errno));
	close(page->fd);
	page->fd = fd;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || (uint64_t)file.st_size < page->offset + CT_CONTROL_BYTES)
		return ct_error_set(error, CT_ERR_DAMAGED, "%s: has no control page", page->name);
	if (file.st_mode & (S_IWGRP | S_IWOTH))
		return ct_error_set(error, CT_ERR_IO, "%s: others may write to it; take that away (chmod go-w)",
				    page->name);
	return CT_OK;
}

static bool read_page(const struct ct_control_page *page, struct ct_control *control)
{
	return pread(page->fd, control, sizeof(*control), (off_t)page->offset) == sizeof(*control) &&
	       !memcmp(control->magic, CT_CONTROL_MAGIC, sizeof(control->magic)) &&
	       control->version == CT_CONTROL_VERSION;
}

static bool read_header(int fd, struct ct_store_header *header)
{
	return pread(fd, header, sizeof(*header), 0) == sizeof(*header) &&
	       !memcmp(header->magic, CT_STORE_MAGIC, sizeof(header->magic)) && header->version == CT_STORE_VERSION;
}

static int open_process(const char *word, struct ct_control_page *page, struct ct_error_text *error)
{
	struct ct_error_text other;
	long pid = strtol(word, NULL, 10);
	int code = ct_process_open(pid < INT_MAX ? (int)pid : INT_MAX, &page->process, error);
	if (code)
		return code;
	page->fd = ct_process_store(&page->process, page->name, error);
	if (page->fd >= 0) {
		page->offset = CT_STORE_CONTROL_OFFSET;
		return CT_OK;
	}
	page->fd = ct_process_page(&page->process, page->name, &other);
	page->asleep = page->fd >= 0;
	if (page->fd < 0 && *other.line)
		*error = other;
	return page->fd < 0 ? page->fd : CT_OK;
}

static int open_store(const char *word, struct ct_control_page *page, struct ct_error_text *error)
{
	struct stat file;
	snprintf(page->name, sizeof(page->name), "%s", word);
	page->offset = CT_STORE_CONTROL_OFFSET;
	page->fd = ct_open_regular(AT_FDCWD, word, O_NOFOLLOW, &file);
	return page->fd < 0 ? ct_error_set(error, CT_ERR_IO, "%s: %s", word, ct_open_problem()) : CT_OK;
}

/* A store that is not written any more controls nothing. */
static int check_store(const struct ct_control_page *page, struct ct_error_text *error)
{
	struct ct_store_header *header = malloc(sizeof(*header));
	if (!header)
		return ct_error_no_memory(error);
	int code = CT_OK;
	if (!read_header(page->fd, header))
		code = ct_error_set(error, CT_ERR_DAMAGED, "%s is not a store of this version of ctrace", page->name);
	else if (header->state != CT_STATE_RECORDING)
		code = ct_error_set(error, CT_ERR_IO, "%s: the recording has ended", page->name);
	free(header);
	return code;
}

int ct_control_open(const char *word, struct ct_control_page *page, struct ct_error_text *error)
{
	struct ct_control control;
	*page = (struct ct_control_page){.process = {.folder = -1}, .fd = -1};
	bool is_pid = *word && !word[strspn(word, "0123456789")];
	int code = is_pid ? open_process(word, page, error) : open_store(word, page, error);
	if (!code && !page->asleep)
		code = check_store(page, error);
	if (!code)
		code = reopen(page, error);
	if (!code && !read_page(page, &control))
		code = ct_error_set(error, CT_ERR_DAMAGED, "%s: its control page is damaged", page->name);
	if (code)
		ct_control_close(page);
	return code;
}

void ct_control_close(struct ct_control_page *page)
{
	if (page->fd >= 0)
		close(page->fd);
	if (page->process.folder >= 0)
		close(page->process.folder);
	page->fd = page->process.folder = -1;
}

int ct_control_parse_sample(const char *text, struct ct_control_wish *wish, struct ct_error_text *error)
{
	char *end;
	uint64_t bytes = strtoull(text, &end, 10);
	const char *unit = *end ? strchr("kmg", *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - "kmg" + 1) : 0;
	if (*text < '0' || *text > '9' || (*end && (!unit || end[1])) || !bytes || bytes > SAMPLE_MAX >> shift)
		return ct_error_set(error, CT_ERR_USAGE,
				    "sample=%s: not a number of bytes (as 4096, 512k or 2m) up to 128m", text);
	*wish = (struct ct_control_wish){.set_mode = true, .mode = CT_CONTROL_SAMPLE, .sample_bytes = bytes << shift};
	return CT_OK;
}

static void apply(struct ct_control *control, const struct ct_control_wish *wish)
{
	size_t length = wish->name ? strlen(wish->name) : 0;
	if (wish->set_mode) {
		control->mode = wish->mode;
		control->sample_bytes = wish->sample_bytes;
	}
	if (wish->set_pause)
		control->paused = wish->pause;
	control->marks += wish->mark;
	control->segments += wish->segment;
	control->name_bytes = (uint32_t)(length < CT_CONTROL_NAME_MAX ? length : CT_CONTROL_NAME_MAX);
	memset(control->name, 0, sizeof(control->name));
	if (length)
		memcpy(control->name, wish->name, control->name_bytes);
}

static bool write_word(const struct ct_control_page *page, uint32_t request)
{
	off_t at = (off_t)(page->offset + offsetof(struct ct_control, request));
	return pwrite(page->fd, &request, sizeof(request), at) == sizeof(request);
}

/* While the rest is written, the request has an odd number, so that the process does not do half of it. */
static bool write_page(const struct ct_control_page *page, const struct ct_control *control, uint32_t request)
{
	size_t from = offsetof(struct ct_control, mode), end = offsetof(struct ct_control, rest);
	ssize_t bytes = (ssize_t)(end - from);
	return write_word(page, request - 1) &&
	       pwrite(page->fd, (const char *)control + from, (size_t)bytes, (off_t)(page->offset + from)) == bytes &&
	       write_word(page, request);
}

int ct_control_ask(struct ct_control_page *page, const struct ct_control_wish *wish, uint32_t *request,
		   struct ct_error_text *error)
{
	struct ct_control control;
	/* Two requests at a time would mix. The lock ends with the descriptor. */
	if (flock(page->fd, LOCK_EX) < 0 || !read_page(page, &control))
		return ct_error_set(error, CT_ERR_IO, "%s: its control page cannot be read", page->name);
	*request = (control.request | 1) + 1;
	apply(&control, wish);
	bool written = write_page(page, &control, *request);
	flock(page->fd, LOCK_UN);
	return written ? CT_OK
		       : ct_error_set(error, CT_ERR_IO, "%s: cannot be written: %s", page->name, strerror(errno));
}

/* The process has woken if it has a store now. */
static void follow_wake(struct ct_control_page *page)
{
	struct ct_error_text ignored;
	char name[PATH_MAX];
	int fd = ct_process_store(&page->process, name, &ignored);
	if (fd < 0)
		return;
	close(page->fd);
	page->fd = fd;
	memcpy(page->name, name, sizeof(page->name));
	page->offset = CT_STORE_CONTROL_OFFSET;
	page->asleep = false;
}

int ct_control_await(struct ct_control_page *page, uint32_t request, struct ct_error_text *error)
{
	struct ct_store_header *header = malloc(sizeof(*header));
	uint64_t end = ct_now_ns() + AWAIT_NS;
	int code = header ? 0 : ct_error_no_memory(error);
	while (!code) {
		if (page->asleep)
			follow_wake(page);
		if (!page->asleep && read_header(page->fd, header) && (int32_t)(header->request - request) >= 0) {
			code = 1;
		} else if (page->process.folder >= 0 && !ct_process_lives(&page->process)) {
			code = ct_error_set(error, CT_ERR_IO, "process %d has ended", page->process.pid);
		} else if (ct_now_ns() >= end) {
			break;
		} else {
			usleep(POLL_US);
		}
	}
	free(header);
	return code;
}

static void sweep_file(int folder, const char *name, const char *namespace)
{
	struct stat file;
	char *end;
	size_t prefix = strlen(CT_CONTROL_PREFIX), length = strlen(namespace);
	if (strncmp(name, CT_CONTROL_PREFIX, prefix) != 0 || strncmp(name + prefix, namespace, length) != 0 ||
	    name[prefix + length] != '-')
		return;
	long pid = strtol(name + prefix + length + 1, &end, 10);
	if (*end || pid <= 0 || pid > INT_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
		return;
	if (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode) &&
	    file.st_uid == geteuid() && file.st_size == CT_CONTROL_BYTES)
		unlinkat(folder, name, 0);
}

void ct_control_sweep(void)
{
	char link[64] = "";
	const char *given = getenv("CTRACE_CONTROL");
	ssize_t length = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
	char *start = length > 0 ? strchr(link, '[') : NULL;
	DIR *folder = start ? opendir(given && *given ? given : FOLDER) : NULL;
	struct dirent *entry;
	if (!folder)
		return;
	start[strcspn(start, "]")] = '\0';
	while ((entry = readdir(folder)))
		sweep_file(dirfd(folder), entry->d_name, start + 1);
	closedir(folder);
}

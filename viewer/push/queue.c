/* SPDX-License-Identifier: MIT */
/*
 * A file has the path and the content type, each on a line, and the body. Its name is a number that grows, so that the
 * order of the names is that of the requests. It is written under another name first: a name that counts is whole.
 */
#include "push/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/array.h"
#include "util/message.h"
#include "util/open.h"
#include "util/write.h"

#define SUFFIX ".push"
#define DIGITS 20
#define NEW_NAME "new" SUFFIX
#define REQUEST_MAX (64u << 20) /* bytes of a file that is read */

/* The content types of receivers, since a request only points to one. */
static const char *const types[] = {"application/json", "application/octet-stream", "application/x-protobuf"};

static void free_row(struct ct_queue_row *row)
{
	ct_push_request_free(&row->request);
	free(row->file);
}

void ct_queue_remove(struct ct_queue *queue)
{
	struct ct_queue_row *row = &queue->rows[0];
	if (row->file)
		unlinkat(queue->folder, row->file, 0);
	queue->bytes -= row->bytes;
	free_row(row);
	memmove(queue->rows, queue->rows + 1, --queue->count * sizeof(*queue->rows));
}

static bool append(struct ct_queue *queue, struct ct_queue_row row)
{
	if (!ct_array_room(&queue->rows, &queue->room, queue->count + 1, sizeof(*queue->rows)))
		return false;
	queue->rows[queue->count++] = row;
	queue->bytes += row.bytes;
	while (queue->bytes > queue->limit && queue->count > 1) {
		ct_queue_remove(queue);
		queue->dropped++;
	}
	return true;
}

/* Write the request to a file of the folder. Returns its name, to be freed; NULL with errno. */
static char *write_file(struct ct_queue *queue, const struct ct_push_request *request)
{
	char *name = NULL, *head = NULL;
	int length = asprintf(&head, "%s\n%s\n", request->path, request->content_type);
	int fd = openat(queue->folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good = length > 0 && fd >= 0 && asprintf(&name, "%0*llu" SUFFIX, DIGITS, ++queue->number) > 0 &&
		    ct_write_all(fd, head, (size_t)length) && ct_write_all(fd, request->body, request->length);
	int problem = errno;
	if (fd >= 0 && close(fd) && good) {
		problem = errno;
		good = false;
	}
	if (good && renameat(queue->folder, NEW_NAME, queue->folder, name)) {
		problem = errno;
		good = false;
	}
	if (!good) {
		if (fd >= 0)
			unlinkat(queue->folder, NEW_NAME, 0);
		free(name);
		name = NULL;
	}
	free(head);
	errno = problem;
	return name;
}

int ct_queue_add(struct ct_queue *queue, struct ct_push_request *request, struct ct_error_text *error)
{
	struct ct_queue_row row = {.request = *request, .bytes = request->length};
	*request = (struct ct_push_request){0};
	if (queue->folder >= 0) {
		row.file = write_file(queue, &row.request);
		if (row.file)
			ct_push_request_free(&row.request);
		else
			ct_message("%s: %s; the profile waits in memory", queue->name, strerror(errno));
	}
	if (append(queue, row))
		return CT_OK;
	free_row(&row);
	return ct_error_no_memory(error);
}

/* Take a line off the text's front; false: there is none. */
static bool take_line(char **text, size_t *length, char **line)
{
	char *end = memchr(*text, '\n', *length);
	if (!end)
		return false;
	*end = '\0';
	*line = *text;
	*length -= (size_t)(end + 1 - *text);
	*text = end + 1;
	return true;
}

/* Read a file of the folder, which anybody may have damaged. */
static bool read_file(const struct ct_queue *queue, const char *name, struct ct_push_request *request)
{
	struct stat status;
	char *all = NULL, *at, *path, *type;
	size_t length = 0;
	int fd = ct_open_regular(queue->folder, name, O_NOFOLLOW, &status);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	bool good = file && status.st_uid == geteuid() && status.st_size <= REQUEST_MAX &&
		    (all = malloc((size_t)status.st_size + 1)) != NULL;
	if (good)
		length = fread(all, 1, (size_t)status.st_size, file);
	at = all;
	good = good && take_line(&at, &length, &path) && *path == '/' && !strpbrk(path, " \t\r") &&
	       take_line(&at, &length, &type);
	for (size_t i = 0; good && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i]))
			request->content_type = types[i];
	if (good && request->content_type) {
		request->path = strdup(path);
		request->body = malloc(length + 1);
		if (request->body)
			memcpy(request->body, at, length);
		request->length = length;
	}
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	free(all);
	return request->path && request->body;
}

const struct ct_push_request *ct_queue_first(struct ct_queue *queue)
{
	while (queue->count) {
		struct ct_queue_row *row = &queue->rows[0];
		if (row->request.body || read_file(queue, row->file, &row->request))
			return &row->request;
		ct_message("%s/%s: not a request of ours, or damaged; dropped", queue->name, row->file);
		ct_queue_remove(queue);
		queue->dropped++;
	}
	return NULL;
}

static int is_ours(const struct dirent *entry)
{
	return strspn(entry->d_name, "0123456789") == DIGITS && !strcmp(entry->d_name + DIGITS, SUFFIX);
}

/* Files of an earlier process. */
static int take_files(struct ct_queue *queue, struct ct_error_text *error)
{
	struct dirent **entries = NULL;
	struct stat status;
	int count = scandirat(queue->folder, ".", &entries, is_ours, alphasort), code = CT_OK;
	if (count < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", queue->name, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		struct ct_queue_row row = {.file = strdup(name)};
		queue->number = strtoull(name, NULL, 10);
		if (fstatat(queue->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			row.bytes = (size_t)status.st_size;
		if (!row.file || !append(queue, row)) {
			free_row(&row);
			code = ct_error_no_memory(error);
		}
		free(entries[i]);
	}
	free(entries);
	return code;
}

int ct_queue_open(struct ct_queue *queue, const char *folder, size_t limit, struct ct_error_text *error)
{
	*queue = (struct ct_queue){.folder = -1, .name = folder, .limit = limit};
	if (!folder)
		return CT_OK;
	if (mkdir(folder, 0700) && errno != EEXIST)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", folder, strerror(errno));
	queue->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (queue->folder < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", folder, strerror(errno));
	if (flock(queue->folder, LOCK_EX | LOCK_NB))
		return ct_error_set(error, CT_ERR_IO, "%s: another ctrace push uses this folder", folder);
	return take_files(queue, error);
}

void ct_queue_close(struct ct_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++)
		free_row(&queue->rows[i]);
	free(queue->rows);
	if (queue->folder >= 0)
		close(queue->folder);
}

/* SPDX-License-Identifier: MIT */
#include "record/notes.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "names/number.h"
#include "util/message.h"

#define FILE_MAX (16u << 20) /* bytes that are read */

void ct_notes_make(struct ct_notes *notes, const char *folder, const char *session)
{
	char *absolute = realpath(folder, NULL);
	int length = absolute ? snprintf(notes->path, sizeof(notes->path), "%s/ctrace.%s.notes", absolute, session) : 0;
	notes->fd = -1;
	free(absolute);
	if (length > 0 && (size_t)length < sizeof(notes->path))
		notes->fd = open(notes->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (notes->fd < 0)
		notes->path[0] = '\0';
	else
		flock(notes->fd, LOCK_EX | LOCK_NB); /* without the lock, processes export their stores themselves */
}

void ct_notes_add(struct ct_notes *notes, uint32_t pid, const char *program, uint64_t bytes, char *text)
{
	if (!text)
		return;
	struct ct_note *more = reallocarray(notes->notes, notes->count + 1, sizeof(*more));
	char *name = more ? strdup(program) : NULL;
	if (more)
		notes->notes = more;
	if (!name) {
		free(text);
		return;
	}
	notes->notes[notes->count++] = (struct ct_note){pid, name, text, bytes};
}

static void add_left(struct ct_notes *notes, const char *store, const char *formats)
{
	struct ct_left *more = reallocarray(notes->left, notes->left_count + 1, sizeof(*more));
	if (!more)
		return;
	notes->left = more;
	more[notes->left_count] = (struct ct_left){strdup(store), strdup(formats)};
	if (more[notes->left_count].store && more[notes->left_count].formats) {
		notes->left_count++;
		return;
	}
	free(more[notes->left_count].store);
	free(more[notes->left_count].formats);
}

static void add_line(struct ct_notes *notes, char *line)
{
	char *program, *text, *formats;
	unsigned long pid = strtoul(line, &program, 10);
	if (*program++ != '\t' || !(text = strchr(program, '\t')))
		return;
	*text++ = '\0';
	if (*text != '\t') {
		ct_notes_add(notes, (uint32_t)pid, program, 0, strdup(text));
	} else if ((formats = strchr(text + 1, '\t'))) {
		*formats++ = '\0';
		add_left(notes, text + 1, formats);
	}
}

void ct_notes_read(struct ct_notes *notes)
{
	if (!*notes->path)
		return;
	unlink(notes->path); /* before it is read: a process that comes later exports its store itself */
	notes->path[0] = '\0';
	FILE *file = fdopen(notes->fd, "r");
	char *line = NULL;
	size_t room = 0, total = 0;
	ssize_t got;
	while (file && total < FILE_MAX && (got = getline(&line, &room, file)) > 0) {
		total += (size_t)got;
		if (line[got - 1] == '\n')
			line[got - 1] = '\0';
		add_line(notes, line);
	}
	free(line);
	if (file)
		fclose(file);
	else
		close(notes->fd);
	notes->fd = -1;
}

static bool same_process(const struct ct_note *a, const struct ct_note *b)
{
	return a->pid == b->pid && !strcmp(a->program, b->program);
}

static int compare(const struct ct_note *a, const struct ct_note *b)
{
	int order = a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : strcmp(a->program, b->program);
	return order ? order : (a->pid > b->pid) - (a->pid < b->pid);
}

struct place {
	const struct ct_note *note;
	bool shown;
};

/* In the order of the file within one process: a qsort of equals keeps no order, so addresses decide. */
static int compare_places(const void *left, const void *right)
{
	const struct ct_note *a = ((const struct place *)left)->note, *b = ((const struct place *)right)->note;
	int order = compare(a, b);
	return order ? order : (a > b) - (a < b);
}

static bool lacks_something(const struct ct_note *note)
{
	static const char *const whole[] = {"total ", "no allocation was recorded", "recorded; "};
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (!strncmp(note->text, whole[i], strlen(whole[i])))
			return false;
	return true;
}

/* The end of the notes of one process, and whether one of them says that something is missing. */
static size_t end_of(const struct place *places, size_t count, size_t at, bool *lacks)
{
	size_t end = at;
	*lacks = false;
	for (; end < count && same_process(places[at].note, places[end].note); end++)
		*lacks = *lacks || lacks_something(places[end].note);
	return end;
}

/* Choose up to `room` processes that lack something, or that do not. Returns how many there are in all. */
static size_t choose(struct place *places, size_t count, bool wanted, size_t *room)
{
	size_t found = 0;
	bool lacks;
	for (size_t at = 0, end; at < count; at = end) {
		end = end_of(places, count, at, &lacks);
		if (lacks != wanted)
			continue;
		found++;
		if (!*room)
			continue;
		places[at].shown = true;
		--*room;
	}
	return found;
}

static void print_process(const struct place *places, size_t at, size_t end)
{
	const struct ct_note *note = places[at].note;
	ct_message_collect();
	for (size_t i = at; i < end; i++)
		ct_message("%s", places[i].note->text);
	char *text = ct_message_collected();
	ct_message("  %s %u: %s", note->program, note->pid, text ? text : "");
	free(text);
}

static int compare_process(const void *left, const void *right)
{
	const struct ct_note *a = left, *b = right;
	int order = strcmp(a->program, b->program);
	return order ? order : (a->pid > b->pid) - (a->pid < b->pid);
}

/* The largest first. */
static int compare_names(const void *left, const void *right)
{
	const struct ct_note *a = left, *b = right;
	int order = compare_process(left, right);
	return order ? order : (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

/* Give all notes of a process its bytes. */
static void spread_bytes(struct ct_notes *notes)
{
	struct ct_note *sorted = calloc(notes->count + 1, sizeof(*sorted));
	if (!sorted)
		return;
	for (size_t i = 0; i < notes->count; i++)
		sorted[i] = notes->notes[i];
	qsort(sorted, notes->count, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < notes->count; i++)
		if (same_process(&sorted[i - 1], &sorted[i]))
			sorted[i].bytes = sorted[i - 1].bytes; /* the first has the most */
	for (size_t i = 0; i < notes->count; i++) {
		const struct ct_note *found =
			bsearch(&notes->notes[i], sorted, notes->count, sizeof(*sorted), compare_process);
		notes->notes[i].bytes = found->bytes;
	}
	free(sorted);
}

void ct_notes_print(struct ct_notes *notes)
{
	char number[CT_NUMBER_ROOM];
	size_t room = CT_NOTES_SHOWN;
	spread_bytes(notes);
	struct place *places = notes->count ? calloc(notes->count, sizeof(*places)) : NULL;
	bool lacks;
	if (!places)
		return;
	for (size_t i = 0; i < notes->count; i++)
		places[i].note = &notes->notes[i];
	qsort(places, notes->count, sizeof(*places), compare_places);
	size_t processes = choose(places, notes->count, true, &room);
	processes += choose(places, notes->count, false, &room);
	for (size_t at = 0, end; at < notes->count; at = end) {
		end = end_of(places, notes->count, at, &lacks);
		if (places[at].shown)
			print_process(places, at, end);
	}
	if (processes > CT_NOTES_SHOWN)
		ct_message("  and %s more", ct_number_exact(number, processes - CT_NOTES_SHOWN));
	free(places);
}

void ct_notes_fini(struct ct_notes *notes)
{
	for (size_t i = 0; i < notes->count; i++) {
		free(notes->notes[i].program);
		free(notes->notes[i].text);
	}
	for (size_t i = 0; i < notes->left_count; i++) {
		free(notes->left[i].store);
		free(notes->left[i].formats);
	}
	free(notes->notes);
	free(notes->left);
	if (*notes->path) {
		unlink(notes->path);
		close(notes->fd);
	}
	*notes = (struct ct_notes){.fd = -1};
}

void ct_notes_append(const char *path, uint32_t pid, const char *program, const char *text)
{
	char *line;
	int length = asprintf(&line, "%u\t%s\t%s\n", pid, program, text);
	int fd = length < 0 ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t written = fd < 0 ? -1 : write(fd, line, (size_t)length);
	(void)written; /* there is nowhere to say that it failed */
	if (fd >= 0)
		close(fd);
	if (length >= 0)
		free(line);
}

/* SPDX-License-Identifier: MIT */
#include "record/notes.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names/number.h"
#include "util/message.h"
#include "util/open.h"

#define FILE_MAX (16u << 20) /* bytes that are read */

void ct_notes_make(struct ct_notes *notes, const char *folder, const char *session)
{
	char *absolute = realpath(folder, NULL);
	int length = absolute ? snprintf(notes->path, sizeof(notes->path), "%s/ctrace.%s.notes", absolute, session) : 0;
	int fd = -1;
	free(absolute);
	if (length > 0 && (size_t)length < sizeof(notes->path))
		fd = open(notes->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		notes->path[0] = '\0';
	else
		close(fd);
}

void ct_notes_add(struct ct_notes *notes, uint32_t pid, const char *program, char *text)
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
	notes->notes[notes->count++] = (struct ct_note){pid, name, text};
}

static void add_line(struct ct_notes *notes, char *line)
{
	char *program, *text;
	unsigned long pid = strtoul(line, &program, 10);
	if (*program++ != '\t' || !(text = strchr(program, '\t')))
		return;
	*text++ = '\0';
	ct_notes_add(notes, (uint32_t)pid, program, strdup(text));
}

void ct_notes_read(struct ct_notes *notes)
{
	struct stat status;
	int fd = *notes->path ? ct_open_regular(AT_FDCWD, notes->path, O_NOFOLLOW, &status) : -1;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
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
	else if (fd >= 0)
		close(fd);
	if (*notes->path)
		unlink(notes->path);
	notes->path[0] = '\0';
}

static int compare(const struct ct_note *a, const struct ct_note *b)
{
	int order = strcmp(a->program, b->program);
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
	for (; end < count && compare(places[at].note, places[end].note) == 0; end++)
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

void ct_notes_print(struct ct_notes *notes)
{
	char number[CT_NUMBER_ROOM];
	size_t room = CT_NOTES_SHOWN;
	struct place *places = notes->count ? calloc(notes->count, sizeof(*places)) : NULL;
	bool lacks;
	if (!places)
		return;
	for (size_t i = 0; i < notes->count; i++)
		places[i].note = &notes->notes[i];
	qsort(places, notes->count, sizeof(*places), compare_places);
	size_t processes = choose(places, notes->count, true, &room);
	processes += choose(places, notes->count, false, &room);
	ct_message("%s more process%s", ct_number_exact(number, processes), processes == 1 ? "" : "es");
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
	free(notes->notes);
	if (*notes->path)
		unlink(notes->path);
	*notes = (struct ct_notes){.notes = NULL};
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

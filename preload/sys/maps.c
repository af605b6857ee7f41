/* SPDX-License-Identifier: MIT */
#include "sys/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "sys/sys.h"

/*
 * struct procmap_query of <linux/fs.h>, since Linux 6.11: the part that we use. Its first field is the size of that
 * part.
 */
struct query {
	uint64_t bytes;
	uint64_t flags; /* 0: ask for the mapping that contains the address */
	uint64_t address;
	uint64_t start;
	uint64_t end;
	uint64_t unasked[4];
};

#define QUERY _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104) /* PROCMAP_QUERY */

bool ct_maps_open(struct ct_maps *maps)
{
	maps->used = maps->next = 0;
	maps->fd = ct_sys_open("/proc/self/maps", O_RDONLY, 0);
	return maps->fd >= 0;
}

void ct_maps_close(struct ct_maps *maps)
{
	ct_sys_close(maps->fd);
}

/* Read more text after the unread rest of the buffer. False: no more text, or no room. */
static bool read_more(struct ct_maps *maps)
{
	memmove(maps->bytes, maps->bytes + maps->next, maps->used - maps->next);
	maps->used -= maps->next;
	maps->next = 0;
	long got = ct_sys_read(maps->fd, maps->bytes + maps->used, sizeof(maps->bytes) - 1 - maps->used);
	if (got <= 0)
		return false;
	maps->used += (size_t)got;
	return true;
}

static char *find_newline(struct ct_maps *maps)
{
	for (size_t i = maps->next; i < maps->used; i++)
		if (maps->bytes[i] == '\n')
			return &maps->bytes[i];
	return NULL;
}

/* The next line, NUL-terminated. Of a line longer than the buffer, the next part. NULL: no more. */
static char *read_line(struct ct_maps *maps)
{
	char *newline;
	while (!(newline = find_newline(maps)) && read_more(maps))
		;
	if (maps->next == maps->used)
		return NULL;
	char *line = maps->bytes + maps->next;
	char *end = newline ? newline : maps->bytes + maps->used;
	*end = '\0';
	maps->next = (size_t)(end - maps->bytes) + (newline != NULL);
	return line;
}

static uint64_t read_number(const char **at, unsigned base)
{
	uint64_t value = 0;
	for (;; (*at)++) {
		char c = **at;
		if (c >= '0' && c <= '9')
			value = value * base + (uint64_t)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			value = value * base + (uint64_t)(c - 'a' + 10);
		else
			return value;
	}
}

static bool skip(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

/* low-high rwxp offset major:minor inode    path */
static bool parse(const char *at, struct ct_mapping *mapping)
{
	mapping->start = read_number(&at, 16);
	if (!skip(&at, '-'))
		return false;
	mapping->end = read_number(&at, 16);
	if (!skip(&at, ' ') || strlen(at) < 5)
		return false;
	mapping->readable = at[0] == 'r';
	mapping->writable = at[1] == 'w';
	mapping->executable = at[2] == 'x';
	mapping->is_private = at[3] == 'p';
	at += 4;
	if (!skip(&at, ' '))
		return false;
	mapping->offset = read_number(&at, 16);
	if (!skip(&at, ' '))
		return false;
	mapping->device = read_number(&at, 16) << 32;
	if (!skip(&at, ':'))
		return false;
	mapping->device |= read_number(&at, 16);
	if (!skip(&at, ' '))
		return false;
	mapping->inode = read_number(&at, 10);
	while (skip(&at, ' '))
		;
	mapping->path = at;
	return true;
}

bool ct_maps_next(struct ct_maps *maps, struct ct_mapping *mapping)
{
	const char *line;
	while ((line = read_line(maps)))
		if (parse(line, mapping))
			return true; /* else the rest of a line that was too long */
	return false;
}

/* For older kernels: line by line, which is slow if there are many mappings. */
static bool read_until(struct ct_maps *maps, uintptr_t address, uintptr_t *start, uintptr_t *end)
{
	struct ct_mapping mapping;
	while (ct_maps_next(maps, &mapping) && mapping.start <= address)
		if (address < mapping.end) {
			*start = mapping.start;
			*end = mapping.end;
			return true;
		}
	return false;
}

bool ct_maps_find(uintptr_t address, uintptr_t *start, uintptr_t *end)
{
	struct ct_maps maps;
	struct query query = {.bytes = sizeof(query), .address = address};
	if (!ct_maps_open(&maps))
		return false;
	long error = ct_syscall3(SYS_ioctl, maps.fd, QUERY, &query);
	bool found = !error;
	if (found) {
		*start = query.start;
		*end = query.end;
	} else if (error != -ENOENT) {
		found = read_until(&maps, address, start, end);
	}
	ct_maps_close(&maps);
	return found;
}

/* SPDX-License-Identifier: MIT */
#include "symbol/process_object.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/open.h"

#define HEADERS_MAX 64 /* program headers */
#define COPY_MAX (64u << 20)

/* A mapping of the process. */
struct mapped {
	char range[40]; /* its name in map_files */
	uint64_t inode;
	bool moved; /* the recorded path is not that of the mapped file any more */
};

/* Open /proc/PID, if the process may be looked into on behalf of this user. */
static int open_process(const struct ct_process_object *object)
{
	char path[32];
	struct stat status;
	snprintf(path, sizeof(path), "/proc/%" PRIu32, object->pid);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A store may name any pid, and root may look into any process. */
	if (folder >= 0 &&
	    (fstat(folder, &status) != 0 || (geteuid() == 0 && object->user && status.st_uid != object->user))) {
		close(folder);
		return -1;
	}
	return folder;
}

/* Find the mapping of the file's start. */
static bool find_mapping(int folder, const struct ct_process_object *object, struct mapped *mapped)
{
	int fd = openat(folder, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	if (!maps) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && getline(&line, &room, maps) > 0) {
		uint64_t start, end, offset;
		int at = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %" SCNx64 " %*s %" SCNu64 " %n", &start, &end, &offset,
			   &mapped->inode, &at) != 4 ||
		    start != object->start || offset || !mapped->inode)
			continue;
		line[strcspn(line, "\n")] = '\0';
		mapped->moved = strcmp(line + at, object->path) != 0;
		snprintf(mapped->range, sizeof(mapped->range), "%" PRIx64 "-%" PRIx64, start, end);
		size_t length = strlen(object->path);
		bool deleted = !strncmp(line + at, object->path, length) && !strcmp(line + at + length, " (deleted)");
		found = object->inode ? mapped->inode == object->inode : deleted;
	}
	free(line);
	fclose(maps);
	return found;
}

/* Open a link of /proc, if it leads to the mapped file. */
static int open_link(int folder, const char *name, uint64_t inode)
{
	struct stat status;
	int fd = ct_open_regular(folder, name, 0, &status);
	if (fd >= 0 && status.st_ino == inode)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool copy_segment(int memory, int copy, const Elf64_Phdr *segment, uint64_t bias)
{
	char *bytes = malloc(segment->p_filesz);
	ssize_t got = bytes ? pread(memory, bytes, segment->p_filesz, (off_t)(bias + segment->p_vaddr)) : -1;
	bool copied = got > 0 && pwrite(copy, bytes, (size_t)got, (off_t)segment->p_offset) == got;
	free(bytes);
	return copied;
}

/* Take back what the loader has added to the addresses in the dynamic section. */
static bool restore_dynamic(int copy, const Elf64_Phdr *segment, uint64_t bias)
{
	Elf64_Dyn entry;
	for (uint64_t at = 0; at + sizeof(entry) <= segment->p_filesz; at += sizeof(entry)) {
		off_t offset = (off_t)(segment->p_offset + at);
		if (pread(copy, &entry, sizeof(entry), offset) != sizeof(entry))
			return false;
		if (entry.d_tag == DT_NULL)
			return true;
		if (bias && entry.d_un.d_ptr >= bias) {
			entry.d_un.d_ptr -= bias;
			if (pwrite(copy, &entry, sizeof(entry), offset) != sizeof(entry))
				return false;
		}
	}
	return true;
}

/* Copy what is mapped to where it is in the file. The sections' headers are not mapped, so the copy has none. */
static bool copy_object(int memory, int copy, const struct ct_process_object *object)
{
	Elf64_Ehdr header;
	Elf64_Phdr segments[HEADERS_MAX];
	const Elf64_Phdr *first = NULL;
	uint64_t copied = 0;
	if (pread(memory, &header, sizeof(header), (off_t)object->start) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_phentsize != sizeof(*segments) || header.e_phnum > HEADERS_MAX)
		return false;
	size_t size = header.e_phnum * sizeof(*segments);
	if (pread(memory, segments, size, (off_t)(object->start + header.e_phoff)) != (ssize_t)size)
		return false;
	for (size_t i = 0; i < header.e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD)
			continue;
		first = first ? first : &segments[i];
		if (segments[i].p_filesz > COPY_MAX || segments[i].p_offset > COPY_MAX ||
		    (copied += segments[i].p_filesz) > COPY_MAX)
			return false;
	}
	if (!first)
		return false;
	uint64_t bias = object->start - (first->p_vaddr - first->p_offset);
	for (size_t i = 0; i < header.e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && segments[i].p_filesz &&
		    !copy_segment(memory, copy, &segments[i], bias))
			return false;
	for (size_t i = 0; i < header.e_phnum; i++)
		if (segments[i].p_type == PT_DYNAMIC && !restore_dynamic(copy, &segments[i], bias))
			return false;
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	return pwrite(copy, &header, sizeof(header), 0) == sizeof(header);
}

static int open_copy(int folder, const struct ct_process_object *object)
{
	int memory = openat(folder, "mem", O_RDONLY | O_CLOEXEC);
	int copy = memory < 0 ? -1 : memfd_create("ctrace", MFD_CLOEXEC);
	if (copy >= 0 && !copy_object(memory, copy, object)) {
		close(copy);
		copy = -1;
	}
	if (memory >= 0)
		close(memory);
	return copy;
}

int ct_process_object_open(const struct ct_process_object *object, bool *copied)
{
	char name[64];
	struct mapped mapped;
	int fd = -1, folder = open_process(object);
	*copied = false;
	if (folder < 0)
		return -1;
	if (find_mapping(folder, object, &mapped)) {
		snprintf(name, sizeof(name), "map_files/%s", mapped.range);
		fd = open_link(folder, "exe", mapped.inode);
		if (fd < 0)
			fd = open_link(folder, name, mapped.inode);
		/* A file that was overwritten in place is mapped as it is now. */
		if (fd < 0 && mapped.moved) {
			fd = open_copy(folder, object);
			*copied = fd >= 0;
		}
	}
	close(folder);
	return fd;
}

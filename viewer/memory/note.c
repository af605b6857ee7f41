/* SPDX-License-Identifier: MIT */
#include "memory/note.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/note.h"
#include "util/open.h"

#define NOTES_MAX 4096

static uint64_t aligned(uint64_t bytes)
{
	return (bytes + 3) & ~UINT64_C(3);
}

/* The address of a note's content, which is copied; 0: it is not there. */
static uint64_t find_note(const char *notes, uint64_t bytes, uint64_t address, const struct ct_note *wanted)
{
	uint64_t at = 0;
	while (bytes - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		uint64_t name = at + sizeof(note), data = name + aligned(note.n_namesz);
		if (aligned(note.n_namesz) + aligned(note.n_descsz) > bytes - name)
			return 0;
		if (note.n_type == wanted->type && note.n_namesz == sizeof(CT_NOTE_OWNER) &&
		    note.n_descsz == wanted->words * sizeof(int32_t) &&
		    !memcmp(notes + name, CT_NOTE_OWNER, sizeof(CT_NOTE_OWNER))) {
			memcpy(wanted->content, notes + data, wanted->words * sizeof(int32_t));
			return address + data;
		}
		at = data + aligned(note.n_descsz);
	}
	return 0;
}

/*
 * Read the beginning of an object. What is not resident is read from the file: reading memory would map the pages
 * around it. After a fork, most of a file's pages are not.
 */
static size_t read_object(struct ct_peer *peer, const struct ct_area *area, uint64_t offset, char *to, size_t bytes)
{
	char path[PATH_MAX];
	struct stat status;
	ssize_t got = -1;
	uint64_t last = area->start + offset + bytes - 1;
	if (ct_peer_is_resident(peer, area->start + offset) && ct_peer_is_resident(peer, last))
		return ct_peer_read(peer, area->start + offset, to, bytes);
	if (snprintf(path, sizeof(path), "root%s", area->path) >= (int)sizeof(path))
		return 0;
	int fd = ct_open_regular(peer->process->folder, path, O_NOFOLLOW, &status);
	if (fd >= 0 && status.st_ino == area->inode)
		got = pread(fd, to, bytes, (off_t)offset);
	if (fd >= 0)
		close(fd);
	return got < 0 ? 0 : (size_t)got;
}

uint64_t ct_note_in(struct ct_peer *peer, const struct ct_area *area, const struct ct_note *wanted)
{
	_Alignas(8) char page[CT_PAGE], notes[NOTES_MAX];
	if ((area->kind != CT_AREA_FILE && area->kind != CT_AREA_OWN) || area->offset || !area->readable ||
	    !area->inode || read_object(peer, area, 0, page, sizeof(page)) != sizeof(page) ||
	    memcmp(page, ELFMAG, SELFMAG) || page[EI_CLASS] != ELFCLASS64)
		return 0;
	const Elf64_Ehdr *head = (const void *)page;
	uint64_t found = 0;
	for (unsigned i = 0; i < head->e_phnum && !found; i++) {
		Elf64_Phdr part;
		uint64_t at = head->e_phoff + i * sizeof(part);
		if (head->e_phoff > sizeof(page) || at + sizeof(part) > sizeof(page))
			break;
		memcpy(&part, page + at, sizeof(part));
		if (part.p_type != PT_NOTE || !part.p_filesz || part.p_filesz > sizeof(notes) ||
		    part.p_vaddr != part.p_offset || part.p_vaddr >= area->end - area->start)
			continue;
		found = find_note(notes, read_object(peer, area, part.p_offset, notes, part.p_filesz),
				  area->start + part.p_vaddr, wanted);
	}
	return found;
}

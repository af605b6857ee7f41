/* SPDX-License-Identifier: MIT */
#include "symbol/debug_files.h"

#include <elfutils/libdwelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "symbol/servers.h"
#include "symbol/sysroot.h"

#define DEBUG_ROOT "/usr/lib/debug"

/* What a file must have to be the one that is looked for. */
struct wanted {
	const unsigned char *build_id;
	int build_id_bytes; /* 0: the checksum decides */
	GElf_Word crc;
	int fd; /* of the file, once found; else -1 */
	char *path; /* of it */
};

static void visit_build_id(const unsigned char *id, int bytes, void (*visit)(void *, const char *), void *argument)
{
	char file[PATH_MAX];
	size_t length = 0;
	for (int i = 0; i < bytes && length + 8 < sizeof(file); i++)
		length += (size_t)snprintf(file + length, sizeof(file) - length, "%s%02x%s",
					   i ? "" : DEBUG_ROOT "/.build-id/", id[i], i ? "" : "/");
	if (length && snprintf(file + length, sizeof(file) - length, ".debug") > 0)
		visit(argument, file);
}

/* See dwfl_standard_find_debuginfo. */
void ct_debug_files_visit(Dwfl_Module *module, const char *path, void (*visit)(void *, const char *), void *argument)
{
	static const char *const folders[] = {"%.*s%s%s", "%.*s.debug/%s%s", DEBUG_ROOT "%.*s%s%s"};
	const unsigned char *id;
	char file[PATH_MAX];
	GElf_Addr bias, address;
	GElf_Word crc;
	int id_bytes = dwfl_module_build_id(module, &id, &address);
	visit_build_id(id, id_bytes, visit, argument);
	const char *base = strrchr(path, '/');
	const char *link = dwelf_elf_gnu_debuglink(dwfl_module_getelf(module, &bias), &crc);
	base = base ? base + 1 : path;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(file, sizeof(file), folders[i], (int)(base - path), path, link ? link : base,
			 link ? "" : ".debug");
		visit(argument, file);
	}
}

static bool has_build_id(int fd, const struct wanted *wanted)
{
	const void *id;
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool same = elf && dwelf_elf_gnu_build_id(elf, &id) == wanted->build_id_bytes &&
		    !memcmp(id, wanted->build_id, (size_t)wanted->build_id_bytes);
	elf_end(elf);
	return same;
}

static bool has_checksum(int fd, GElf_Word wanted)
{
	unsigned char bytes[65536];
	uLong crc = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t got;
	while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		crc = crc32(crc, bytes, (uInt)got);
		at += got;
	}
	return got == 0 && crc == wanted;
}

static void try_file(void *argument, const char *path)
{
	struct wanted *wanted = argument;
	struct stat status;
	int fd = wanted->fd < 0 ? ct_sysroot_open(path, 0, &status) : -1;
	if (fd < 0)
		return;
	if (wanted->build_id_bytes > 0 ? has_build_id(fd, wanted) : has_checksum(fd, wanted->crc))
		wanted->path = strdup(path);
	if (wanted->path)
		wanted->fd = fd;
	else
		close(fd);
}

/* The file that dwz made, with what several debug files have in common; its name is relative to theirs. */
static void find_common(Dwfl_Module *module, const char *path, struct wanted *wanted)
{
	Dwarf_Addr bias;
	const char *name;
	const void *id;
	char file[PATH_MAX];
	ssize_t bytes = dwelf_dwarf_gnu_debugaltlink(dwfl_module_getdwarf(module, &bias), &name, &id);
	if (bytes <= 0)
		return;
	wanted->build_id = id;
	wanted->build_id_bytes = (int)bytes;
	visit_build_id(id, (int)bytes, try_file, wanted);
	const char *slash = *name == '/' ? NULL : strrchr(path, '/');
	if (snprintf(file, sizeof(file), "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name) < (int)sizeof(file))
		try_file(wanted, file);
}

int ct_debug_files_find(Dwfl_Module *module, void **unused, const char *name, Dwarf_Addr base, const char *path,
			const char *link, GElf_Word crc, char **found)
{
	struct wanted wanted = {.crc = crc, .fd = -1};
	Dwarf_Addr address;
	if (ct_sysroot() && link && !crc) { /* libdwfl asks so for dwz's file, when it has the module's Dwarf */
		find_common(module, path, &wanted);
	} else if (ct_sysroot()) {
		wanted.build_id_bytes = dwfl_module_build_id(module, &wanted.build_id, &address);
		if (wanted.build_id_bytes > 0 || link)
			ct_debug_files_visit(module, path, try_file, &wanted);
	}
	if (wanted.fd < 0 && (!ct_sysroot() || ct_servers_asked())) {
		ct_servers_expect();
		return dwfl_standard_find_debuginfo(module, unused, name, base, path, link, crc, found);
	}
	*found = wanted.path;
	return wanted.fd;
}

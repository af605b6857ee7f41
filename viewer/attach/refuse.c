/* SPDX-License-Identifier: MIT */
#include "attach/refuse.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECCOMP_STRICT 1
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static int refuse(const struct ct_remote *remote, struct ct_error_text *error, const char *why)
{
	return ct_error_set(error, CT_ERR_IO, "process %d %s", remote->process.pid, why);
}

static long status_number(const struct ct_remote *remote, const char *name)
{
	char value[64];
	return ct_remote_status(remote, name, value, sizeof(value)) ? strtol(value, NULL, 10) : 0;
}

static int check_state(const struct ct_remote *remote, struct ct_error_text *error)
{
	char state[32] = "", features[256] = "";
	long tracer = status_number(remote, "TracerPid");
	ct_remote_status(remote, "State", state, sizeof(state));
	ct_remote_status(remote, "x86_Thread_features", features, sizeof(features));
	if (tracer)
		return ct_error_set(error, CT_ERR_IO,
				    "process %d is being traced by process %ld, a debugger or strace; end that first",
				    remote->process.pid, tracer);
	if (*state == 'T')
		return refuse(remote, error, "is stopped; continue it first (kill -CONT)");
	if (status_number(remote, "Seccomp") == SECCOMP_STRICT)
		return refuse(remote, error, "has forbidden itself all but to read, write and exit (seccomp)");
	if (strstr(features, "shstk"))
		return refuse(
			remote, error,
			"has a shadow stack (CET), which attaching would break; start it with CTRACE_MODE=off in place of "
			"that");
	return CT_OK;
}

/* The name of the loader that the program asks for; empty: none. */
static void read_loader(int fd, const Elf64_Ehdr *head, char name[PATH_MAX])
{
	Elf64_Phdr part;
	name[0] = '\0';
	for (uint16_t i = 0; i < head->e_phnum; i++)
		if (pread(fd, &part, sizeof(part), (off_t)(head->e_phoff + i * sizeof(part))) == sizeof(part) &&
		    part.p_type == PT_INTERP && part.p_filesz < PATH_MAX) {
			ssize_t got = pread(fd, name, part.p_filesz, (off_t)part.p_offset);
			name[got > 0 ? got : 0] = '\0';
		}
}

/* The program's architecture and loader, by its file. */
static int check_file(const struct ct_remote *remote, int fd, struct ct_error_text *error)
{
	Elf64_Ehdr head;
	char loader[PATH_MAX];
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return refuse(remote, error, "runs a program whose file cannot be read");
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64)
		return refuse(remote, error, "runs a program of another architecture than x86-64");
	read_loader(fd, &head, loader);
	if (strstr(loader, "ld-musl"))
		return refuse(
			remote, error,
			"runs on musl, whose code has no unwind tables, so no safe moment can be found; start the "
			"program with ctrace record");
	return CT_OK;
}

int ct_attach_check_process(const struct ct_remote *remote, struct ct_error_text *error)
{
	int code = check_state(remote, error);
	if (code)
		return code;
	int fd = openat(remote->process.folder, "exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ct_attach_explain_rights(remote, error);
	code = check_file(remote, fd, error);
	close(fd);
	return code;
}

int ct_attach_explain_rights(const struct ct_remote *remote, struct ct_error_text *error)
{
	char uids[64] = "", scope = '0';
	FILE *yama = fopen(YAMA, "r");
	if (yama) {
		scope = (char)fgetc(yama);
		fclose(yama);
	}
	ct_remote_status(remote, "Uid", uids, sizeof(uids));
	if (!*uids)
		return refuse(remote, error, "has ended, or cannot be seen");
	if (strtol(uids, NULL, 10) != (long)getuid() && geteuid())
		return refuse(remote, error, "belongs to another user; run this as root");
	if (scope == '3')
		return refuse(remote, error,
			      "cannot be attached to: " YAMA
			      " is 3, which forbids it to all until the next boot; start it with "
			      "CTRACE_MODE=off in place of that");
	if (!geteuid())
		return refuse(
			remote, error,
			"cannot be attached to, even by root; in a container that takes the capability SYS_PTRACE");
	if (scope == '1' || scope == '2')
		return ct_error_set(error, CT_ERR_IO,
				    "process %d cannot be attached to: " YAMA
				    " is %c; run this as root, or start the process with "
				    "CTRACE_MODE=off in place of that",
				    remote->process.pid, scope);
	return refuse(remote, error, "has given up or gained rights, so only root may attach to it");
}

/* Is a file of such a name mapped? */
static bool has(const struct ct_remote *remote, const char *name)
{
	return ct_remote_find(remote, name) != NULL;
}

/* An allocator that is part of the program cannot be hooked from outside. */
static bool has_own_malloc(const struct ct_remote *remote)
{
	char path[PATH_MAX], link[32];
	struct ct_image image;
	snprintf(link, sizeof(link), "/proc/%d/exe", remote->process.pid);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	bool found = false;
	path[length > 0 ? length : 0] = '\0';
	for (size_t i = 0; i < remote->map_count && !found; i++) {
		if (strcmp(remote->maps[i].path, path) != 0 || remote->maps[i].offset ||
		    !ct_image_read(remote, remote->maps[i].start, &image))
			continue;
		found = ct_image_find(&image, "malloc") != 0;
		ct_image_free(&image);
		break;
	}
	return found;
}

int ct_attach_check_program(const struct ct_remote *remote, struct ct_error_text *error)
{
	if (!remote->libc.base)
		return refuse(remote, error,
			      "runs a static program, or one without glibc; ctrace needs a loader and glibc");
	if (has(remote, "libasan") || has(remote, "libtsan") || has(remote, "liblsan") || has(remote, "libubsan") ||
	    has(remote, "libhwasan"))
		return refuse(remote, error, "was built with -fsanitize, which has an allocator of its own");
	if (has(remote, "vgpreload"))
		return refuse(remote, error, "runs under Valgrind");
	if (has_own_malloc(remote))
		return refuse(remote, error,
			      "has an allocator of its own in the program, which attaching does not reach");
	return CT_OK;
}

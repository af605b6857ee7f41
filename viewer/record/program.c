/* SPDX-License-Identifier: MIT */
#include "record/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "record/loader.h"
#include "record/script.h"
#include "util/library.h"
#include "util/open.h"

#define SCRIPTS_NESTED 5 /* the kernel's limit for scripts that interpret scripts */
#define HEAD_BYTES 4096
#define PROGRAM_HEADERS_MAX 256
#define NAMES_MAX (16 << 20) /* the names of dynamic symbols are searched for in this many bytes */

/* The properties of an ELF file that decide whether a library can be preloaded into it. */
struct elf {
	int class;
	int data;
	int machine;
	bool dynamic; /* it has a loader */
	size_t first_bytes; /* size of its first segment, which contains the names of its dynamic symbols */
	char loader[256];
};

/* 0 if path is an executable file, else an errno. */
static int probe(const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return errno;
	if (S_ISDIR(status.st_mode))
		return EISDIR;
	if (!S_ISREG(status.st_mode))
		return EACCES;
	return access(path, X_OK) == 0 ? 0 : errno;
}

static int fail_probe(const char *path, int problem, struct ct_error_text *error)
{
	if (problem == ENOENT || problem == ENOTDIR) {
		ct_error_set(error, CT_ERR_USAGE, "%s: no such program", path);
		return CT_EXIT_NOT_FOUND;
	}
	ct_error_set(error, CT_ERR_USAGE, "%s: %s", path,
		     problem == EACCES ? "not executable (chmod +x, or start it with its interpreter)"
				       : strerror(problem));
	return CT_EXIT_NOT_EXECUTABLE;
}

int ct_program_find(const char *name, char path[PATH_MAX], struct ct_error_text *error)
{
	const char *folders = getenv("PATH");
	int problem, found = ENOENT;
	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		problem = strlen(name) < PATH_MAX ? probe(path) : ENAMETOOLONG;
		return problem ? fail_probe(name, problem, error) : 0;
	}
	for (const char *at = folders ? folders : "/bin:/usr/bin"; *name; at++) {
		size_t length = strcspn(at, ":");

		/* an empty entry stands for the current folder */
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "./", name) < PATH_MAX) {
			problem = probe(path);
			if (problem == 0)
				return 0;
			if (problem == EACCES)
				found = EACCES;
		}
		at += length;
		if (*at == '\0')
			break;
	}
	if (found == EACCES)
		return fail_probe(name, EACCES, error);
	ct_error_set(error, CT_ERR_USAGE, "%s: no such program in PATH", name);
	return CT_EXIT_NOT_FOUND;
}

/* Read the program headers, in either ELF class, for the loader and the size of the first segment. */
static void find_loader(int fd, const unsigned char *head, struct elf *elf)
{
	bool wide = elf->class == ELFCLASS64;
	const Elf64_Ehdr *wide_head = (const void *)head;
	const Elf32_Ehdr *narrow_head = (const void *)head;
	off_t offset = wide ? (off_t)wide_head->e_phoff : (off_t)narrow_head->e_phoff;
	int count = wide ? wide_head->e_phnum : narrow_head->e_phnum;
	off_t size = wide ? (off_t)sizeof(Elf64_Phdr) : (off_t)sizeof(Elf32_Phdr);
	for (int i = 0; i < count && i < PROGRAM_HEADERS_MAX; i++) {
		Elf64_Phdr row64;
		Elf32_Phdr row32;
		void *row = wide ? (void *)&row64 : (void *)&row32;
		ssize_t got;

		if (pread(fd, row, (size_t)size, offset + i * size) != size)
			return;
		if (wide && row64.p_type == PT_LOAD && row64.p_offset == 0)
			elf->first_bytes = row64.p_filesz < NAMES_MAX ? row64.p_filesz : NAMES_MAX;
		if ((wide ? row64.p_type : row32.p_type) != PT_INTERP)
			continue;
		elf->dynamic = true;
		got = pread(fd, elf->loader, sizeof(elf->loader) - 1, wide ? (off_t)row64.p_offset : row32.p_offset);
		elf->loader[got > 0 ? got : 0] = '\0';
	}
}

/* Read an ELF header; false if the file is not ELF. */
static bool read_elf(int fd, const unsigned char *head, size_t length, struct elf *elf)
{
	memset(elf, 0, sizeof(*elf));
	if (length < sizeof(Elf32_Ehdr) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return false;
	elf->class = head[EI_CLASS];
	elf->data = head[EI_DATA];
	elf->machine = ((const Elf32_Ehdr *)(const void *)head)->e_machine;
	/* files of the other byte order are refused before their program headers matter */
	if (elf->data == ELFDATA2LSB && (elf->class == ELFCLASS32 || length >= sizeof(Elf64_Ehdr)))
		find_loader(fd, head, elf);
	return true;
}

/* Open a file and read its start. Returns the descriptor, or -1. */
static int open_head(const char *path, unsigned char head[HEAD_BYTES], size_t *length)
{
	struct stat status;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	ssize_t got;
	if (fd < 0)
		return -1;
	got = pread(fd, head, HEAD_BYTES, 0);
	*length = got > 0 ? (size_t)got : 0;
	return fd;
}

/*
 * Would the kernel give the program rights that its user does not have? The loader then ignores LD_PRELOAD. NULL: no,
 * because the user already has these rights, or privileges cannot be gained here.
 */
static const char *gained_rights(const char *path)
{
	struct statvfs system;
	struct stat status;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || stat(path, &status) != 0 ||
	    (statvfs(path, &system) == 0 && (system.f_flag & ST_NOSUID)))
		return NULL;
	if ((status.st_mode & S_ISUID) && status.st_uid != getuid())
		return "setuid";
	if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && status.st_gid != getgid())
		return "setgid";
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "given capabilities (setcap)";
	return NULL;
}

/* Read the program's first segment, which contains the names of its dynamic symbols. NULL or to be freed. */
static char *read_first_segment(const char *path, const struct elf *elf, size_t *length)
{
	struct stat status;
	char *bytes = malloc(elf->first_bytes + 1);
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	ssize_t got = bytes && fd >= 0 ? pread(fd, bytes, elf->first_bytes, 0) : 0;
	*length = got > 0 ? (size_t)got : 0;
	if (fd >= 0)
		close(fd);
	return bytes;
}

static enum ct_loader loader_kind(const char *path, const struct elf *elf)
{
	size_t length;
	char *bytes = elf->dynamic ? NULL : read_first_segment(path, elf, &length);
	enum ct_loader kind = bytes ? ct_loader_kind(bytes, length) : CT_LOADER_NONE;
	free(bytes);
	return kind;
}

/* The sanitizer with its own allocator that the program was built with; NULL: none. */
static const char *sanitizer_of(const char *path, const struct elf *elf)
{
	static const struct {
		char name[16]; /* including the NUL that precedes it in the file */
		const char *sanitizer;
	} names[] = {
		{"\0__asan_init", "address"}, {"\0__hwasan_init", "hwaddress"}, {"\0__tsan_init", "thread"},
		{"\0__msan_init", "memory"},  {"\0liblsan.so", "leak"},
	};
	size_t length;
	char *bytes = read_first_segment(path, elf, &length);
	const char *found = NULL;
	for (size_t i = 0; bytes && !found && i < sizeof(names) / sizeof(names[0]); i++)
		if (memmem(bytes, length, names[i].name, 1 + strlen(names[i].name + 1)))
			found = names[i].sanitizer;
	free(bytes);
	return found;
}

static int refuse(const char *path, struct ct_error_text *error, const char *why, const char *way_out)
{
	ct_error_set(error, CT_ERR_USAGE, "%s %s; %s", path, why, way_out);
	return CT_EXIT_USAGE;
}

/* A file to check, and how it is started. */
struct target {
	const char *path;
	char *const *arguments; /* the first is its own name; NULL: not known */
	const char *library;
	int nested; /* scripts that lead to it */
	bool by_loader; /* not by the kernel: `ld.so PROGRAM` */
};

static int check_file(const struct target *target, struct ct_error_text *error);

/* Check the program that a loader is to start; the error names the loader too. */
static int check_behind_loader(const struct target *loader, struct ct_error_text *error)
{
	size_t at = loader->arguments ? ct_loader_program(loader->arguments) : 0;
	if (!loader->arguments)
		return 0; /* the interpreter of a script: it reports itself what it cannot start */
	if (!at)
		return refuse(loader->path, error, "is the loader, which here starts nothing",
			      "add the program's path to the command");
	/* The loader looks up other names among the libraries, and reports itself what it does not find. */
	if (!strchr(loader->arguments[at], '/'))
		return 0;
	struct target program = {
		.path = loader->arguments[at],
		.arguments = loader->arguments + at,
		.library = loader->library,
		.nested = SCRIPTS_NESTED,
		.by_loader = true,
	};
	struct stat status;
	if (stat(program.path, &status) != 0)
		return fail_probe(program.path, errno, error);
	return check_file(&program, error);
}

static int check_elf(const struct target *target, const struct elf *elf, struct ct_error_text *error)
{
	const char *path = target->path, *library = target->library;
	enum ct_loader loader;
	unsigned char head[HEAD_BYTES];
	struct elf ours = {0};
	size_t length;
	int fd = open_head(library, head, &length);
	const char *rights, *sanitizer;
	if (fd >= 0) {
		read_elf(fd, head, length, &ours);
		close(fd);
	}
	if (elf->class != ours.class)
		return refuse(path, error, elf->class == ELFCLASS32 ? "is a 32-bit program" : "is a 64-bit program",
			      "build ctrace for it, too");
	if (elf->machine != ours.machine || elf->data != ours.data)
		return refuse(path, error, "is a program for another kind of processor", "build ctrace for it, too");
	loader = target->by_loader ? CT_LOADER_NONE : loader_kind(path, elf);
	if (loader == CT_LOADER_GLIBC)
		return check_behind_loader(target, error);
	if (loader == CT_LOADER_MUSL)
		return refuse(path, error, "is musl's loader", "start the program without it");
	if (!elf->dynamic)
		return refuse(path, error, "is statically linked: nothing can be preloaded into it",
			      "link it without -static");
	if (strstr(elf->loader, "ld-musl") && !ct_library_is_for_musl(library))
		return refuse(path, error, "uses musl libc, and this ctrace has no library for musl",
			      "build that with `make musl`, or the program for glibc");
	if (!target->by_loader && access(elf->loader, F_OK) != 0) {
		ct_error_set(error, CT_ERR_USAGE, "%s: its loader %s is not installed", path, elf->loader);
		return CT_EXIT_NOT_FOUND;
	}
	sanitizer = sanitizer_of(path, elf);
	if (sanitizer) {
		ct_error_set(
			error, CT_ERR_USAGE,
			"%s was built with -fsanitize=%s, which has an allocator of its own; trace a build without",
			path, sanitizer);
		return CT_EXIT_USAGE;
	}
	rights = target->by_loader ? NULL : gained_rights(path);
	if (rights) {
		ct_error_set(
			error, CT_ERR_USAGE,
			"%s is %s: the loader preloads nothing into it; run ctrace as that user, or trace a plain copy",
			path, rights);
		return CT_EXIT_USAGE;
	}
	return 0;
}

/* Check a script's interpreter; its error names the script too. */
static int check_interpreter(const struct target *script, struct ct_error_text *error);

static int check_file(const struct target *target, struct ct_error_text *error)
{
	const char *path = target->path;
	unsigned char head[HEAD_BYTES];
	size_t length = 0;
	int fd = open_head(path, head, &length);
	struct elf elf;
	bool is_elf;
	/* a program that may be executed but not read cannot be checked */
	if (fd < 0)
		return 0;
	is_elf = read_elf(fd, head, length, &elf);
	close(fd);
	if (is_elf)
		return check_elf(target, &elf, error);
	if (target->by_loader)
		return refuse(path, error, "is not an ELF file, which is all that a loader starts",
			      "start it without the loader");
	if (length >= 2 && !memcmp(head, "#!", 2))
		return check_interpreter(target, error);
	ct_error_set(error, CT_ERR_USAGE,
		     "%s is not a program (neither ELF nor #!); for a script: ctrace record -- sh %s", path, path);
	return CT_EXIT_NOT_EXECUTABLE;
}

static int check_interpreter(const struct target *target, struct ct_error_text *error)
{
	const char *path = target->path;
	char program[PATH_MAX], through_env[PATH_MAX];
	struct ct_script script;
	struct target next = {.path = script.interpreter, .library = target->library, .nested = target->nested + 1};
	int code, problem;
	if (target->nested == SCRIPTS_NESTED || ct_script_read(path, &script) < 0) {
		ct_error_set(error, CT_ERR_USAGE, "%s: its #! line cannot be followed", path);
		return CT_EXIT_NOT_EXECUTABLE;
	}
	problem = probe(script.interpreter);
	if (problem) {
		code = fail_probe(script.interpreter, problem, error);
	} else {
		code = check_file(&next, error);
		/* if env cannot find the program, env reports that itself */
		next.path = through_env;
		if (code == 0 && ct_script_env_program(&script, program, sizeof(program)) &&
		    ct_program_find(program, through_env, &(struct ct_error_text){{0}}) == 0)
			code = check_file(&next, error);
	}
	if (code)
		ct_error_context(error, CT_ERR_USAGE, "%s: its interpreter", path);
	return code;
}

size_t ct_program_behind_loader(const char *path, char *const *arguments)
{
	unsigned char head[HEAD_BYTES];
	size_t length = 0;
	struct elf elf;
	int fd = open_head(path, head, &length);
	bool is_elf = fd >= 0 && read_elf(fd, head, length, &elf);
	if (fd >= 0)
		close(fd);
	return is_elf && loader_kind(path, &elf) == CT_LOADER_GLIBC ? ct_loader_program(arguments) : 0;
}

void ct_target_program(const char *path, char *const *arguments, char program[PATH_MAX])
{
	struct ct_script script;
	char name[PATH_MAX];
	size_t behind = ct_program_behind_loader(path, arguments);
	snprintf(program, PATH_MAX, "%s", behind ? arguments[behind] : path);
	for (int nested = 0; nested < SCRIPTS_NESTED && ct_script_read(program, &script) == 0; nested++) {
		if (!ct_script_env_program(&script, name, sizeof(name)) ||
		    ct_program_find(name, program, &(struct ct_error_text){{0}}) != 0)
			snprintf(program, PATH_MAX, "%s", script.interpreter);
	}
}

int ct_program_check(const char *path, char *const *arguments, const char *library, struct ct_error_text *error)
{
	return check_file(&(struct target){.path = path, .arguments = arguments, .library = library}, error);
}

/* SPDX-License-Identifier: MIT */
/*
 * ctrace record before and after the program: which programs it refuses (tested with ELF files made here), where
 * it finds its library, which environment it sets, and which stores it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "ctrace/store.h"
#include "record/left_store.h"
#include "record/script.h"
#include "record/settings.h"
#include "record/program.h"
#include "util/library.h"

/* This program replaces libctrace.so, since only its kind of processor matters. */
#define LIBRARY "/proc/self/exe"

static char folder[] = "/tmp/ctrace-test-XXXXXX";

static char *path_of(const char *name)
{
	static char path[4][PATH_MAX];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], PATH_MAX, "%s/%s", folder, name);
	return path[turn];
}

static char *write_file(const char *name, const void *bytes, size_t length, mode_t mode)
{
	char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static char *write_text(const char *name, const char *text)
{
	return write_file(name, text, strlen(text), 0755);
}

/* An ELF header like that of this program, with the given loader (NULL: none). */
static char *write_elf(const char *name, int class, int machine, const char *loader)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr row;
		char loader[64];
	} file = {
		.head = {.e_type = ET_DYN,
			 .e_phoff = sizeof(Elf64_Ehdr),
			 .e_phnum = 1,
			 .e_machine = (Elf64_Half)machine},
		.row = {.p_type = loader ? PT_INTERP : PT_LOAD, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)},
	};
	memcpy(file.head.e_ident, ELFMAG, SELFMAG);
	file.head.e_ident[EI_CLASS] = (unsigned char)class;
	file.head.e_ident[EI_DATA] = ELFDATA2LSB;
	if (loader)
		strcpy(file.loader, loader);
	return write_file(name, &file, sizeof(file), 0755);
}

static int own_machine(void)
{
	Elf64_Ehdr head;
	int fd = open(LIBRARY, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &head, sizeof(head)), sizeof(head));
	close(fd);
	return head.e_machine;
}

static void check_with(const char *library, const char *path, int code, const char *says)
{
	struct ct_error_text error = {""};
	assert_int_equal(ct_program_check(path, (char *[]){(char *)path, NULL}, library, &error), code);
	if (says && !strstr(error.line, says))
		fail_msg("says \"%s\", not \"%s\"", error.line, says);
	if (says && !strstr(error.line, path))
		fail_msg("\"%s\" does not name %s", error.line, path);
}

static void check_target(const char *path, int code, const char *says)
{
	check_with(LIBRARY, path, code, says);
}

static void test_elf_files(void **state)
{
	int machine = own_machine(), other = machine == EM_X86_64 ? EM_AARCH64 : EM_X86_64;
	(void)state;
	check_target("/bin/sh", 0, NULL);
	check_target(write_elf("fine", ELFCLASS64, machine, "/proc/self/exe"), 0, NULL);
	check_target(write_elf("static", ELFCLASS64, machine, NULL), CT_EXIT_USAGE, "statically linked");
	check_target(write_elf("narrow", ELFCLASS32, EM_386, NULL), CT_EXIT_USAGE, "32-bit program");
	check_target(write_elf("other", ELFCLASS64, other, NULL), CT_EXIT_USAGE, "another kind of processor");
	check_target(write_elf("lost", ELFCLASS64, machine, "/no/ld.so"), CT_EXIT_NOT_FOUND,
		     "loader /no/ld.so is not installed");
	check_target(write_text("text", "echo hi\n"), CT_EXIT_NOT_EXECUTABLE, "ctrace record -- sh");
	check_target(write_text("empty", ""), CT_EXIT_NOT_EXECUTABLE, "neither ELF nor #!");
	check_target(write_text("short", "\177ELF\2\1\1"), CT_EXIT_NOT_EXECUTABLE, "neither ELF nor #!");
}

/* If there is a library for musl, LD_PRELOAD leads each loader to its own. */
static void test_musl(void **state)
{
	char program[PATH_MAX], library[PATH_MAX], *preload;
	(void)state;
	snprintf(program, sizeof(program), "%s/ld-musl-x.so.1", folder);
	write_text("ld-musl-x.so.1", "");
	write_elf("musl", ELFCLASS64, own_machine(), program);
	snprintf(program, sizeof(program), "%s/musl", folder);
	snprintf(library, sizeof(library), "%s/libctrace.so", folder);
	write_elf("libctrace.so", ELFCLASS64, own_machine(), NULL);
	check_with(library, program, CT_EXIT_USAGE, "this ctrace has no library for musl");
	assert_int_equal(mkdir(path_of("ctrace-either"), 0755), 0);
	assert_int_equal(mkdir(path_of("ctrace-either/$LIB"), 0755), 0);
	assert_int_equal(symlink(library, path_of("ctrace-either/$LIB/libctrace.so")), 0);
	check_with(library, program, 0, NULL);
	preload = ct_library_preload(library, CT_LIBRARY_COPY, "x");
	assert_non_null(strstr(preload, "/ctrace-either/$LIB/libctrace.so:"));
	assert_non_null(strstr(preload, "/ctrace-either/$LIB/libctrace-copy.so:x"));
	free(preload);
}

static void test_rights(void **state)
{
	char *path = write_elf("rights", ELFCLASS64, own_machine(), "/proc/self/exe");
	(void)state;
	/* a user's own setuid program gains nothing */
	assert_int_equal(chmod(path, 04755), 0);
	check_target(path, 0, NULL);
	if (chown(path, 12345, (gid_t)-1) != 0)
		skip();
	assert_int_equal(chmod(path, 04755), 0);
	check_target(path, CT_EXIT_USAGE, "setuid");
	assert_int_equal(chown(path, 0, 12345), 0);
	assert_int_equal(chmod(path, 02755), 0);
	check_target(path, CT_EXIT_USAGE, "setgid");
	/* without group execution the bit means something else */
	assert_int_equal(chmod(path, 02745), 0);
	check_target(path, 0, NULL);
}

static void test_scripts(void **state)
{
	char text[PATH_MAX + 64];
	char *script;
	(void)state;
	write_elf("interpreter", ELFCLASS64, own_machine(), "/proc/self/exe");
	write_elf("interpreter-static", ELFCLASS64, own_machine(), NULL);
	snprintf(text, sizeof(text), "#! %s -x\nhello\n", path_of("interpreter"));
	check_target(write_text("script", text), 0, NULL);
	snprintf(text, sizeof(text), "#!%s\n", path_of("interpreter-static"));
	script = write_text("script-static", text);
	check_target(script, CT_EXIT_USAGE, "its interpreter: ");
	check_target(script, CT_EXIT_USAGE, "statically linked");
	snprintf(text, sizeof(text), "#!%s\n", script);
	check_target(write_text("script-script", text), CT_EXIT_USAGE, "statically linked");
	snprintf(text, sizeof(text), "#!/usr/bin/env -S A=1 %s -u\n", path_of("interpreter-static"));
	check_target(write_text("script-env", text), CT_EXIT_USAGE, "statically linked");
	check_target(write_text("script-lost", "#!/no/interpreter\n"), CT_EXIT_NOT_FOUND, "/no/interpreter");
	check_target(write_text("script-none", "#!\n"), CT_EXIT_NOT_EXECUTABLE, "cannot be followed");
	snprintf(text, sizeof(text), "#!%s\n", path_of("script-self"));
	check_target(write_text("script-self", text), CT_EXIT_NOT_EXECUTABLE, "cannot be followed");
}

static void test_env_words(void **state)
{
	static const char *const cases[][2] = {
		{"python3", "python3"}, {"-S python3 -u", "python3"}, {"-i A=1 B=2 perl -w", "perl"}, {"", NULL},
		{"-S", NULL},
	};
	char program[64];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_script script = {.interpreter = "/usr/bin/env"};

		strcpy(script.argument, cases[i][0]);
		assert_int_equal(ct_script_env_program(&script, program, sizeof(program)), cases[i][1] != NULL);
		if (cases[i][1])
			assert_string_equal(program, cases[i][1]);
	}
}

static void test_find(void **state)
{
	struct ct_error_text error;
	char path[PATH_MAX], folders[PATH_MAX * 2], *old = strdup(getenv("PATH"));
	(void)state;
	write_text("found", "#!/bin/sh\n");
	write_file("forbidden", "x", 1, 0644);
	assert_int_equal(mkdir(path_of("inner"), 0755), 0);
	write_file("inner/shadow", "x", 1, 0644);
	write_text("shadow", "#!/bin/sh\n");
	snprintf(folders, sizeof(folders), "/nonexistent:%s/inner:%s", folder, folder);
	setenv("PATH", folders, 1);
	assert_int_equal(ct_program_find("found", path, &error), 0);
	assert_string_equal(path, path_of("found"));
	/* a file that may not be executed does not hide a later one */
	assert_int_equal(ct_program_find("shadow", path, &error), 0);
	assert_string_equal(path, path_of("shadow"));
	assert_int_equal(ct_program_find("forbidden", path, &error), CT_EXIT_NOT_EXECUTABLE);
	assert_int_equal(ct_program_find("missing", path, &error), CT_EXIT_NOT_FOUND);
	assert_string_equal(error.line, "missing: no such program in PATH");
	assert_int_equal(ct_program_find("", path, &error), CT_EXIT_NOT_FOUND);
	assert_int_equal(ct_program_find(path_of("missing"), path, &error), CT_EXIT_NOT_FOUND);
	assert_int_equal(ct_program_find(path_of("inner"), path, &error), CT_EXIT_NOT_EXECUTABLE);
	setenv("PATH", old, 1);
	free(old);
}

static void test_library(void **state)
{
	struct ct_error_text error;
	char path[PATH_MAX], *value;
	(void)state;
	assert_int_equal(mkdir(path_of("tree"), 0755), 0);
	assert_int_equal(mkdir(path_of("tree/bin"), 0755), 0);
	assert_int_equal(mkdir(path_of("tree/lib"), 0755), 0);
	write_text("tree/bin/ctrace", "");
	assert_true(ct_library_find(path_of("tree/bin/ctrace"), path, &error) < 0);
	assert_non_null(strstr(error.line, "lib/libctrace.so is missing"));
	write_text("tree/lib/libctrace.so", "");
	assert_int_equal(ct_library_find(path_of("tree/bin/ctrace"), path, &error), 0);
	assert_string_equal(path, path_of("tree/lib/libctrace.so"));
	/* through a link, as in /usr/local/bin */
	assert_int_equal(symlink(path_of("tree/bin/ctrace"), path_of("link")), 0);
	assert_int_equal(ct_library_find(path_of("link"), path, &error), 0);
	/* a moved tree; LD_PRELOAD splits at blanks */
	assert_int_equal(rename(path_of("tree"), path_of("my tree")), 0);
	assert_true(ct_library_find(path_of("my tree/bin/ctrace"), path, &error) < 0);
	assert_non_null(strstr(error.line, "LD_PRELOAD cannot hold a path with ' '"));

	value = ct_library_preload("/a.so", 0, NULL);
	assert_string_equal(value, "/a.so");
	free(value);
	value = ct_library_preload("/a.so", 0, "");
	assert_string_equal(value, "/a.so");
	free(value);
	value = ct_library_preload("/a.so", 0, "libjemalloc.so:x");
	assert_string_equal(value, "/a.so:libjemalloc.so:x");
	free(value);
	value = ct_library_preload("/lib/libctrace.so", CT_LIBRARY_COPY, "x");
	assert_string_equal(value, "/lib/libctrace.so:/lib/libctrace-copy.so:x");
	free(value);
	value = ct_library_preload("/lib/libctrace.so", CT_LIBRARY_COPY | CT_LIBRARY_MMAP, NULL);
	assert_string_equal(value, "/lib/libctrace.so:/lib/libctrace-copy.so:/lib/libctrace-mmap.so");
	free(value);
	assert_int_equal(ct_library_check(path, 0, &error), 0);
	assert_true(ct_library_check(path, CT_LIBRARY_COPY, &error) < 0);
	assert_non_null(strstr(error.line, "libctrace-copy.so is missing"));
	assert_true(ct_library_check(path, CT_LIBRARY_MMAP, &error) < 0);
	assert_non_null(strstr(error.line, "libctrace-mmap.so is missing"));
}

static int parse(struct ct_settings *settings, const char *words, struct ct_error_text *error)
{
	static char line[512];
	static char *argv[16];
	int argc = 0;
	snprintf(line, sizeof(line), "record %s", words);
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	int rest, code = ct_command_parse(&ct_command_record, settings, argc, argv, &rest, error);
	if (code == CT_COMMAND_HELP)
		return 0;
	if (!code)
		code = ct_settings_complete(settings, error);
	return code ? code : rest;
}

static void test_settings(void **state)
{
	struct ct_settings settings = {0};
	struct ct_error_text error;
	char expected[PATH_MAX * 2];
	(void)state;
	unsetenv("CTRACE_QUIET");
	setenv("CTRACE_DEPTH", "64", 1);
	assert_int_equal(parse(&settings, "-o x.json --depth 100 -- app -o y", &error), 6);
	getcwd(expected, PATH_MAX);
	strcat(expected, "/x.json");
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_out), expected);
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_depth), "100");
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_quiet), "0");
	ct_settings_fini(&settings);
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_depth), "64");
	assert_int_equal(parse(&settings, "-q app --quiet -o z", &error), 2);
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_quiet), "1");
	ct_settings_fini(&settings);
	assert_int_equal(parse(&settings, "--output=/a/%p.json app", &error), 2);
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_out), "/a/%p.json");
	ct_settings_fini(&settings);

	assert_int_equal(parse(&settings, "--help", &error), 0);
	assert_int_equal(parse(&settings, "--depth ten app", &error), CT_ERR_USAGE);
	assert_string_equal(error.line, "--depth ten: not a number");
	assert_int_equal(parse(&settings, "--children yes app", &error), CT_ERR_USAGE);
	assert_int_equal(parse(&settings, "--nonsense app", &error), CT_ERR_USAGE);
	assert_string_equal(error.line, "unknown option '--nonsense'; see ctrace record --help");
	assert_int_equal(parse(&settings, "--output", &error), CT_ERR_USAGE);
	assert_int_equal(parse(&settings, "--session x app", &error), CT_ERR_USAGE);
	ct_settings_fini(&settings);
}

/* A percent sign in the folder's name is not a pattern. */
static void test_percent_folder(void **state)
{
	struct ct_settings settings = {0};
	struct ct_error_text error;
	char expected[PATH_MAX], *before = getcwd(NULL, 0);
	(void)state;
	assert_int_equal(mkdir(path_of("100%p"), 0755), 0);
	assert_int_equal(chdir(path_of("100%p")), 0);
	assert_int_equal(parse(&settings, "-o %e.json app", &error), 3);
	snprintf(expected, sizeof(expected), "%s/100%%%%p/%%e.json", folder);
	assert_string_equal(ct_settings_get(&settings, CT_SETTING_out), expected);
	ct_settings_fini(&settings);
	assert_int_equal(chdir(before), 0);
	free(before);
}

static const char *entry_of(char **environment, const char *variable)
{
	const char *found = NULL;
	for (; *environment; environment++) {
		if (!strncmp(*environment, variable, strlen(variable)) && (*environment)[strlen(variable)] == '=') {
			assert_null(found);
			found = *environment + strlen(variable) + 1;
		}
	}
	return found;
}

static void test_environment(void **state)
{
	struct ct_settings settings = {0};
	struct ct_error_text error;
	char **environment;
	(void)state;
	setenv("CTRACE_DEPTH", "64", 1);
	setenv("LD_PRELOAD_OTHER", "stays", 1);
	assert_int_equal(parse(&settings, "-q --depth 7 app", &error), 4);
	environment = ct_settings_environment(&settings, "/lib.so");
	assert_non_null(environment);
	assert_string_equal(entry_of(environment, "LD_PRELOAD"), "/lib.so");
	assert_string_equal(entry_of(environment, "LD_PRELOAD_OTHER"), "stays");
	assert_string_equal(entry_of(environment, "CTRACE_DEPTH"), "7");
	assert_string_equal(entry_of(environment, "CTRACE_QUIET"), "1");
	assert_null(entry_of(environment, "CTRACE_EXPORT"));
	for (size_t i = 0; environment[i]; i++) {
		if (!strncmp(environment[i], "CTRACE_", 7) || !strncmp(environment[i], "LD_PRELOAD=", 11))
			free(environment[i]);
	}
	free(environment);
	ct_settings_fini(&settings);
	unsetenv("CTRACE_DEPTH");
}

static struct ct_store_header *make_header(void)
{
	struct ct_store_header *header = calloc(1, CT_STORE_HEADER_BYTES + 2 * CT_STORE_PAGE);
	char *strings = (char *)header + CT_STORE_HEADER_BYTES;
	assert_non_null(header);
	memcpy(header->magic, CT_STORE_MAGIC, 8);
	header->version = CT_STORE_VERSION;
	header->byte_order = CT_STORE_BYTE_ORDER;
	header->pid = 77;
	header->state = CT_STATE_RECORDING;
	header->flags = CT_STORE_KEEP;
	header->extent_count = 2;
	header->extents[0] = (struct ct_extent){CT_STORE_HEADER_BYTES + CT_STORE_PAGE, 1, CT_SECTION_STRINGS};
	header->extents[1] = (struct ct_extent){CT_STORE_HEADER_BYTES, 1, CT_SECTION_STRINGS};
	/* the output's name spans both extents */
	memcpy(strings + CT_STORE_PAGE + CT_STORE_PAGE - 4, "/out", 4);
	memcpy(strings, "put.json", 8);
	memcpy(strings + CT_STORE_PAGE + 10, "session", 7);
	header->output = (struct ct_span){CT_STORE_PAGE - 4, 12};
	header->session = (struct ct_span){10, 7};
	return header;
}

static bool read_left(const char *name, struct ct_left_store *store)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine = ct_left_store_read(fd, name, store);
	close(fd);
	return fine;
}

static bool read_changed(struct ct_store_header *header, struct ct_left_store *store)
{
	bool fine;
	write_file("x.store", header, CT_STORE_HEADER_BYTES + 2 * CT_STORE_PAGE, 0600);
	fine = read_left("x.store", store);
	free(header);
	return fine;
}

static void test_left_store(void **state)
{
	struct ct_store_header *header;
	struct ct_left_store store;
	(void)state;
	assert_true(read_changed(make_header(), &store));
	assert_int_equal(store.pid, 77);
	assert_true(store.kept);
	assert_string_equal(store.session, "session");
	assert_string_equal(store.output, "/output.json");

	header = make_header();
	header->magic[0] = 'C';
	assert_false(read_changed(header, &store));
	header = make_header();
	header->version++;
	assert_false(read_changed(header, &store));
	header = make_header();
	header->session.bytes = UINT32_MAX;
	assert_false(read_changed(header, &store));
	header = make_header();
	header->session.offset = UINT32_MAX;
	assert_false(read_changed(header, &store));
	header = make_header();
	header->extents[0].file_offset = UINT64_MAX - 1;
	assert_false(read_changed(header, &store));
	header = make_header();
	header->extent_count = UINT32_MAX;
	assert_true(read_changed(header, &store));
	write_text("tiny.store", CT_STORE_MAGIC);
	assert_false(read_left("tiny.store", &store));
	assert_int_equal(symlink("x.store", path_of("link.store")), 0);
	assert_false(read_left("link.store", &store));
	assert_int_equal(mkfifo(path_of("fifo.store"), 0600), 0);
	assert_false(read_left("fifo.store", &store));
	assert_false(read_left("none.store", &store));
}

/* In use if the process is alive and has the store mapped. Left behind if it is dead, or alive after an exec. */
static void test_left_store_in_use(void **state)
{
	struct ct_store_header *header = make_header();
	struct ct_left_store store;
	void *map;
	char *path;
	int fd;
	(void)state;
	header->pid = (uint32_t)getpid();
	path = write_file("used.store", header, CT_STORE_HEADER_BYTES + 2 * CT_STORE_PAGE, 0600);
	free(header);
	assert_true(read_left("used.store", &store));
	assert_false(ct_left_store_in_use(&store, path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	map = mmap(NULL, CT_STORE_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(map != MAP_FAILED);
	assert_true(ct_left_store_in_use(&store, path));
	/* found only by its name, as on overlay file systems */
	store.status.st_ino++;
	assert_true(ct_left_store_in_use(&store, path));
	assert_false(ct_left_store_in_use(&store, "/other.store"));
	munmap(map, CT_STORE_PAGE);
	store.pid = 0x3fffffff;
	assert_false(ct_left_store_in_use(&store, path));
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[PATH_MAX + 16];
	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf_files),      cmocka_unit_test(test_musl),
		cmocka_unit_test(test_rights),         cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_env_words),      cmocka_unit_test(test_find),
		cmocka_unit_test(test_library),        cmocka_unit_test(test_settings),
		cmocka_unit_test(test_percent_folder), cmocka_unit_test(test_environment),
		cmocka_unit_test(test_left_store),     cmocka_unit_test(test_left_store_in_use),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

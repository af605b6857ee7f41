/* SPDX-License-Identifier: MIT */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor/package.h"
#include "record/program.h"
#include "symbol/symbol.h"
#include "util/capture.h"
#include "util/library.h"
#include "util/utf8.h"

#define UNWINDER "libunwind.so.8" /* the name that the library opens */

void ct_doctor_tell(struct ct_doctor *doctor, enum ct_doctor_state state, const char *what, const char *format, ...)
{
	static const char *const states[] = {"ok", "note", "problem"};
	char line[2 * PATH_MAX], *clean;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	clean = ct_utf8_clean(line, strlen(line), NULL); /* it contains file names */
	fprintf(doctor->out, "%-8s %-10s %s\n", states[state], what, clean ? clean : "");
	free(clean);
	doctor->problems += state == CT_DOCTOR_PROBLEM;
}

void ct_doctor_library(struct ct_doctor *doctor)
{
	struct ct_error_text error;
	struct statvfs system;
	if (ct_library_find(NULL, doctor->library, &error) < 0) {
		*doctor->library = '\0';
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library", "%s", error.line);
		return;
	}
	if (statvfs(doctor->library, &system) == 0 && (system.f_flag & ST_NOEXEC))
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "%s is on a file system mounted noexec; install ctrace on another", doctor->library);
	else
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "library", "%s", doctor->library);
}

/* The path after "NAME => " in the loader's list; "" if the list does not have the name. */
static void find_object(const char *list, const char *name, char path[PATH_MAX])
{
	const char *at = strstr(list, name);
	*path = '\0';
	at = at ? strstr(at, "=> /") : NULL;
	if (at)
		snprintf(path, PATH_MAX, "%.*s", (int)strcspn(at + 3, " \n"), at + 3);
}

/* The loader's first complaint, to be freed; NULL: none. */
static char *find_complaint(const char *list, const char *about)
{
	for (const char *line = list; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t length = strcspn(line, "\n");
		const char *start = memmem(line, length, "ERROR: ld.so: ", 14);

		if (start && memmem(line, length, about, strlen(about)))
			return strndup(start + 14, length - (size_t)(start + 14 - line));
	}
	return NULL;
}

static void tell_loader(struct ct_doctor *doctor, const char *list)
{
	char unwinder[PATH_MAX];
	char *complaint = find_complaint(list, doctor->library);
	if (strstr(list, doctor->library) && !complaint)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "loader", "loads the library");
	else
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "loader", "%s; build ctrace on this system",
			       complaint ? complaint : "does not load the library into the program");
	free(complaint);
	find_object(list, UNWINDER, unwinder);
	if (*unwinder)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "unwinder",
			       "%s, for the few stacks that ctrace does not walk itself", unwinder);
	else
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "unwinder",
			       UNWINDER " is missing: few stacks may be cut; install Debian's libunwind8");
}

/* Do as ldd does: let the loader list what it would load, without starting anything. */
static void check_loader(struct ct_doctor *doctor, char **arguments)
{
	char preload[2 * PATH_MAX];
	char *list;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s:" UNWINDER, doctor->library);
	list = ct_capture(arguments, (const char *const[]){preload, "LD_TRACE_LOADED_OBJECTS=1", NULL});
	if (!list) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "loader", "%s cannot be started", doctor->program);
		return;
	}
	tell_loader(doctor, list);
	find_object(list, "libc.so.6", doctor->libc);
	free(list);
}

/* Debug information is there, but cannot be used: say why, and what helps. */
static void tell_lack(struct ct_doctor *doctor, const char *path, const struct ct_symbol_facts *facts)
{
	const char *file = facts->lack_file ? facts->lack_file : path;
	if (facts->lack == CT_LACK_ZSTD)
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "names",
			       "%s: no lines and inlined calls: %s is compressed by zstd, which libdw %s here does not "
			       "unpack (from 0.189 on, if built with it); objcopy --decompress-debug-sections %s",
			       path, file, ct_symbols_reader(), file);
	else if (facts->lack == CT_LACK_PACKAGE)
		ct_doctor_tell(
			doctor, CT_DOCTOR_NOTE, "names",
			"%s: functions and lines, but no inlined calls: they are in %s.dwp, which libdw %s here does "
			"not read (from 0.191 on); keep the .dwo files where they were built, or build without "
			"-gsplit-dwarf",
			path, file, ct_symbols_reader());
	else
		ct_doctor_tell(
			doctor, CT_DOCTOR_NOTE, "names",
			"%s: functions and lines, but no inlined calls: the .dwo parts of -gsplit-dwarf were not found; "
			"keep the .dwo files where they were built, or build without -gsplit-dwarf",
			path);
}

static void tell_names(struct ct_doctor *doctor, const char *path, bool is_program)
{
	struct ct_symbols *symbols = ct_symbols_new();
	int handle = symbols ? ct_symbols_open(symbols, path, NULL, 0) : -1;
	struct ct_symbol_facts facts = {0};
	if (handle >= 0)
		facts = ct_symbols_facts(symbols, handle);
	if (is_program && facts.has_malloc && facts.passes_on)
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "malloc",
			       "%s has a malloc of its own; only what it passes on to the next malloc is recorded: "
			       "--run shows how much",
			       path);
	else if (is_program && facts.has_malloc)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "malloc",
			       "%s has a malloc of its own, which comes before any preloaded one: link it without",
			       path);
	else if (is_program)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "malloc", "no allocator of its own");
	char command[CT_PACKAGE_ROOM];
	bool packaged = !facts.has_lines && !facts.lack && ct_package_command("", path, command);
	if (facts.lack)
		tell_lack(doctor, path, &facts);
	else if (facts.has_lines)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "names", "%s: functions and lines", path);
	else
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "names", "%s: %s; %s", path,
			       facts.has_names ? "functions, but no lines and inlined calls"
					       : "only the functions that it exports",
			       packaged                     ? command
			       : !is_program                ? "install the C library's debug information"
			       : !strncmp(path, "/usr/", 5) ? "install its package of debug information"
							    : "build it with -g");
	ct_symbols_free(symbols);
}

/* Check how the command's loader loads the program: `command` is `PROGRAM`, or `LOADER [OPTION...] PROGRAM`. */
static void check_command(struct ct_doctor *doctor, char **command, const char *path, size_t behind)
{
	char **words = calloc(behind + 2, sizeof(*words));
	if (!words)
		return;
	memcpy(words, command, (behind + 1) * sizeof(*words));
	words[0] = behind ? (char *)path : doctor->program;
	check_loader(doctor, words);
	free(words);
}

void ct_doctor_program(struct ct_doctor *doctor, char **command)
{
	char path[PATH_MAX];
	struct ct_error_text error;
	size_t behind;
	if (ct_program_find(command[0], path, &error)) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "program", "%s", error.line);
		return;
	}
	if (*doctor->library && ct_program_check(path, command, doctor->library, &error)) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "program", "%s", error.line);
		return;
	}
	behind = ct_program_behind_loader(path, command);
	ct_target_program(path, command, doctor->program);
	if (behind)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "program", "%s, started by the loader %s", doctor->program, path);
	else if (strcmp(path, doctor->program) != 0)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "program", "%s, a script: %s is recorded", path, doctor->program);
	else
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "program", "%s: dynamically linked, no sanitizer, not setuid",
			       path);
	if (access(doctor->program, R_OK) != 0)
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "program", "%s cannot be read: no names", doctor->program);
	if (*doctor->library)
		check_command(doctor, command, path, behind);
	tell_names(doctor, doctor->program, true);
	if (*doctor->libc)
		tell_names(doctor, doctor->libc, false);
}

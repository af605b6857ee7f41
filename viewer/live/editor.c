/* SPDX-License-Identifier: MIT */
#include "live/editor.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names/names.h"
#include "util/library.h"
#include "util/source_file.h"

bool ct_editor_find(const struct ct_profile *profile, const uint32_t *frames, size_t count, const char *folders,
		    struct ct_editor_place *place)
{
	for (size_t i = 0; i < count; i++) {
		const struct ct_frame *frame = &profile->frames[frames[i]];
		place->path = frame->line ? ct_source_path(profile->strings[frame->file], folders) : NULL;
		place->line = frame->line;
		if (place->path)
			return true;
	}
	return false;
}

static const char *choose_editor(void)
{
	static const char *const variables[] = {"VISUAL", "EDITOR"};
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *editor = getenv(variables[i]);
		if (editor && *editor)
			return editor;
	}
	return "vi";
}

enum style { PLUS_LINE, COLON, GOTO };

/* Most editors take +LINE FILE, some FILE:LINE, some -g FILE:LINE. */
static enum style style_of(const char *editor)
{
	static const struct {
		const char *name;
		enum style style;
	} rows[] = {
		{"code", GOTO},  {"code-insiders", GOTO}, {"codium", GOTO}, {"cursor", GOTO},
		{"subl", COLON}, {"zed", COLON},          {"hx", COLON},    {"helix", COLON},
	};
	char word[256];
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(editor, " \t"), editor);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(ct_name_base(word), rows[i].name))
			return rows[i].style;
	return PLUS_LINE;
}

/* Wait as the C library's system does: what the terminal sends is for the editor. */
static int run(char **arguments)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	struct sigaction interrupt, quit;
	posix_spawnattr_t attributes;
	sigset_t standard;
	pid_t pid;
	int status = 0;
	sigemptyset(&standard);
	sigaddset(&standard, SIGINT);
	sigaddset(&standard, SIGQUIT);
	sigaction(SIGINT, &ignored, &interrupt);
	sigaction(SIGQUIT, &ignored, &quit);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &standard);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	int problem = posix_spawn(&pid, "/bin/sh", NULL, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	if (!problem && waitpid(pid, &status, 0) < 0)
		problem = -1;
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	return problem || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

int ct_editor_run(const struct ct_editor_place *place, struct ct_error_text *error)
{
	static char sh[] = "sh", c[] = "-c", go[] = "-g";
	const char *editor = choose_editor();
	enum style style = style_of(editor);
	char *script = NULL, *line = NULL, *name = strdup(editor);
	int made = asprintf(&script, "%s \"$@\"", editor);
	made = made < 0             ? made
	       : style == PLUS_LINE ? asprintf(&line, "+%u", place->line)
				    : asprintf(&line, "%s:%u", place->path, place->line);
	if (made < 0 || !name) {
		free(name);
		return ct_error_no_memory(error);
	}
	char *plus[] = {sh, c, script, name, line, place->path, NULL};
	char *colon[] = {sh, c, script, name, line, NULL};
	char *with_option[] = {sh, c, script, name, go, line, NULL};
	ct_library_unload();
	int status = run(style == PLUS_LINE ? plus : style == COLON ? colon : with_option);
	free(script);
	free(line);
	free(name);
	if (status)
		return ct_error_set(error, CT_ERR_IO, "%s has failed; VISUAL or EDITOR names another editor", editor);
	return CT_OK;
}

/* SPDX-License-Identifier: MIT */
#include "view/terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_UNKNOWN 100
#define COLUMNS_PIPE 160 /* a pipe does not wrap lines, but endless lines are of no use */
#define COLUMNS_MIN 40
#define COLUMNS_MAX 2000

static int probe_columns(int fd, bool is_terminal)
{
	const char *variable = getenv("COLUMNS");
	long columns = variable ? strtol(variable, NULL, 10) : 0;
	struct winsize size;
	if (columns <= 0 && is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (columns <= 0)
		return is_terminal ? COLUMNS_UNKNOWN : COLUMNS_PIPE;
	if (columns < COLUMNS_MIN)
		return COLUMNS_MIN;
	return columns > COLUMNS_MAX ? COLUMNS_MAX : (int)columns;
}

static bool probe_color(bool is_terminal, enum ct_color_mode mode)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	if (mode != CT_COLOR_AUTO)
		return mode == CT_COLOR_ALWAYS;
	return is_terminal && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

/* Terminals that are known to show links; others might show their text. In tmux or screen it is not known which one. */
static bool probe_links(bool is_terminal)
{
	static const char *const programs[] = {"iTerm.app", "WezTerm", "vscode", "ghostty", "rio", "Tabby", "Hyper"};
	static const char *const variables[] = {"KONSOLE_VERSION", "KITTY_WINDOW_ID", "WT_SESSION", "DOMTERM"};
	static const char *const terms[] = {"xterm-kitty", "foot",          "foot-extra",
					    "alacritty",   "xterm-ghostty", "wezterm"};
	const char *term = getenv("TERM"), *program = getenv("TERM_PROGRAM"), *vte = getenv("VTE_VERSION");
	if (!is_terminal || !term || !strncmp(term, "screen", 6) || !strncmp(term, "tmux", 4))
		return false;
	bool known = vte && strtol(vte, NULL, 10) >= 5000; /* 0.50 */
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		known = known || (program && !strcmp(program, programs[i]));
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		known = known || getenv(variables[i]);
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		known = known || !strcmp(term, terms[i]);
	return known;
}

void ct_terminal_probe(struct ct_terminal *terminal, FILE *out, enum ct_color_mode mode)
{
	int fd = fileno(out);
	bool is_terminal = fd >= 0 && isatty(fd);
	terminal->columns = probe_columns(fd, is_terminal);
	terminal->color = probe_color(is_terminal, mode);
	terminal->links = terminal->color && probe_links(is_terminal);
	terminal->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

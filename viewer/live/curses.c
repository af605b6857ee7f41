/* SPDX-License-Identifier: MIT */
#include "live/curses.h"

#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "live/screen.h"

#define ESCAPE_DELAY_MS 25

static volatile sig_atomic_t ended_by; /* a signal, or 0 */
static SCREEN *terminal;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void note_signal(int number)
{
	ended_by = number;
}

/* Call this before ncurses starts, which then leaves these signals alone. Ignored signals (nohup) stay ignored. */
static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = note_signal}, old;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	}
}

bool ct_curses_begin(void)
{
	catch_signals();
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return false;
	set_escdelay(ESCAPE_DELAY_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	curs_set(0);
	mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0); /* a press is one at once, and not perhaps the first half of a click */
	if (has_colors() && start_color() == OK && use_default_colors() == OK) {
		init_pair(1, COLOR_CYAN, -1);
		init_pair(2, COLOR_YELLOW, -1);
	}
	return true;
}

void ct_curses_end(void)
{
	endwin();
	delscreen(terminal);
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
}

void ct_curses_suspend(void)
{
	def_prog_mode();
	endwin();
}

void ct_curses_resume(void)
{
	reset_prog_mode();
	clearok(curscr, TRUE);
	refresh();
}

void ct_curses_size(int *lines, int *columns)
{
	getmaxyx(stdscr, *lines, *columns);
}

/* Translate a sequence of ct_line_style to attributes. Returns its length. */
static size_t apply_style(const char *text, attr_t *attributes, short *pair)
{
	const char *at = text + 2;
	*attributes = A_NORMAL;
	*pair = 0;
	for (; *at && *at != 'm'; at++) {
		if (!strncmp(at, "36", 2) || !strncmp(at, "33", 2))
			*pair = at[1] == '6' ? 1 : 2;
		*attributes |= *at == '1' ? A_BOLD : *at == '2' ? A_DIM : *at == '4' ? A_UNDERLINE : 0;
	}
	return (size_t)(at - text) + (*at == 'm');
}

/* Paint one line. Its end is left out if it is too long, since ncurses would continue on the next one. */
static const char *paint_line(const char *text, int row, int columns, bool selected)
{
	attr_t attributes = A_NORMAL;
	short pair = 0;
	int column = 0;
	move(row, 0);
	while (*text && *text != '\n') {
		wchar_t character[2] = {0};
		size_t used;
		int width;

		if (text[0] == '\033' && text[1] == '[') {
			text += apply_style(text, &attributes, &pair);
			continue;
		}
		used = mbrtowc(character, text, MB_CUR_MAX, &(mbstate_t){0});
		if (used == 0 || used > MB_CUR_MAX) {
			used = 1;
			character[0] = '?';
		}
		text += used;
		width = wcwidth(character[0]);
		if (width < 0 || column + width > columns)
			continue;
		attr_set(selected ? (attributes & ~A_DIM) | A_REVERSE : attributes, selected ? 0 : pair, NULL);
		addnwstr(character, 1);
		column += width;
	}
	attr_set(A_NORMAL, 0, NULL);
	if (selected && column < columns)
		mvchgat(row, column, -1, A_REVERSE, 0, NULL);
	return *text ? text + 1 : text;
}

void ct_curses_paint(const char *text, int selected)
{
	int lines, columns;
	getmaxyx(stdscr, lines, columns);
	erase();
	for (int row = 0; row < lines && *text; row++)
		text = paint_line(text, row, columns, row == selected);
	refresh();
}

static int translate(wint_t key)
{
	static const struct {
		int curses, ours;
	} keys[] = {
		{KEY_UP, CT_KEY_UP},         {KEY_DOWN, CT_KEY_DOWN},
		{KEY_LEFT, CT_KEY_LEFT},     {KEY_RIGHT, CT_KEY_RIGHT},
		{KEY_PPAGE, CT_KEY_PAGE_UP}, {KEY_NPAGE, CT_KEY_PAGE_DOWN},
		{KEY_HOME, CT_KEY_HOME},     {KEY_END, CT_KEY_END},
		{KEY_ENTER, CT_KEY_ENTER},   {KEY_BACKSPACE, CT_KEY_BACKSPACE},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (key == (wint_t)keys[i].curses)
			return keys[i].ours;
	}
	return CT_KEY_NONE;
}

/* A press selects a line, and the wheel moves as the arrows do. */
static int mouse_key(void)
{
	MEVENT event;
	if (getmouse(&event) != OK)
		return CT_KEY_NONE;
	if (event.bstate & BUTTON1_PRESSED)
		return CT_KEY_CLICK + event.y;
	return event.bstate & BUTTON4_PRESSED ? CT_KEY_UP : event.bstate & BUTTON5_PRESSED ? CT_KEY_DOWN : CT_KEY_NONE;
}

int ct_curses_key(int wait_ms)
{
	wint_t key;
	int kind;
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	timeout(wait_ms);
	kind = get_wch(&key);
	if (ended_by)
		return -1;
	if (kind == KEY_CODE_YES && key == KEY_RESIZE)
		clearok(curscr, TRUE); /* each terminal moves existing text in its own way */
	if (kind == KEY_CODE_YES && key == KEY_MOUSE)
		return mouse_key();
	if (kind == KEY_CODE_YES)
		return translate(key);
	if (kind == OK && key == '\r')
		return CT_KEY_ENTER;
	if (kind == OK)
		return key == '\b' ? CT_KEY_BACKSPACE : (int)key;
	/* A terminal that has gone away is always readable. */
	return poll(&input, 1, 0) > 0 && input.revents & (POLLHUP | POLLERR | POLLNVAL) ? -1 : CT_KEY_NONE;
}

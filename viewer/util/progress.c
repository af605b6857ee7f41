/* SPDX-License-Identifier: MIT */
#include "util/progress.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/clock.h"

#define SECOND_NS 1000000000u
#define QUIET_NS SECOND_NS /* shorter work shows nothing */
#define REDRAW_NS (SECOND_NS / 5)
#define ERASE "\r\x1b[K"
#define SHARE_KNOWN 0.02 /* from this share on, the time left is worth showing */

static struct {
	int depth; /* begun and not ended */
	bool shown; /* there is a terminal */
	const char *what, *hint;
	uint64_t start_ns, drawn_ns;
	struct ct_progress_part part;
	double share; /* done, of everything; never less than before */
	volatile bool on_screen;
} progress;

static bool can_show(void)
{
	const char *term = getenv("TERM"); /* an exporter at exit has no variables */
	if (!isatty(STDERR_FILENO) || (term && !strcmp(term, "dumb")))
		return false;
	pid_t foreground = tcgetpgrp(STDERR_FILENO);
	return foreground < 0 || foreground == getpgrp();
}

void ct_progress_begin(const char *what)
{
	if (progress.depth++)
		return;
	progress.shown = can_show();
	progress.what = what;
	progress.hint = NULL;
	progress.start_ns = ct_now_ns();
	progress.drawn_ns = progress.start_ns + QUIET_NS - REDRAW_NS;
	progress.part = (struct ct_progress_part){0, 1};
	progress.share = 0;
}

void ct_progress_end(void)
{
	if (--progress.depth)
		return;
	ct_progress_erase();
	progress.shown = false;
}

void ct_progress_hint(const char *hint)
{
	progress.hint = hint;
}

void ct_progress_give_way(void)
{
	ct_progress_erase();
	progress.shown = false;
}

void ct_progress_erase(void)
{
	if (!progress.on_screen)
		return;
	progress.on_screen = false;
	ssize_t ignored = write(STDERR_FILENO, ERASE, sizeof(ERASE) - 1);
	(void)ignored;
}

static size_t columns(void)
{
	struct winsize size;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* "8 s", or "3 min" */
static void put_left(char *text, size_t room, double seconds)
{
	if (seconds < 100)
		snprintf(text, room, ", %.0f s left", seconds < 1 ? 1 : seconds);
	else
		snprintf(text, room, ", %.0f min left", seconds / 60);
}

static void draw(uint64_t now_ns)
{
	char left[32] = "", line[256];
	double seconds = (double)(now_ns - progress.start_ns) / SECOND_NS;
	if (progress.share >= SHARE_KNOWN)
		put_left(left, sizeof(left), seconds * (1 - progress.share) / progress.share);
	int length = snprintf(line, sizeof(line), ERASE "ctrace: %s: %.0f %%%s%s%s%s", progress.what,
			      floor(progress.share < 1 ? progress.share * 100 : 99), left, progress.hint ? " (" : "",
			      progress.hint ? progress.hint : "", progress.hint ? ")" : "");
	/* A line that is wrapped could not be erased. */
	size_t most = columns() - 1 + sizeof(ERASE) - 1, bytes = (size_t)length < most ? (size_t)length : most;
	progress.drawn_ns = now_ns;
	progress.on_screen = true;
	ssize_t ignored = write(STDERR_FILENO, line, bytes < sizeof(line) ? bytes : sizeof(line) - 1);
	(void)ignored;
}

static void set_share(double share)
{
	if (share > progress.share)
		progress.share = share;
	uint64_t now_ns = ct_now_ns();
	if (now_ns >= progress.drawn_ns + REDRAW_NS)
		draw(now_ns);
}

struct ct_progress_part ct_progress_enter(double from, double to)
{
	struct ct_progress_part outer = progress.part;
	double width = outer.to - outer.from;
	progress.part = (struct ct_progress_part){outer.from + from * width, outer.from + to * width};
	return outer;
}

void ct_progress_leave(struct ct_progress_part outer)
{
	if (progress.shown)
		set_share(progress.part.to);
	progress.part = outer;
}

void ct_progress_at(uint64_t done, uint64_t all)
{
	if (!progress.shown || !all)
		return;
	double share = done < all ? (double)done / (double)all : 1;
	set_share(progress.part.from + share * (progress.part.to - progress.part.from));
}

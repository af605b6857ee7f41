/* SPDX-License-Identifier: MIT */
#include "sys/say.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "sys/environment.h"
#include "sys/sys.h"
#include "sys/text.h"

#define MARK "CTRACE_STDERR" /* DEVICE:INODE, both decimal */
#define NOTES "CTRACE_NOTES"

static bool started;
static bool passed_on; /* the environment has the mark */
static uint64_t device, inode; /* of the file where lines may go; inode 0: there is none */
static char notes[CT_PATH_MAX];
static char exe[CT_PATH_MAX]; /* the program, which a note names */

/* A mark that cannot be read makes us silent. */
static void read_mark(const char *mark)
{
	struct ct_text number;
	size_t length = strcspn(mark, ":");
	ct_text_clear(&number);
	ct_text_add_bytes(&number, mark, length);
	if (!mark[length] || !ct_parse_number(number.bytes, &device) || !ct_parse_number(mark + length + 1, &inode))
		inode = 0;
}

/* A search for LD_PRELOAD=.../libctrace.so in an environment that is read in parts. */
struct search {
	size_t name; /* bytes of LD_PRELOAD= that the present variable has; one more than all: it is another one */
	size_t library; /* bytes of /libctrace.so that come last; before a bare name, as if it had the slash */
};

static bool search_on(struct search *search, const char *bytes, size_t count)
{
	static const char name[] = "LD_PRELOAD=", library[] = "/libctrace.so";
	const size_t all = sizeof(name) - 1, other = sizeof(name);
	for (size_t i = 0; i < count && search->library < sizeof(library) - 1; i++) {
		char c = bytes[i];
		if (!c)
			*search = (struct search){0, 0};
		else if (search->name < all)
			*search = (struct search){c == name[search->name] ? search->name + 1 : other, c == '='};
		else if (search->name == all)
			search->library =
				c == library[search->library] ? search->library + 1 : c == '/' || c == ':' || c == ' ';
	}
	return search->library == sizeof(library) - 1;
}

/* Was the process that started this one started with this library preloaded? */
static bool is_parent_recorded(void)
{
	struct search search = {0, 0};
	struct ct_text text; /* the path, then the environment */
	bool found = false;
	long got;
	ct_text_clear(&text);
	ct_text_add(&text, "/proc/");
	ct_text_add_number(&text, (uint64_t)ct_syscall3(SYS_getppid, 0, 0, 0));
	ct_text_add(&text, "/environ");
	int fd = ct_sys_open(text.bytes, O_RDONLY, 0);
	while (fd >= 0 && !found && (got = ct_sys_read(fd, text.bytes, sizeof(text.bytes))) > 0)
		found = search_on(&search, text.bytes, (size_t)got);
	if (fd >= 0)
		ct_sys_close(fd);
	return found;
}

/*
 * No mark: this is the first process, or a program on the way has emptied the environment (env -i, or Go's runtime,
 * which passes on its own copy). A pipe is then only taken for the first process's if nothing speaks against it. With
 * the library in /etc/ld.so.preload every process of the system is recorded, so a pipe is never taken for that.
 */
static bool is_given(char **variables, const struct stat *file)
{
	bool pipe = S_ISFIFO(file->st_mode) || S_ISSOCK(file->st_mode);
	return !pipe || (ct_environment_preloads(variables) && !is_parent_recorded());
}

void ct_say_init(char **variables)
{
	struct stat now;
	const char *mark = ct_environment_get(variables, MARK);
	const char *file = ct_environment_get(variables, NOTES);
	if (mark) {
		read_mark(mark);
	} else if (ct_syscall3(SYS_fstat, 2, &now, 0) == 0 && is_given(variables, &now)) {
		device = now.st_dev;
		inode = now.st_ino;
	}
	if (file && *file == '/' && strlen(file) < sizeof(notes)) {
		memcpy(notes, file, strlen(file));
		ct_sys_readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	}
	passed_on = mark != NULL;
	started = true;
}

void ct_say_pass_on(void)
{
	struct ct_text mark;
	if (!started || passed_on)
		return;
	passed_on = true;
	ct_text_clear(&mark);
	ct_text_add(&mark, MARK "=");
	ct_text_add_number(&mark, device);
	ct_text_add(&mark, ":");
	ct_text_add_number(&mark, inode);
	ct_environment_add(mark.bytes);
}

bool ct_say_is_heard(void)
{
	struct stat now;
	return !started ||
	       (inode && ct_syscall3(SYS_fstat, 2, &now, 0) == 0 && now.st_dev == device && now.st_ino == inode);
}

const char *ct_say_notes(void)
{
	return notes;
}

/* If stderr is a pipe without a reader, SIGPIPE must not kill the program: block the signal, and consume ours. */
static void write_line(const struct ct_text *line)
{
	const uint64_t pipe = 1ull << (SIGPIPE - 1);
	const struct timespec at_once = {0, 0};
	uint64_t mask = 0, pending = 0;
	if (ct_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &mask, sizeof(mask)) != 0)
		return;
	ct_syscall3(SYS_rt_sigpending, &pending, sizeof(pending), 0);
	if (ct_sys_write(2, line->bytes, line->length) == -EPIPE && !(pending & pipe))
		ct_syscall4(SYS_rt_sigtimedwait, &pipe, NULL, &at_once, sizeof(pipe));
	ct_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

static int open_notes(void)
{
	return *notes ? ct_sys_open(notes, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0) : -ENOENT;
}

static void write_note(const struct ct_text *line)
{
	int fd = open_notes();
	if (fd < 0)
		return;
	ct_sys_write(fd, line->bytes, line->length);
	ct_sys_close(fd);
}

/* Append text without control characters: a terminal would obey those in names of programs and folders. */
static void add_clean(struct ct_text *line, const char *text)
{
	size_t from = line->length;
	ct_text_add(line, text);
	for (size_t i = from; i < line->length; i++)
		if ((unsigned char)line->bytes[i] < ' ' || line->bytes[i] == 0x7f)
			line->bytes[i] = '?';
}

static void begin_note(struct ct_text *line)
{
	ct_text_clear(line);
	ct_text_add_number(line, ct_sys_getpid());
	ct_text_add(line, "\t");
	add_clean(line, ct_base_name(exe));
	ct_text_add(line, "\t");
}

/* A note whose text begins with a tab, which no other text has: TAB STORE TAB FORMATS. */
bool ct_say_left(const char *store, const char *formats)
{
	struct ct_text line;
	begin_note(&line);
	ct_text_add(&line, "\t");
	size_t from = line.length;
	add_clean(&line, store);
	if (strcmp(line.bytes + from, store) != 0)
		return false;
	ct_text_add(&line, "\t");
	add_clean(&line, formats);
	ct_text_add(&line, "\n");
	int fd = line.cut ? -1 : open_notes();
	/* The maker of the file has a lock on it, until its program has ended. */
	bool left = fd >= 0 && ct_syscall3(SYS_flock, fd, LOCK_SH | LOCK_NB, 0) == -EWOULDBLOCK &&
		    ct_sys_write(fd, line.bytes, line.length) == (long)line.length;
	if (fd >= 0)
		ct_sys_close(fd);
	return left;
}

void ct_say(const char *a, const char *b, const char *c)
{
	struct ct_text line;
	bool heard = ct_say_is_heard();
	if (!heard && !*notes)
		return;
	ct_text_clear(&line);
	if (heard)
		ct_text_add(&line, "ctrace: ");
	else
		begin_note(&line);
	add_clean(&line, a);
	add_clean(&line, b);
	add_clean(&line, c);
	if (line.length > sizeof(line.bytes) - 2)
		line.length = sizeof(line.bytes) - 2;
	line.bytes[line.length++] = '\n';
	if (heard)
		write_line(&line);
	else
		write_note(&line);
}

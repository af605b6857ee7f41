/* SPDX-License-Identifier: MIT */
#include "symbol/demangle.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libiberty/demangle.h>
#include <libiberty/libiberty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbol/demangle_text.h"
#include "util/cut.h"

#define SHORT_MAX 1024 /* letters; libiberty refuses longer symbols of C++ unless its limits are off */
#define SYMBOL_MAX (256 << 10) /* letters */
#define STACK_MAX (64 << 20) /* enough for 256,000 nested pointers; the kernel leaves 128 MiB */
#define MEMORY_MAX (256 << 20) /* the child's own */
#define CPU_MAX_S 1 /* for one symbol; the slowest took 22 ms, natively */
#define DEATHS_MAX 4 /* then no more symbols are tried that need the child */

/* Does a digit, or a number of base 36 or 62, stand between the letter and "_"? */
static bool has_number(const char *symbol, char letter)
{
	while ((symbol = strchr(symbol, letter))) {
		symbol++;
		if (symbol[strspn(symbol, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '_')
			return true;
	}
	return false;
}

/*
 * Can libiberty take long before it writes anything? It parses the arguments of a parameter twice in a C++ conversion,
 * and counts all lifetimes of a Rust binder that it leaves out: 2 to the power of the nesting, and up to 2^64.
 */
static bool is_slow(const char *symbol)
{
	if (symbol[1] == 'R')
		return has_number(symbol, 'G');
	return strstr(symbol, "cv") && has_number(symbol, 'T');
}

/* Demangle a short symbol of C++ or Rust. NULL: the child may know more. */
static char *demangle_short(const char *symbol, size_t length)
{
	char bytes[CT_CUT_NAME_MAX];
	struct ct_demangle_text text = {.bytes = bytes, .room = sizeof(bytes)};
	if (length > SHORT_MAX || is_slow(symbol))
		return NULL;
	if ((ct_demangle_rust(&text, symbol) || (!text.is_full && ct_demangle_cpp(&text, symbol, 0))) && text.used)
		return ct_cut_name(bytes, text.used, symbol, length);
	return NULL;
}

static bool read_all(int socket, void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = recv(socket, (char *)bytes + done, length - done, 0);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool write_all(int socket, const void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t put = send(socket, (const char *)bytes + done, length - done, MSG_NOSIGNAL);
		if (put < 0 && errno != EINTR)
			return false;
		done += put > 0 ? (size_t)put : 0;
	}
	return true;
}

static bool write_text(int socket, const char *text, uint32_t length)
{
	return write_all(socket, &length, sizeof(length)) && write_all(socket, text, length);
}

/* NULL: the other side has ended, or we are out of memory. */
static char *read_text(int socket)
{
	uint32_t length;
	if (!read_all(socket, &length, sizeof(length)) || length > SYMBOL_MAX)
		return NULL;
	char *text = malloc(length + 1);
	if (text && read_all(socket, text, length)) {
		text[length] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

/* libiberty calls exit when it is out of memory, which would write the parent's buffers a second time. */
static void leave(void)
{
	_exit(1);
}

static void lower(int resource, rlim_t bytes)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) != 0)
		return;
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(resource, &limit);
}

/* What the kernel counts for RLIMIT_DATA, at most the whole of it and the stack. */
static rlim_t data_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static _Noreturn void serve(int socket)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGPROF};
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		signal(deadly[i], SIG_DFL);
		sigaddset(&signals, deadly[i]);
	}
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	lower(RLIMIT_CORE, 0);
	lower(RLIMIT_STACK, STACK_MAX);
	rlim_t data = data_bytes();
	if (data)
		lower(RLIMIT_DATA, data + MEMORY_MAX);
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nowhere >= 0)
		dup2(nowhere, STDERR_FILENO); /* of libiberty's last words */
	if (xatexit(leave) != 0)
		_exit(1);
	for (char *symbol; (symbol = read_text(socket));) {
		const struct itimerval limit = {.it_value.tv_sec = CPU_MAX_S};
		setitimer(ITIMER_PROF, &limit, NULL);
		char *name = ct_demangle_long(symbol);
		if (!write_text(socket, name ? name : "", name ? (uint32_t)strlen(name) : 0))
			break;
		free(name);
		free(symbol);
	}
	_exit(0);
}

static void end_child(struct ct_demangler *demangler)
{
	close(demangler->socket);
	while (waitpid(demangler->child, NULL, 0) < 0 && errno == EINTR)
		;
	demangler->child = 0;
}

void ct_demangler_fini(struct ct_demangler *demangler)
{
	if (demangler->child)
		end_child(demangler);
}

static bool start_child(struct ct_demangler *demangler)
{
	int sockets[2];
	if (demangler->child)
		return true;
	if (demangler->deaths >= DEATHS_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
		return false;
	pid_t child = fork();
	if (child == 0) {
		close(sockets[0]);
		serve(sockets[1]);
	}
	close(sockets[1]);
	if (child < 0) {
		close(sockets[0]);
		return false;
	}
	demangler->socket = sockets[0];
	demangler->child = child;
	return true;
}

/* False: the symbol killed the child or cannot be tried. *name is NULL if the symbol is not mangled. */
static bool ask_child(struct ct_demangler *demangler, const char *symbol, size_t length, char **name)
{
	*name = NULL;
	if (length > SYMBOL_MAX || !start_child(demangler))
		return false;
	char *answer = write_text(demangler->socket, symbol, (uint32_t)length) ? read_text(demangler->socket) : NULL;
	if (!answer) {
		end_child(demangler);
		demangler->deaths++;
		return false;
	}
	if (*answer)
		*name = answer;
	else
		free(answer);
	return true;
}

static bool is_d(const char *symbol)
{
	return !strncmp(symbol, "_D", 2) && (isdigit((unsigned char)symbol[2]) || !strcmp(symbol, "_Dmain"));
}

/*
 * The qualified name of a D symbol, without the types, which libiberty writes out however long they are:
 * "module.Class.method(...)". NULL: out of memory.
 */
static char *d_name(const char *symbol, size_t length)
{
	char *name = malloc(length + sizeof("(...)")), *end = name;
	const char *part = symbol + 2;
	while (name && isdigit((unsigned char)*part)) {
		char *start;
		unsigned long bytes = strtoul(part, &start, 10);
		if (!bytes || bytes > (size_t)(symbol + length - start))
			break;
		end += end > name ? sprintf(end, ".") : 0;
		end = mempcpy(end, start, bytes);
		part = start + bytes;
	}
	if (name)
		strcpy(end, "(...)");
	char *cut = name ? ct_cut_marked(name, strlen(name), symbol, length) : NULL;
	free(name);
	return cut;
}

char *ct_demangle(struct ct_demangler *demangler, const char *symbol)
{
	size_t length = strlen(symbol);
	char *name = NULL;
	if (!strncmp(symbol, "_Z", 2) || !strncmp(symbol, "_R", 2) || !strncmp(symbol, "_GLOBAL_", 8)) {
		name = demangle_short(symbol, length);
		if (!name)
			ask_child(demangler, symbol, length, &name);
	} else if (is_d(symbol) && !ask_child(demangler, symbol, length, &name)) {
		name = d_name(symbol, length);
	}
	return name ? name : ct_cut_name(symbol, length, symbol, length);
}

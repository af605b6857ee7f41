/* SPDX-License-Identifier: MIT */
#include "serve/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/open.h"

#define UNIX "unix:"
#define QUEUE 1024 /* connections that wait to be accepted; the kernel's own limit may be lower */
#define PEM_MAX (1u << 20) /* bytes of a certificate or key */

static int new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* "http://127.0.0.1:6070/", with the port that the kernel chose for port 0. */
static void make_url(struct ct_listener *listener, const struct ct_listen_options *options)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	getsockname(listener->fd, (struct sockaddr *)&address, &length);
	const char *colon = strrchr(options->text, ':');
	snprintf(listener->url, sizeof(listener->url), "http%s://%.*s:%u/", options->tls ? "s" : "",
		 (int)(colon - options->text), options->text,
		 ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						    : ((struct sockaddr_in6 *)&address)->sin6_port));
}

static int listen_inet(const struct ct_listen_options *options, struct ct_listener *listener,
		       struct ct_error_text *error)
{
	struct sockaddr_storage address;
	socklen_t length;
	int code = ct_guard_address(options->text, &address, &length, error), one = 1;
	if (code)
		return code;
	listener->local = ct_guard_is_local(&address);
	if (!listener->local && !(options->token && options->tls) && !options->insecure)
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s can be reached from other machines: give --token FILE and --tls CERT,KEY, or "
				    "--insecure if something else protects it, or listen on 127.0.0.1",
				    options->text);
	listener->fd = new_socket(address.ss_family);
	if (listener->fd < 0 || setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(listener->fd, (struct sockaddr *)&address, length) || listen(listener->fd, QUEUE))
		return ct_error_set(error, CT_ERR_IO, "cannot listen on %s: %s", options->text, strerror(errno));
	make_url(listener, options);
	return CT_OK;
}

/* Make room for a socket of this name: remove one that a server which was killed has left. 0 or < 0. */
static int remove_stale(const struct sockaddr_un *address, struct ct_error_text *error)
{
	const char *path = address->sun_path;
	struct stat file;
	if (lstat(path, &file) < 0)
		return errno == ENOENT ? CT_OK : ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(file.st_mode))
		return ct_error_set(error, CT_ERR_IO, "%s: is there already, and is not a socket", path);
	int fd = new_socket(AF_UNIX);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	bool dead = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
	close(fd);
	if (!dead)
		return ct_error_set(error, CT_ERR_IO, "%s: another server listens there", path);
	if (file.st_uid != geteuid() || unlink(path) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: a server has left it; remove it", path);
	return CT_OK;
}

static int listen_unix(const char *path, struct ct_listener *listener, struct ct_error_text *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat file;
	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return ct_error_set(error, CT_ERR_USAGE, "the path of a Unix socket has 1 to %zu bytes",
				    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	listener->is_unix = listener->local = true;
	int code = remove_stale(&address, error);
	if (code)
		return code;
	listener->fd = new_socket(AF_UNIX);
	mode_t mask = umask(0177); /* it is never open to others, not even for a moment */
	bool bound = listener->fd >= 0 && !bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!bound || listen(listener->fd, QUEUE))
		return ct_error_set(error, CT_ERR_IO, "cannot listen on %s: %s", path, strerror(errno));
	listener->path = strdup(path);
	if (!listener->path)
		return ct_error_no_memory(error);
	if (!lstat(path, &file)) {
		listener->device = file.st_dev;
		listener->inode = file.st_ino;
	}
	snprintf(listener->url, sizeof(listener->url), UNIX "%s", path);
	return CT_OK;
}

int ct_listen(const struct ct_listen_options *options, struct ct_listener *listener, struct ct_error_text *error)
{
	*listener = (struct ct_listener){.fd = -1};
	bool is_unix = !strncmp(options->text, UNIX, strlen(UNIX));
	int code = is_unix ? listen_unix(options->text + strlen(UNIX), listener, error)
			   : listen_inet(options, listener, error);
	if (code && listener->fd >= 0)
		close(listener->fd);
	return code;
}

void ct_listen_end(struct ct_listener *listener)
{
	struct stat file;
	if (listener->path && !lstat(listener->path, &file) && file.st_ino == listener->inode &&
	    file.st_dev == listener->device)
		unlink(listener->path);
	free(listener->path);
	listener->path = NULL;
}

static int read_pem(const char *path, char **text, struct ct_error_text *error)
{
	struct stat file;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &file);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, ct_open_problem());
	*text = calloc(1, PEM_MAX + 1);
	ssize_t got = *text ? read(fd, *text, PEM_MAX) : 0;
	int number = errno;
	close(fd);
	if (!*text)
		return ct_error_no_memory(error);
	if (got < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(number));
	if (!strstr(*text, "-----BEGIN "))
		return ct_error_set(error, CT_ERR_USAGE, "%s: is not in PEM's form (-----BEGIN ...)", path);
	return CT_OK;
}

int ct_tls_read(const char *files, struct ct_tls *tls, struct ct_error_text *error)
{
	const char *comma = strchr(files, ',');
	*tls = (struct ct_tls){NULL, NULL};
	if (!comma || comma == files || !comma[1])
		return ct_error_set(error, CT_ERR_USAGE, "--tls needs two files, as in cert.pem,key.pem");
	char *first = strndup(files, (size_t)(comma - files));
	int code = first ? read_pem(first, &tls->certificate, error) : ct_error_no_memory(error);
	free(first);
	return code ? code : read_pem(comma + 1, &tls->key, error);
}

void ct_tls_free(struct ct_tls *tls)
{
	free(tls->certificate);
	if (tls->key)
		explicit_bzero(tls->key, strlen(tls->key));
	free(tls->key);
}

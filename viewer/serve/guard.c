/* SPDX-License-Identifier: MIT */
#include "serve/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/open.h"

int ct_guard_read(struct ct_guard *guard, const char *path, struct ct_error_text *error)
{
	struct stat status;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, ct_open_problem());
	ssize_t got = read(fd, guard->token, CT_TOKEN_MAX);
	close(fd);
	if (got < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", path, strerror(errno));
	guard->token[got] = '\0';
	guard->token[strcspn(guard->token, "\r\n")] = '\0';
	if (strlen(guard->token) < CT_TOKEN_MIN)
		return ct_error_set(error, CT_ERR_USAGE, "%s: the first line must be a token of at least %d bytes",
				    path, CT_TOKEN_MIN);
	return CT_OK;
}

/* The time that this takes depends on the lengths only. */
static bool is_token(const struct ct_guard *guard, const char *text, size_t length)
{
	size_t wanted = strlen(guard->token);
	unsigned char different = length != wanted;
	for (size_t i = 0; i < length; i++)
		different |= (unsigned char)(text[i] ^ guard->token[i % wanted]);
	return !different;
}

static int digit(char letter)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = letter ? strchr(digits, letter) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Decode base64 until its end or the first letter that does not belong to it. Returns the number of bytes. */
static size_t decode(const char *text, char *out, size_t room)
{
	size_t count = 0;
	unsigned bits = 0, held = 0;
	for (; digit(*text) >= 0 && count < room; text++) {
		held = held << 6 | (unsigned)digit(*text);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[count++] = (char)(held >> bits);
	}
	return count;
}

bool ct_guard_is_bearer(const struct ct_guard *guard, const char *header)
{
	return *guard->token && header && !strncasecmp(header, "Bearer ", 7) &&
	       is_token(guard, header + 7, strlen(header + 7));
}

bool ct_guard_admits(const struct ct_guard *guard, const char *header)
{
	char plain[CT_TOKEN_MAX * 2];
	if (!*guard->token)
		return true;
	if (ct_guard_is_bearer(guard, header))
		return true;
	if (!header || strncasecmp(header, "Basic ", 6))
		return false;
	size_t length = decode(header + 6, plain, sizeof(plain));
	const char *colon = memchr(plain, ':', length);
	return colon && is_token(guard, colon + 1, length - (size_t)(colon + 1 - plain));
}

bool ct_guard_host(const struct ct_guard *guard, const char *host)
{
	char name[64];
	if (*guard->token || !host)
		return true;
	size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (length >= sizeof(name) || strlen(host) < length)
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	struct in_addr four;
	return !strcasecmp(name, "localhost") || !strcmp(name, "[::1]") ||
	       (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

int ct_guard_address(const char *text, struct sockaddr_storage *address, socklen_t *length, struct ct_error_text *error)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	char name[64];
	const char *colon = strrchr(text, ':');
	char *end;
	memset(address, 0, sizeof(*address));
	unsigned long port =
		colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : UINT16_MAX + 1ul;
	if (port > UINT16_MAX || *end || (size_t)(colon - text) >= sizeof(name))
		return ct_error_set(error, CT_ERR_USAGE, "'%s' is not ADDRESS:PORT, such as 127.0.0.1:6070", text);
	snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	size_t last = strlen(name);
	if (*name == '[' && name[last - 1] == ']') {
		name[last - 1] = '\0';
		if (inet_pton(AF_INET6, name + 1, &six->sin6_addr) == 1) {
			six->sin6_family = AF_INET6;
			six->sin6_port = htons((uint16_t)port);
			*length = sizeof(*six);
			return CT_OK;
		}
	} else if (inet_pton(AF_INET,
			     !strcmp(name, "localhost") ? "127.0.0.1"
			     : *name                    ? name
							: "0.0.0.0",
			     &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*length = sizeof(*four);
		return CT_OK;
	}
	return ct_error_set(error, CT_ERR_USAGE, "'%s': the address must be numbers or localhost", text);
}

bool ct_guard_is_local(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	if (address->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

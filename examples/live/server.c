/* SPDX-License-Identifier: MIT */
/* A server that reads one request per line and keeps a session for each user; no request ever ends one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	struct session *next;
	char user[32];
	char history[4096];
};

static struct session *sessions;

static void log_in(const char *user)
{
	struct session *session = calloc(1, sizeof(*session));
	strncpy(session->user, user, sizeof(session->user) - 1);
	session->next = sessions;
	sessions = session;
}

static void say_hello(const char *user)
{
	char *text = malloc(strlen(user) + 8);
	sprintf(text, "hello, %s", user);
	puts(text);
	free(text);
}

int main(void)
{
	char user[32];
	while (scanf("%31s", user) == 1) {
		log_in(user);
		say_hello(user);
		fflush(stdout);
	}
	return 0;
}

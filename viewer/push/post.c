/* SPDX-License-Identifier: MIT */
#include "push/post.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "ctrace/version.h"
#include "util/utf8.h"

#define CONNECT_SECONDS 5L
#define SECONDS 30L
#define WAIT_MAX 300u /* seconds that a server may ask for */

/* The functions that are used, under their own names. */
#define FUNCTIONS(X)                                                                                                   \
	X(curl_global_init)                                                                                            \
	X(curl_easy_init)                                                                                              \
	X(curl_easy_setopt)                                                                                            \
	X(curl_easy_perform)                                                                                           \
	X(curl_easy_getinfo) X(curl_easy_strerror) X(curl_easy_cleanup) X(curl_slist_append) X(curl_slist_free_all)

#undef curl_easy_setopt /* macros that check types, of which the functions cannot be taken */
#undef curl_easy_getinfo

static struct {
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

int ct_post_init(struct ct_error_text *error)
{
	void *library = NULL;
	bool whole = true;
	if (lib.curl_easy_init)
		return CT_OK;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !library; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return ct_error_set(error, CT_ERR_USAGE, "%s is missing; install libcurl4 (Debian) or libcurl (Fedora)",
				    names[0]);
#define FIND(name)                                                                                                     \
	lib.name = (__typeof__(name) *)dlsym(library, #name);                                                          \
	whole = whole && lib.name;
	FUNCTIONS(FIND)
#undef FIND
	if (!whole || lib.curl_global_init(CURL_GLOBAL_DEFAULT)) {
		lib.curl_easy_init = NULL;
		return ct_error_set(error, CT_ERR_IO, "%s cannot be used: %s", names[0],
				    whole ? "it does not start" : "it is too old");
	}
	return CT_OK;
}

/* The start of the server's answer. */
struct answer {
	char text[4096];
	size_t length;
};

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t bytes = size * count, room = sizeof(answer->text) - answer->length;
	size_t part = bytes < room ? bytes : room;
	memcpy(answer->text + answer->length, data, part);
	answer->length += part;
	return bytes;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	char *line = NULL;
	struct curl_slist *longer = NULL;
	if (value && asprintf(&line, "%s: %s", name, value) > 0)
		longer = lib.curl_slist_append(*list, line);
	free(line);
	if (longer)
		*list = longer;
	return longer || !value;
}

/* Say what the server has answered: its status, and the first line of its text. */
static void note_answer(struct ct_error_text *why, long status, const struct answer *answer)
{
	size_t length = strcspn(answer->length ? answer->text : "", "\r\n");
	if (length > answer->length)
		length = answer->length;
	char *text = ct_utf8_clean(answer->text, length, NULL);
	ct_error_set(why, CT_ERR_IO, "the server answers %ld%s%s", status, text && *text ? ": " : "", text ? text : "");
	free(text);
}

enum ct_post_result ct_post_send(const struct ct_post *post, unsigned *wait_s, struct ct_error_text *why)
{
	struct answer answer = {.length = 0};
	struct curl_slist *headers = NULL;
	curl_off_t asked = 0;
	long status = 0;
	CURL *curl = lib.curl_easy_init();
	*wait_s = 0;
	/* Without "Expect:", curl waits for a second before it sends a large body to a server that does not know it. */
	if (!curl || !add_header(&headers, "Content-Type", post->content_type) ||
	    !(headers = lib.curl_slist_append(headers, "Expect:")) ||
	    !add_header(&headers, "Authorization", post->authorization) ||
	    !add_header(&headers, "X-Scope-OrgID", post->tenant)) {
		lib.curl_slist_free_all(headers);
		lib.curl_easy_cleanup(curl);
		ct_error_no_memory(why);
		return CT_POST_LATER;
	}
	lib.curl_easy_setopt(curl, CURLOPT_URL, post->url);
	lib.curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->length);
	lib.curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body);
	lib.curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	lib.curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	lib.curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	lib.curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	lib.curl_easy_setopt(curl, CURLOPT_TIMEOUT, SECONDS);
	lib.curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(curl, CURLOPT_USERAGENT, "ctrace/" CTRACE_VERSION);
	CURLcode failed = lib.curl_easy_perform(curl);
	lib.curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	lib.curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &asked);
	if (failed)
		ct_error_set(why, CT_ERR_IO, "%s", lib.curl_easy_strerror(failed));
	else
		note_answer(why, status, &answer);
	lib.curl_slist_free_all(headers);
	lib.curl_easy_cleanup(curl);
	if (asked > 0)
		*wait_s = asked < (curl_off_t)WAIT_MAX ? (unsigned)asked : WAIT_MAX;
	if (!failed && status >= 200 && status < 300)
		return !post->accepts || post->accepts(answer.text, answer.length, why) ? CT_POST_DONE
											: CT_POST_REFUSED;
	if (failed == CURLE_UNSUPPORTED_PROTOCOL || failed == CURLE_URL_MALFORMAT)
		return CT_POST_REFUSED;
	return failed || status == 429 || status == 408 || status >= 500 ? CT_POST_LATER : CT_POST_REFUSED;
}

/* SPDX-License-Identifier: MIT */
#include "write/editor_link.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Schemes whose links run or show something of the page itself. */
static const char *const refused[] = {"javascript", "data", "vbscript", "blob", "about", "view-source", "filesystem"};

/* The length of "vscode" in "vscode:..."; 0: no scheme. */
static size_t scheme_length(const char *template)
{
	size_t length = strspn(template, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
	return template[length] == ':' && isalpha((unsigned char)*template) ? length : 0;
}

int ct_editor_link_check(const char *template, struct ct_error_text *error)
{
	if (!strcmp(template, CT_EDITOR_LINK_NONE))
		return CT_OK;
	size_t length = scheme_length(template);
	bool plain = true, safe = true;
	for (const char *at = template; *at; at++)
		plain = plain && *at > ' ' && *at < 0x7f && !strchr("\"'<>\\`", *at);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		safe = safe && (strlen(refused[i]) != length || strncasecmp(template, refused[i], length) != 0);
	if (length && plain && safe && strstr(template, "{path}"))
		return CT_OK;
	return ct_error_set(
		error, CT_ERR_USAGE,
		"'%.60s' is not a link to an editor: give a URL with {path} and {line}, such as " CT_EDITOR_LINK
		", or none",
		template);
}

/* SPDX-License-Identifier: MIT */
#include "write/html_template.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE "../share/ctrace/report.html" /* relative to the program's folder */

int ct_html_template(char **text, struct ct_error_text *error)
{
	char path[PATH_MAX + sizeof(PLACE)];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t room = 0;
	*text = NULL;
	path[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, PLACE);
	FILE *file = fopen(path, "re");
	if (!file && errno == ENOMEM)
		return ct_error_no_memory(error);
	if (!file)
		return ct_error_set(error, CT_ERR_USAGE,
				    "the template of html reports is not built: run `make html`, which needs "
				    "npm, where ctrace was built (no %s)",
				    path);
	ssize_t got = getdelim(text, &room, '\0', file);
	fclose(file);
	if (got > 0 && strstr(*text, CT_HTML_MARK))
		return CT_OK;
	free(*text);
	return ct_error_set(error, CT_ERR_DAMAGED, "%s: not the page of this ctrace; run `make html` again", path);
}

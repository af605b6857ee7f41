/* SPDX-License-Identifier: MIT */
/*
 * Links from a page to a line in an editor. A *template* is a URL with {path}, the absolute path of the file, and
 * perhaps {line}; "none" stands for no links. The page replaces both, the path with everything escaped but letters,
 * digits and /-._~.
 */
#ifndef CT_WRITE_EDITOR_LINK_H
#define CT_WRITE_EDITOR_LINK_H

#include "util/error.h"

#define CT_EDITOR_LINK "vscode://file{path}:{line}" /* the default */
#define CT_EDITOR_LINK_NONE "none"

/* Can it be the template of links in a page? 0, or CT_ERR_USAGE. */
int ct_editor_link_check(const char *template, struct ct_error_text *error);

#endif

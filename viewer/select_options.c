/* SPDX-License-Identifier: MIT */
#include "select_options.h"

#include <stdio.h>

#include "cmd.h"

static const char *const names[CT_SELECT_KINDS] = {"focus", "ignore", "hide"};

bool ct_select_option(const char *command, struct ct_selection *selection, int option, const char *value, int *code)
{
	struct ct_error_text error;
	int kind = option - CT_OPT_FOCUS;
	if (kind < 0 || kind >= CT_SELECT_KINDS)
		return false;
	*code = ct_patterns_add(&selection->patterns[kind], names[kind], value, &error);
	if (*code)
		*code = ct_cmd_fail(command, ct_error_exit_code(*code), "%s", error.line);
	return true;
}

void ct_select_warn(const struct ct_selection *selection, const struct ct_selected *selected)
{
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		if (selection->patterns[i].count && !selected->met[i])
			fprintf(stderr, "ctrace: --%s matches no function, file or module\n", names[i]);
}

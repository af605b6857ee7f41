/* SPDX-License-Identifier: MIT */
#include "cmd/select_options.h"

#include <stdio.h>

#include "cmd/cmd.h"

bool ct_select_option(const char *command, struct ct_selection *selection, int option, const char *value, int *code)
{
	struct ct_error_text error;
	int kind = option - CT_OPT_FOCUS;
	if (kind < 0 || kind >= CT_SELECT_KINDS)
		return false;
	*code = ct_patterns_add(&selection->patterns[kind], ct_select_kind_name((enum ct_select_kind)kind), value,
				&error);
	if (*code)
		*code = ct_cmd_fail(command, ct_error_exit_code(*code), "%s", error.line);
	return true;
}

void ct_select_warn(const struct ct_selected *selected)
{
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		if (selected->selection->patterns[i].count && !selected->met[i])
			fprintf(stderr, "ctrace: --%s matches no function, file or module\n",
				ct_select_kind_name((enum ct_select_kind)i));
}

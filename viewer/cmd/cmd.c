/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "cmd/inputs.h"
#include "load/input.h"
#include "util/interrupt.h"
#include "util/message.h"
#include "util/progress.h"

int ct_cmd_fail(const char *command, int exit_code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	ct_message_list(command, format, arguments);
	va_end(arguments);
	return exit_code;
}

int ct_cmd_fail_files(const char *command, int count)
{
	return ct_cmd_fail(command, CT_EXIT_USAGE, "%s; see ctrace %s --help",
			   count ? "one file at a time" : "no input file", command);
}

bool ct_cmd_is_input(const char *word)
{
	struct ct_inputs inputs = {0};
	struct ct_input input;
	struct ct_error_text ignored;
	struct stat status;
	if (stat(word, &status) < 0)
		return false;
	bool is = S_ISDIR(status.st_mode) ? !ct_inputs_add(&inputs, word, NULL, &ignored)
					  : S_ISREG(status.st_mode) && !ct_input_open(word, &input, &ignored);
	if (is && S_ISREG(status.st_mode))
		ct_input_close(&input);
	ct_inputs_fini(&inputs);
	return is;
}

void ct_cmd_begin_work(const char *what, const char *store)
{
	ct_interrupt_begin(NULL);
	ct_interrupt_line("stopped");
	if (store)
		ct_interrupt_line("stopped; the store stays; make the report with: ctrace export %s", store);
	ct_progress_begin(what);
	if (store)
		ct_progress_hint("Ctrl-C keeps the store");
}

void ct_cmd_end_work(void)
{
	ct_progress_end();
	ct_interrupt_end();
}

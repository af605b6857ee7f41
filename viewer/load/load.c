/* SPDX-License-Identifier: MIT */
#include "load/load.h"

#include "util/interrupt.h"
#include "util/progress.h"

int ct_load_report(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error)
{
	return input->foreign ? ct_load_other(input, profile, error) : ct_load_dhat(input, profile, error);
}

int ct_load(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_input input;
	ct_interrupt_begin(NULL);
	ct_progress_begin("reading");
	int code = ct_input_open(path, &input, error);
	if (!code)
		code = input.is_store ? ct_load_store(&input, profile, error) : ct_load_report(&input, profile, error);
	ct_input_close(&input);
	ct_progress_end();
	ct_interrupt_end();
	return code;
}

/* SPDX-License-Identifier: MIT */
/* Where `ctrace attach` does not know the registers, frames and code of the processor. */
#include "attach/attach.h"

int ct_attach(const struct ct_attach_order *order, struct ct_attach_done *done, struct ct_error_text *error)
{
	(void)done;
	return ct_error_set(
		error, CT_ERR_IO,
		"process %d: ctrace attach works on x86-64 only so far; start the program with ctrace record, "
		"or with CTRACE_MODE=off to switch it on later",
		order->pid);
}

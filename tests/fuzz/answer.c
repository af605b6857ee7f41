/* SPDX-License-Identifier: MIT */
/* What a server of OpenTelemetry answers to ctrace push. */
#include <string.h>

#include "fuzz.h"
#include "wire/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error_text why = {.line = ""};
	if (ct_otlp_accepts((const char *)data, size, &why) == (*why.line != '\0') || strpbrk(why.line, "\n\x1b"))
		__builtin_trap();
	return 0;
}

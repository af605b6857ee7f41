/* SPDX-License-Identifier: MIT */
/* Source files for ctrace top --list. */
#include "fuzz.h"
#include "util/pattern.h"
#include "view/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ct_profile *profile;
	static struct ct_patterns patterns;
	const struct ct_terminal terminal = {.columns = size % 2 ? 40 : 120, .utf8 = size % 3, .color = size % 5};
	struct ct_error_text error;
	fuzz_file(data, size);
	if (!profile) {
		profile = fuzz_profile();
		ct_patterns_add(&patterns, "--list", ".", &error);
	}
	FILE *out = fuzz_nowhere();
	const struct ct_view view = {
		.profile = profile, .terminal = &terminal, .out = out, .sort = CT_COLUMN_TOTAL, .patterns = &patterns};
	ct_view_source(&view, &error);
	fclose(out);
	return 0;
}

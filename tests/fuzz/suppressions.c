/* SPDX-License-Identifier: MIT */
/* LeakSanitizer's suppression files, and the leaks that they do not suppress. */
#include "fuzz.h"
#include "model/leaks.h"
#include "view/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ct_terminal terminal = {.columns = 80, .utf8 = true};
	struct ct_leaks leaks = {0};
	struct ct_error_text error;
	fuzz_file(data, size);
	if (!ct_leaks_read_rules(&leaks, fuzz_path, &error)) {
		struct ct_profile *profile = fuzz_profile();
		FILE *out = fuzz_nowhere();
		const struct ct_view view = {
			.profile = profile, .terminal = &terminal, .out = out, .sort = CT_COLUMN_END, .leaks = &leaks};
		if (!ct_leaks_keep(&leaks, profile, &error))
			ct_view_leaks(&view, &error);
		fclose(out);
		ct_profile_free(profile);
	}
	ct_leaks_fini(&leaks);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The reader of DHAT JSON, and everything that is made from its result. */
#include "fuzz.h"
#include "load/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_profile *profile;
	struct ct_error_text error;
	fuzz_file(data, size);
	if (ct_load(fuzz_path, &profile, &error))
		return 0;
	fuzz_profile_use(profile);
	ct_profile_free(profile);
	return 0;
}

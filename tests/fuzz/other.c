/* SPDX-License-Identifier: MIT */
/* The readers of other tools' heap profiles. The first byte chooses the reader, so that damaged files reach it too. */
#include <unistd.h>

#include "fuzz.h"
#include "load/other/other.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum ct_foreign_kind kinds[] = {CT_FOREIGN_PPROF, CT_FOREIGN_HEAP_TEXT, CT_FOREIGN_MASSIF,
						     CT_FOREIGN_HEAPTRACK};
	struct ct_profile *profile;
	struct ct_error_text error;
	if (!size)
		return 0;
	const struct ct_text text = {(const char *)data + 1, size - 1};
	if (ct_other_parse(kinds[*data % 4], text, getuid(), &profile, &error))
		return 0;
	fuzz_profile_use(profile);
	ct_profile_free(profile);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* .ctracerc, and the columns that it sets. Its patterns are not compiled: see fuzz.h. */
#include <stdlib.h>

#include "cmd/config.h"
#include "cmd/top_options.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_config config;
	struct ct_top_request request = {.kind = CT_TOP_ROWS};
	struct ct_error_text error;
	fuzz_file(data, size);
	setenv("CTRACE_CONFIG", fuzz_path, 1);
	if (!ct_config_read(&config, &error))
		ct_top_configure(&request, &config, &error);
	ct_top_fini(&request);
	ct_config_fini(&config);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "serve/pprof.h"

#include <stdlib.h>
#include <string.h>

#include "load/store/store_builder.h"
#include "serve/view.h"
#include "util/clock.h"
#include "write/write.h"

int ct_pprof_write(struct ct_served *served, const struct ct_pprof_ask *ask, FILE *out, struct ct_error_text *error)
{
	struct ct_view view;
	int code = ct_view_make(served, ask, &view, error);
	if (!code)
		code = ct_write_pprof(&view.profile,
				      ask->kind == CT_PPROF_HEAP ? CT_METRIC_END_BYTES : CT_METRIC_TOTAL_BYTES, out,
				      error);
	ct_view_free(&view);
	return code;
}

/* SPDX-License-Identifier: MIT */
#include "serve/pprof.h"

#include <stdlib.h>

#include "load/store/store_builder.h"
#include "serve/view.h"
#include "util/clock.h"
#include "wire/wire.h"

struct ct_wire ct_pprof_wire(const struct ct_pprof_ask *ask, const struct ct_profile *view)
{
	bool since = ask->kind == CT_PPROF_DELTA || ask->kind == CT_PPROF_CHANGE;
	return (struct ct_wire){
		.parts = since ? CT_PPROF_ALLOCATED | CT_PPROF_LIVE : CT_PPROF_ALL,
		.begins = ask->begins,
		.live_change = ask->kind == CT_PPROF_CHANGE,
		.first = ask->kind == CT_PPROF_HEAP ? CT_METRIC_END_BYTES : CT_METRIC_TOTAL_BYTES,
		.time_ns = view->start_unix_ns,
		.duration_ns = view->end_time * 1000,
		.most_samples = ask->top ? ask->top + 1 : 0, /* and one with what is left */
	};
}

int ct_pprof_write(struct ct_served *served, const struct ct_pprof_ask *ask, FILE *out, struct ct_error_text *error)
{
	struct ct_pprof_ask whole = *ask;
	struct ct_wire_message message = {0};
	struct ct_view view;
	whole.top = 0; /* the message keeps the largest stacks itself */
	int code = ct_view_make(served, &whole, &view, error);
	const struct ct_wire wire = ct_pprof_wire(ask, &view.profile);
	if (!code)
		code = ct_wire_write(&view.profile, &wire, &message, error);
	if (!code && fwrite(message.data, 1, message.length, out) != message.length)
		code = ct_error_no_memory(error); /* out is in memory */
	free(message.data);
	ct_view_free(&view);
	return code;
}

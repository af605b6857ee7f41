/* SPDX-License-Identifier: MIT */
/*
 * A profile as a message of OpenTelemetry's protocol (OTLP), made from the same in pprof: a profile for each sample
 * type, with tables that they share. The protocol is in development, and its receivers may want another version of it.
 */
#ifndef CT_WIRE_OTLP_H
#define CT_WIRE_OTLP_H

#include "util/error.h"
#include "wire/wire.h"

/* An attribute of the process; a value of digits alone is sent as a number if the name is process.pid. */
struct ct_otlp_attribute {
	const char *name, *value;
};

/* wire's message, which was written with `plain`, becomes one of OTLP. *data is to be freed. 0 or < 0. */
int ct_otlp_write(const struct ct_wire *wire, const struct ct_wire_message *pprof,
		  const struct ct_otlp_attribute *attributes, size_t count, char **data, size_t *length,
		  struct ct_error_text *error);

/* Has the server taken all profiles, by its answer? `why` gets what it says otherwise. */
bool ct_otlp_accepts(const char *answer, size_t length, struct ct_error_text *why);

#endif

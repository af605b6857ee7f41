/* SPDX-License-Identifier: MIT */
/*
 * A profile as a message to a server that collects profiles: pprof within the server's limits. Large profiles lose
 * small stacks to their callers until they fit; sums stay.
 */
#ifndef CT_WIRE_WIRE_H
#define CT_WIRE_WIRE_H

#include "wire/shorten.h"
#include "write/pprof.h"

#define CT_WIRE_SAMPLES 16000u /* Pyroscope's limits by default */
#define CT_WIRE_BYTES (4u << 20)

struct ct_wire {
	unsigned parts; /* CT_PPROF_* */
	enum ct_metric first; /* of the parts: what a viewer shows first */
	bool recent; /* allocated: since the last reading of a running program */
	bool begins; /* what was allocated before is not in it, for a comment */
	bool live_change; /* live: differences, which wrap around below 0 */
	uint64_t time_ns; /* of the numbers, since 1970 */
	uint64_t duration_ns; /* of the interval in which they were allocated; 0: since the start */
	bool plain; /* not compressed */
	const struct ct_pprof_process *processes; /* of a profile of several; their frames are roots */
	size_t process_count;
	size_t missing; /* processes that could not be read */
	size_t most_samples; /* 0: CT_WIRE_SAMPLES */
	size_t most_bytes; /* before compression; 0: CT_WIRE_BYTES */
};

struct ct_wire_message {
	char *data; /* pprof, compressed by gzip unless it is plain; to be freed */
	size_t length;
	size_t samples;
	size_t shortened; /* stacks that were counted at a caller */
};

/* The profile's sites as at most `most` rows (wire/shorten.h). 0 or < 0; rows are to be freed in both cases. */
int ct_wire_shorten(const struct ct_profile *profile, const struct ct_wire *wire, size_t most,
		    struct ct_short_sites *sites, struct ct_error_text *error);

/* Write the profile, which stays as it is. 0 or < 0; CT_ERR_USAGE: it does not fit, however few samples it has. */
int ct_wire_write(const struct ct_profile *profile, const struct ct_wire *wire, struct ct_wire_message *message,
		  struct ct_error_text *error);

#endif

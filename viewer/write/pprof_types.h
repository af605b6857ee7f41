/* SPDX-License-Identifier: MIT */
/* The sample types of a pprof file: which numbers each sample has. */
#ifndef CT_WRITE_PPROF_TYPES_H
#define CT_WRITE_PPROF_TYPES_H

#include "model/metric.h"
#include "model/profile.h"

#define CT_PPROF_TYPES_MAX 6

struct ct_pprof_type {
	enum ct_metric metric;
	const char *name;
	const char *unit;
	unsigned part; /* CT_PPROF_* of write/pprof.h */
};

struct ct_pprof_types {
	struct ct_pprof_type rows[CT_PPROF_TYPES_MAX];
	size_t count;
	size_t first; /* which one a viewer shows first: that of the metric */
};

/* The types of these parts. If all parts are wanted, a metric that is not among them becomes one more. */
void ct_pprof_types_choose(struct ct_pprof_types *types, const struct ct_profile *profile, unsigned parts,
			   enum ct_metric metric);

/* Nanoseconds per unit of the profile's time; 0 = the unit is not one of time. */
int64_t ct_pprof_unit_ns(const struct ct_profile *profile);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Labels that say where a profile comes from: names as Prometheus allows them, values of UTF-8. A later label replaces
 * an earlier one of the same name.
 */
#ifndef CT_PUSH_LABELS_H
#define CT_PUSH_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#define CT_LABELS_MAX 30u /* Pyroscope's limit by default */
#define CT_LABEL_BYTES 2048u /* of a value */

struct ct_label {
	char *name, *value;
	char *attribute; /* its name in OpenTelemetry */
};

struct ct_labels {
	struct ct_label rows[CT_LABELS_MAX];
	size_t count;
};

/*
 * Set a label. In its name, characters that are not allowed become "_", and the names of OpenTelemetry's resources
 * those that profile servers use: "k8s.pod.name" becomes "pod". Ignored: an empty value, a name that starts with "__",
 * a label beyond the limit. False when out of memory.
 */
bool ct_labels_set(struct ct_labels *labels, const char *name, const char *value);

/* Set labels from "key=value,key=value" with %XX for other characters (OTEL_RESOURCE_ATTRIBUTES). */
bool ct_labels_parse(struct ct_labels *labels, const char *text);

/*
 * The labels of a program, by its path: service_name, exe and host; and of a running process (pid > 0) what its
 * environment says in OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, and its container's number.
 */
bool ct_labels_of(struct ct_labels *labels, const char *program, int pid);

/* Add copies of `more`. */
bool ct_labels_add(struct ct_labels *labels, const struct ct_labels *more);

/* The value of a label, "" = there is none. */
const char *ct_labels_value(const struct ct_labels *labels, const char *name);

void ct_labels_fini(struct ct_labels *labels);

#endif

/* SPDX-License-Identifier: MIT */
#include "push/labels.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names/names.h"
#include "util/utf8.h"

#define FILE_MAX (1u << 20) /* of an environment that is read */
#define CONTAINER_DIGITS 12 /* of a container's number, as docker ps shows them */

/* Names of OpenTelemetry's resource attributes for which profile servers have others. */
static const struct {
	const char *attribute, *label;
} known[] = {
	{"service.name", "service_name"}, {"k8s.namespace.name", "namespace"},
	{"k8s.pod.name", "pod"},          {"k8s.container.name", "container"},
	{"k8s.node.name", "node"},        {"host.name", "host"},
	{"process.pid", "pid"},           {"process.executable.name", "exe"},
	{"container.id", "container_id"},
};

/* The label's name, to be freed. */
static char *name_of(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].attribute))
			return strdup(known[i].label);
	char *copy = strdup(name);
	for (char *at = copy; at && *at; at++)
		if (!(isalpha((unsigned char)*at) || *at == '_' || (at > copy && isdigit((unsigned char)*at))) ||
		    (unsigned char)*at > 127)
			*at = '_';
	return copy;
}

/* The label's attribute, to be freed. */
static char *attribute_of(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].label))
			return strdup(known[i].attribute);
	return ct_utf8_clean(name, strlen(name), NULL);
}

static void free_label(struct ct_label *label)
{
	free(label->name);
	free(label->value);
	free(label->attribute);
}

bool ct_labels_set(struct ct_labels *labels, const char *name, const char *value)
{
	size_t index = 0;
	if (!*name || !*value || !strncmp(name, "__", 2))
		return true;
	char *label = name_of(name), *attribute = attribute_of(name);
	char *clean = ct_utf8_clean(value, strlen(value), NULL);
	bool memory = label && clean && attribute;
	if (memory) {
		clean[ct_utf8_fit(clean, CT_LABEL_BYTES)] = '\0';
		while (index < labels->count && strcmp(labels->rows[index].name, label) != 0)
			index++;
	}
	if (!memory || index == CT_LABELS_MAX) {
		free_label(&(struct ct_label){label, clean, attribute});
		return memory;
	}
	if (index == labels->count)
		labels->count++;
	free_label(&labels->rows[index]);
	labels->rows[index] = (struct ct_label){label, clean, attribute};
	return true;
}

static int digit_of(char digit)
{
	return isdigit((unsigned char)digit)    ? digit - '0'
	       : isxdigit((unsigned char)digit) ? (digit | 32) - 'a' + 10
						: -1;
}

/* Replace %XX in place; other uses of % stay. */
static void decode(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		int high = *at == '%' ? digit_of(at[1]) : -1, low = high >= 0 ? digit_of(at[2]) : -1;
		bool coded = low >= 0 && (high || low);
		*to++ = coded ? (char)(high << 4 | low) : *at;
		at += coded ? 2 : 0;
	}
	*to = '\0';
}

bool ct_labels_parse(struct ct_labels *labels, const char *text)
{
	char *copy = strdup(text), *rest = copy;
	bool memory = copy != NULL;
	for (char *pair; memory && (pair = strsep(&rest, ","));) {
		char *value = strchr(pair, '=');
		if (!value)
			continue;
		*value++ = '\0';
		while (*pair == ' ')
			pair++;
		decode(value);
		memory = ct_labels_set(labels, pair, value);
	}
	free(copy);
	return memory;
}

/* A file of /proc/PID, to be freed, with two NULs behind it; NULL: it cannot be read. */
static char *read_proc(int pid, const char *name)
{
	char path[64], *text = calloc(1, FILE_MAX + 2);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	FILE *file = text ? fopen(path, "r") : NULL;
	if (!file) {
		free(text);
		return NULL;
	}
	text[fread(text, 1, FILE_MAX, file)] = '\0';
	fclose(file);
	return text;
}

static bool add_environment(struct ct_labels *labels, int pid)
{
	static const char attributes[] = "OTEL_RESOURCE_ATTRIBUTES=", service[] = "OTEL_SERVICE_NAME=";
	char *all = read_proc(pid, "environ");
	const char *name = NULL;
	bool memory = true;
	for (const char *at = all; at && *at && memory; at += strlen(at) + 1) {
		if (!strncmp(at, attributes, sizeof(attributes) - 1))
			memory = ct_labels_parse(labels, at + sizeof(attributes) - 1);
		else if (!strncmp(at, service, sizeof(service) - 1))
			name = at + sizeof(service) - 1;
	}
	if (name && memory) /* comes before service.name of the attributes */
		memory = ct_labels_set(labels, "service_name", name);
	free(all);
	return memory;
}

/* A container's number is the last row of 64 hexadecimal digits in the name of its cgroup. */
static bool add_container(struct ct_labels *labels, int pid)
{
	char *all = read_proc(pid, "cgroup"), number[CONTAINER_DIGITS + 1] = "";
	for (const char *at = all; at && *at;) {
		size_t digits = strspn(at, "0123456789abcdef");
		if (digits == 64)
			memcpy(number, at, CONTAINER_DIGITS);
		at += digits ? digits : 1;
	}
	free(all);
	return ct_labels_set(labels, "container_id", number);
}

bool ct_labels_of(struct ct_labels *labels, const char *program, int pid)
{
	char host[HOST_NAME_MAX + 1] = "";
	const char *exe = ct_name_base(program);
	gethostname(host, sizeof(host) - 1);
	return ct_labels_set(labels, "service_name", *exe ? exe : "unknown") && ct_labels_set(labels, "exe", exe) &&
	       ct_labels_set(labels, "host", host) &&
	       (pid <= 0 || (add_container(labels, pid) && add_environment(labels, pid)));
}

bool ct_labels_add(struct ct_labels *labels, const struct ct_labels *more)
{
	for (size_t i = 0; i < more->count; i++)
		if (!ct_labels_set(labels, more->rows[i].attribute, more->rows[i].value))
			return false;
	return true;
}

const char *ct_labels_value(const struct ct_labels *labels, const char *name)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!strcmp(labels->rows[i].name, name))
			return labels->rows[i].value;
	return "";
}

void ct_labels_fini(struct ct_labels *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		free_label(&labels->rows[i]);
	*labels = (struct ct_labels){0};
}

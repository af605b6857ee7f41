/* SPDX-License-Identifier: MIT */
#include "names/number.h"

#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

#define CT_NUMBER_UNIT_MAX 36 /* beside a number of 27 characters */

/* Print three significant digits. */
static void put_digits(char out[CT_NUMBER_ROOM], double value, const char *unit, int unit_width)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	snprintf(out, CT_NUMBER_ROOM, "%.*f %*.40s", decimals, value, unit_width, unit);
}

static void put_bytes(char out[CT_NUMBER_ROOM], uint64_t bytes, int unit_width)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;
	if (bytes < 1024) {
		snprintf(out, CT_NUMBER_ROOM, "%u %*s", (unsigned)bytes, unit_width, "B");
		return;
	}
	while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	put_digits(out, value, units[unit], unit_width);
}

char *ct_number_bytes(char out[CT_NUMBER_ROOM], uint64_t bytes)
{
	put_bytes(out, bytes, 0);
	return out;
}

char *ct_number_bytes_column(char out[CT_NUMBER_ROOM], uint64_t bytes)
{
	put_bytes(out, bytes, 3);
	return out;
}

char *ct_number_exact(char out[CT_NUMBER_ROOM], uint64_t number)
{
	char digits[CT_NUMBER_ROOM];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *at = out;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
	return out;
}

/* What the singular has instead of the end of this plural. */
struct singular {
	const char *plural, *end;
};

static const struct singular *singular_of(const char *what, size_t length)
{
	/* Other words in "es" have the "e" in the singular, too: caches, phases, responses. */
	static const struct singular singulars[] = {
		{"ies", "y"},     {"sses", "ss"},   {"shes", "sh"}, {"xes", "x"},
		{"nches", "nch"}, {"tches", "tch"}, {"s", ""},
	};
	for (size_t i = 0; i < sizeof(singulars) / sizeof(singulars[0]); i++) {
		size_t bytes = strlen(singulars[i].plural);
		if (length > bytes && !memcmp(what + length - bytes, singulars[i].plural, bytes))
			return &singulars[i];
	}
	return NULL;
}

char *ct_number_count(char out[CT_NUMBER_ROOM], uint64_t number, const char *what)
{
	size_t length = ct_utf8_fit(what, CT_NUMBER_UNIT_MAX);
	const struct singular *singular = number == 1 ? singular_of(what, length) : NULL;
	ct_number_exact(out, number);
	size_t used = strlen(out);
	if (singular)
		length -= strlen(singular->plural);
	snprintf(out + used, CT_NUMBER_ROOM - used, " %.*s%s", (int)length, what, singular ? singular->end : "");
	return out;
}

/* A number below 1000 gets no prefix, and no decimals if it is whole; others get k, M, G, ... */
static void put_short(char out[CT_NUMBER_ROOM], double number, const char *unit)
{
	static const char *const prefixes[] = {"k", "M", "G", "T", "P", "E"};
	char prefixed[CT_NUMBER_ROOM];
	size_t prefix = 0;
	if (number < 999.5) {
		if (number == (double)(int)number)
			snprintf(out, CT_NUMBER_ROOM, "%.0f%s%.40s", number, *unit ? " " : "", unit);
		else
			put_digits(out, number, unit, 0);
		return;
	}
	for (number /= 1000; number >= 999.5 && prefix + 1 < sizeof(prefixes) / sizeof(prefixes[0]); prefix++)
		number /= 1000;
	snprintf(prefixed, sizeof(prefixed), "%s%s%.40s", prefixes[prefix], *unit ? " " : "", unit);
	put_digits(out, number, prefixed, 0);
}

char *ct_number_short(char out[CT_NUMBER_ROOM], double number)
{
	put_short(out, number, "");
	return out;
}

/* Nanoseconds per unit of time; 0: not a unit of time. */
static double unit_ns(const char *unit)
{
	if (!strcmp(unit, "ns"))
		return 1;
	if (!strcmp(unit, "µs") || !strcmp(unit, "us"))
		return 1e3;
	if (!strcmp(unit, "ms"))
		return 1e6;
	return !strcmp(unit, "s") ? 1e9 : 0;
}

char *ct_number_time(char out[CT_NUMBER_ROOM], double time, const char *unit)
{
	double ns = time * unit_ns(unit);
	if (unit_ns(unit) == 0)
		put_short(out, time, unit);
	else if (time == 0)
		snprintf(out, CT_NUMBER_ROOM, "0 s");
	else if (ns < 999.5)
		put_digits(out, ns, "ns", 0);
	else if (ns < 999.5e3)
		put_digits(out, ns / 1e3, "µs", 0);
	else if (ns < 999.5e6)
		put_digits(out, ns / 1e6, "ms", 0);
	else if (ns < 599.5e9)
		put_digits(out, ns / 1e9, "s", 0);
	else if (ns < 7200e9)
		put_digits(out, ns / 60e9, "min", 0);
	else
		put_digits(out, ns / 3600e9, "h", 0);
	return out;
}

char *ct_number_percent(char out[CT_NUMBER_ROOM], double part, double whole)
{
	snprintf(out, CT_NUMBER_ROOM, "%.1f", whole > 0 ? part / whole * 100 : 0.0);
	return out;
}

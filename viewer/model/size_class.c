/* SPDX-License-Identifier: MIT */
#include "model/size_class.h"

#include <stdbool.h>
#include <stddef.h>

#define LARGEST (UINT64_C(1) << 48) /* of a block */

static const struct {
	const char *title;
	uint64_t header;
} allocators[CT_ALLOCATORS] = {
#define CT_ALLOCATOR(name, title, header) [CT_ALLOCATOR_##name] = {title, header},
#include "model/size_classes.def"
};

static const struct classes {
	enum ct_allocator allocator;
	uint64_t up_to, step;
} rows[] = {
#define CT_CLASSES(name, up_to, step) {CT_ALLOCATOR_##name, up_to, step},
#include "model/size_classes.def"
};

/* Sizes that are rounded up to multiples of one step: those up to `last`. They include the header. */
struct range {
	uint64_t step, last;
};

static struct range range_of(enum ct_allocator allocator, uint64_t size)
{
	size_t i = 0;
	while (rows[i].allocator != allocator || size > rows[i].up_to)
		i++;
	if (rows[i].step)
		return (struct range){rows[i].step, rows[i].up_to};
	uint64_t power = UINT64_C(1) << (63 ^ __builtin_clzll(size - 1));
	return (struct range){power / 4, power * 2};
}

static uint64_t within(uint64_t bytes)
{
	return bytes < 1 ? 1 : bytes > LARGEST ? LARGEST : bytes;
}

static uint64_t round_up(uint64_t size, uint64_t step)
{
	return (size + step - 1) / step * step;
}

const char *ct_allocator_title(enum ct_allocator allocator)
{
	return allocators[allocator].title;
}

uint64_t ct_allocator_header(enum ct_allocator allocator)
{
	return allocators[allocator].header;
}

uint64_t ct_class_bytes(enum ct_allocator allocator, uint64_t bytes)
{
	uint64_t size = within(bytes) + allocators[allocator].header;
	return round_up(size, range_of(allocator, size).step);
}

uint64_t ct_class_below(enum ct_allocator allocator, uint64_t bytes)
{
	uint64_t header = allocators[allocator].header, own = ct_class_bytes(allocator, bytes);
	uint64_t below = own - range_of(allocator, own).step;
	/* An irregular class is a step of its own, so the class below it may end later. */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].allocator == allocator && rows[i].up_to < own && rows[i].up_to > below)
			below = rows[i].up_to;
	return below > header ? below - header : 0;
}

/* The sum of slack over sizes from low to high, all in one range. The slack falls by one a size, down to 0. */
static double sum_in_range(uint64_t low, uint64_t high, uint64_t step)
{
	uint64_t count = high - low + 1, first = round_up(low, step) - low;
	uint64_t head = count <= first ? count : first + 1; /* sizes in the first class */
	count -= head;
	uint64_t whole = count / step, tail = count % step;
	return (double)head * ((double)first - (double)(head - 1) / 2) +
	       (double)whole * (double)step * (double)(step - 1) / 2 +
	       (double)tail * ((double)(step - 1) - ((double)tail - 1) / 2);
}

double ct_class_slack(enum ct_allocator allocator, uint64_t low, uint64_t high)
{
	uint64_t header = allocators[allocator].header;
	uint64_t from = within(low) + header, to = within(high) + header;
	double sum = 0, count = (double)(to - from + 1);
	while (from <= to) {
		struct range range = range_of(allocator, from);
		uint64_t last = range.last < to ? range.last : to;
		sum += sum_in_range(from, last, range.step);
		from = last + 1;
	}
	return sum / count + (double)header;
}

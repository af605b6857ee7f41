/* SPDX-License-Identifier: MIT */
#include "model/growth.h"

#define QUARTERS 4
#define FLAT 0.02 /* of the last moment's bytes: up to here nothing has grown yet */
#define WINDOW_MIN 0.4 /* the window's share of the time of all moments */
#define QUARTER_MIN 0.5 /* the least that a quarter of the window adds, as a share of what it would add on a line */

/* The last moment of the flat start. */
static size_t find_start(const struct ct_moment *moments, size_t count)
{
	size_t start = 0;
	double last = moments[count - 1].bytes, base = moments[0].bytes;
	for (size_t i = 0; i + 1 < count; i++)
		if (moments[i].bytes - base <= (last - base) * FLAT && moments[i].bytes >= base)
			start = i;
		else
			break;
	return start;
}

static double at_time(const struct ct_moment *moments, size_t count, double time)
{
	size_t i = 1;
	while (i + 1 < count && moments[i].time < time)
		i++;
	double length = moments[i].time - moments[i - 1].time;
	double part = length > 0 ? (time - moments[i - 1].time) / length : 1;
	return moments[i - 1].bytes + (moments[i].bytes - moments[i - 1].bytes) * part;
}

/* A plateau at the start, in the middle or at the end leaves a quarter that adds too little. */
static bool rises_throughout(const struct ct_moment *moments, size_t count)
{
	double start = moments[0].time, length = moments[count - 1].time - start, before = moments[0].bytes;
	double whole = moments[count - 1].bytes - before;
	for (int i = 1; i <= QUARTERS; i++) {
		double bytes = at_time(moments, count, start + length * i / QUARTERS);
		if (bytes - before < whole / QUARTERS * QUARTER_MIN)
			return false;
		before = bytes;
	}
	return true;
}

static void fit_line(const struct ct_moment *moments, size_t count, struct ct_growth *growth)
{
	double time = 0, bytes = 0, tt = 0, tb = 0, bb = 0;
	for (size_t i = 0; i < count; i++) {
		time += moments[i].time / (double)count;
		bytes += moments[i].bytes / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		double t = moments[i].time - time, b = moments[i].bytes - bytes;
		tt += t * t;
		tb += t * b;
		bb += b * b;
	}
	growth->slope = tt > 0 ? tb / tt : 0;
	growth->fit = tt > 0 && bb > 0 ? tb * tb / (tt * bb) : 0;
}

bool ct_growth_find(const struct ct_moment *moments, size_t count, struct ct_growth *growth)
{
	if (count < CT_GROWTH_MOMENTS || moments[count - 1].bytes <= moments[0].bytes)
		return false;
	size_t start = find_start(moments, count);
	double length = moments[count - 1].time - moments[0].time;
	if (count - start < CT_GROWTH_MOMENTS || moments[count - 1].time - moments[start].time < length * WINDOW_MIN)
		return false;
	moments += start;
	count -= start;
	*growth = (struct ct_growth){.first = moments[0], .last = moments[count - 1]};
	fit_line(moments, count, growth);
	for (size_t i = 1; i < count; i++) {
		growth->intervals++;
		growth->rises += moments[i].bytes > moments[i - 1].bytes;
	}
	return growth->slope > 0 && growth->fit >= CT_GROWTH_FIT && growth->rises * 2 > growth->intervals &&
	       rises_throughout(moments, count);
}

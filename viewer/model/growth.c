/* SPDX-License-Identifier: MIT */
#include "model/growth.h"

#include <math.h>
#include <stdlib.h>

#define FLAT 0.02 /* as a share of the whole: as good as nothing */
#define WINDOW_MIN 0.4 /* the window's share of the run */
#define JUMP_END 0.15 /* of the run: where the window begins if the floor jumps at the start */
#define STEP_MAX 0.25 /* the largest step of a leak, as a share of its whole rise, beside what a line would add */
#define BINS 12 /* at most */
#define TROUGHS_MIN 5 /* from here on, the troughs of a sawtooth show its floor */
#define POINTS_MAX 32
#define BIN_MOMENTS 2 /* at least, on average */
#define FALL_MIN 0.25 /* a large fall, as a share of the range of live bytes */
#define FALLS_MIN 3 /* of a sawtooth */
#define SAWTOOTH_RANGE 0.25 /* of a sawtooth, as a share of its maximum */
#define FLOOR_RISE 0.15 /* of a leak below a sawtooth, as a share of the range: moments miss low points */
#define TOOTH_MAX 0.35 /* the last tooth's share of the window, which is not over yet */
#define PLATEAU_MIN 0.25 /* of the run */
#define PLATEAU_RANGE 0.1 /* of its maximum */
#define PLATEAU_DRIFT 0.03 /* by which its second half may be above its first one */

/*
 * How much parts of the window add at least, as a share of what they would add on a line. The quarters overlap by half:
 * each second one lies across the border between two others. What slows down adds too little in the second half.
 */
#define QUARTERS 7
struct shares {
	double quarters[QUARTERS], second_half;
};
static const struct shares after_flat_start = {{0.2, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5}, 0.8};
static const struct shares after_jump = {{0.7, 0.4, 0.7, 0.4, 0.7, 0.4, 0.7}, 0.88};

struct window {
	const struct ct_moment *moments;
	size_t count; /* to the end of the window */
	size_t start;
};

/* Moments after large falls. */
struct troughs {
	size_t at[POINTS_MAX]; /* the first of them */
	size_t last;
	unsigned count;
};

static double window_time(const struct window *window)
{
	return window->moments[window->count - 1].time - window->moments[window->start].time;
}

/* The floor between two moments lies on the line between theirs. */
static double floor_at(const struct window *window, double time)
{
	const struct ct_moment *moments = window->moments;
	size_t i = window->count - 1;
	double after = moments[i].bytes;
	while (i > window->start && moments[i - 1].time >= time) {
		i--;
		after = fmin(after, moments[i].bytes);
	}
	if (i == window->start)
		return after;
	double before = fmin(after, moments[i - 1].bytes), length = moments[i].time - moments[i - 1].time;
	return length > 0 ? before + (after - before) * (time - moments[i - 1].time) / length : after;
}

/* A window that begins at the last moment of the flat start. */
static void skip_flat_start(struct window *window)
{
	const struct ct_moment *moments = window->moments;
	double base = floor_at(window, moments[0].time), floor = moments[window->count - 1].bytes;
	double least = base + (floor - base) * FLAT;
	for (size_t i = window->count; i-- > 0;) {
		floor = fmin(floor, moments[i].bytes);
		if (floor <= least) {
			window->start = i;
			break;
		}
	}
}

static void skip_time(struct window *window, double time)
{
	while (window->start + 1 < window->count && window->moments[window->start].time < time)
		window->start++;
}

/* A plateau at the start, in the middle or at the end leaves a quarter that adds too little. */
static bool rises_throughout(const struct window *window, const struct shares *least)
{
	double start = window->moments[window->start].time, length = window_time(window);
	double end = window->moments[window->count - 1].bytes, whole = end - floor_at(window, start);
	for (int i = 0; i < QUARTERS && whole > 0; i++) {
		double before = floor_at(window, start + length * i / 8);
		if (floor_at(window, start + length * (i + 2) / 8) - before < whole / 4 * least->quarters[i])
			return false;
	}
	return whole > 0 && end - floor_at(window, start + length / 2) >= whole / 2 * least->second_half;
}

/* Does the floor rise in a few large steps? */
static bool has_step(const struct window *window)
{
	const struct ct_moment *moments = window->moments;
	double length = window_time(window), after = moments[window->count - 1].bytes;
	double whole = after - floor_at(window, moments[window->start].time);
	for (size_t i = window->count - 1; i > window->start; i--) {
		double before = fmin(after, moments[i - 1].bytes);
		double line = (moments[i].time - moments[i - 1].time) / length;
		if ((after - before) / whole > STEP_MAX + 2 * line)
			return true;
		after = before;
	}
	return false;
}

/* The least of each of some equal parts of the window's time; few moments are parts of their own. */
static size_t find_bins(const struct window *window, struct ct_moment points[POINTS_MAX])
{
	size_t moments = window->count - window->start, count = moments / BIN_MOMENTS, used = 0, at = 0;
	double start = window->moments[window->start].time, length = window_time(window);
	count = moments <= BINS ? moments : count < BINS ? count : BINS;
	for (size_t i = window->start; i < window->count; i++) {
		const struct ct_moment *moment = &window->moments[i];
		double share = length > 0 ? fmax(0, (moment->time - start) / length) : 0;
		size_t bin =
			count == moments ? i - window->start : (size_t)fmin(share * (double)count, (double)count - 1);
		if (!used || bin > at) /* a damaged file may have times that go back */
			points[used++] = *moment;
		else if (moment->bytes < points[used - 1].bytes)
			points[used - 1] = *moment;
		at = bin > at ? bin : at;
	}
	return used;
}

/* Points of the floor: the troughs of a sawtooth, or else the least of each part of the window. */
static size_t find_points(const struct window *window, const struct troughs *troughs,
			  struct ct_moment points[POINTS_MAX])
{
	size_t count = 0;
	if (troughs->count > POINTS_MAX)
		return find_bins(window, points);
	for (size_t i = 0; i < troughs->count; i++)
		if (troughs->at[i] >= window->start && troughs->at[i] < window->count)
			points[count++] = window->moments[troughs->at[i]];
	return count >= TROUGHS_MIN ? count : find_bins(window, points);
}

static int compare_numbers(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double median(double *numbers, size_t count)
{
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	return count ? (numbers[count / 2] + numbers[(count - 1) / 2]) / 2 : 0;
}

/* Theil and Sen's slope. */
static double median_slope(const struct ct_moment *points, size_t count)
{
	double slopes[POINTS_MAX * (POINTS_MAX - 1) / 2];
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (points[j].time > points[i].time)
				slopes[used++] =
					(points[j].bytes - points[i].bytes) / (points[j].time - points[i].time);
	return median(slopes, used);
}

static double squared_correlation(const struct ct_moment *points, size_t count)
{
	double time = 0, bytes = 0, tt = 0, tb = 0, bb = 0;
	for (size_t i = 0; i < count; i++) {
		time += points[i].time / (double)count;
		bytes += points[i].bytes / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		double t = points[i].time - time, b = points[i].bytes - bytes;
		tt += t * t;
		tb += t * b;
		bb += b * b;
	}
	return tt > 0 && bb > 0 ? tb * tb / (tt * bb) : 0;
}

/*
 * How sure is it that the rises between the points have a mean above 0? Student's t, as for a random walk with a drift:
 * the test of Mann and Kendall takes noise for independent, and calls every random walk a trend. The distribution is
 * approximated by a normal one (Abramowitz and Stegun 26.7.8).
 */
static double sureness(const struct ct_moment *points, size_t count)
{
	size_t rises = count - 1, freedom = rises - 1;
	double mean = (points[count - 1].bytes - points[0].bytes) / (double)rises, square = 0;
	for (size_t i = 0; i < rises; i++) {
		double rest = points[i + 1].bytes - points[i].bytes - mean;
		square += rest * rest;
	}
	double error = sqrt(square / (double)freedom / (double)rises);
	if (mean <= error * 1e-6)
		return mean > 0 ? 0.5 : 0;
	double t = error > 0 ? mean / error : 1e6;
	double normal = t * (1 - 0.25 / (double)freedom) / sqrt(1 + t * t / (2 * (double)freedom));
	return fmin(erfc(-normal / sqrt(2)) / 2, CT_GROWTH_SURE_MAX);
}

static bool is_leak(const struct window *window, double run, const struct shares *least, const struct troughs *troughs,
		    struct ct_growth *growth)
{
	struct ct_moment points[POINTS_MAX];
	if (window->count - window->start < CT_GROWTH_MOMENTS || window_time(window) < run * WINDOW_MIN ||
	    !rises_throughout(window, least) || has_step(window))
		return false;
	size_t count = find_points(window, troughs, points);
	if (count < TROUGHS_MIN)
		return false;
	growth->slope = median_slope(points, count);
	growth->fit = squared_correlation(points, count);
	growth->sure = sureness(points, count);
	growth->first = window->moments[window->start];
	growth->last = window->moments[window->count - 1];
	growth->intervals = growth->rises = 0;
	for (size_t i = window->start + 1; i < window->count; i++) {
		growth->intervals++;
		growth->rises += window->moments[i].bytes > window->moments[i - 1].bytes;
	}
	return growth->slope > 0 && growth->sure >= CT_GROWTH_SURE_MIN;
}

static bool find_leak(struct window window, double run, const struct troughs *troughs, struct ct_growth *growth)
{
	double start = window.moments[0].time;
	skip_flat_start(&window);
	if (is_leak(&window, run, &after_flat_start, troughs, growth))
		return true;
	window.start = 0;
	skip_time(&window, start + run * JUMP_END);
	return is_leak(&window, run, &after_jump, troughs, growth);
}

static void find_troughs(const struct ct_moment *moments, size_t count, double large, struct troughs *troughs)
{
	bool falling = false;
	size_t low = 0, high = 0;
	for (size_t i = 1; i < count; i++) {
		if (falling && moments[i].bytes < moments[low].bytes)
			low = i;
		if (!falling && moments[i].bytes > moments[high].bytes)
			high = i;
		if (!falling && moments[high].bytes - moments[i].bytes >= large) {
			falling = true;
			low = i;
			troughs->count++;
		} else if (falling && moments[i].bytes - moments[low].bytes >= large) {
			falling = false;
			high = i;
		}
		if (!falling)
			continue;
		troughs->last = low;
		if (troughs->count <= POINTS_MAX)
			troughs->at[troughs->count - 1] = low;
	}
}

/* Do the low points of a sawtooth rise by at least this much? */
static bool lows_rise(const struct ct_moment *moments, const struct troughs *troughs, double least)
{
	struct ct_moment lows[POINTS_MAX];
	size_t count = troughs->count < POINTS_MAX ? troughs->count : POINTS_MAX;
	for (size_t i = 0; i < count; i++)
		lows[i] = moments[troughs->at[i]];
	return median_slope(lows, count) * (lows[count - 1].time - lows[0].time) >= least;
}

/* The mean of the moments from `from` to before `to`. */
static double mean_of(const struct ct_moment *moments, size_t from, size_t to)
{
	double sum = 0;
	for (size_t i = from; i < to; i++)
		sum += moments[i].bytes;
	return to > from ? sum / (double)(to - from) : 0;
}

/* Has nothing changed much for the last part of the run? Then *since is its first moment, and *filled says that it
 * grew. */
static bool find_plateau(const struct ct_moment *moments, size_t count, size_t *since, bool *filled)
{
	double low = moments[count - 1].bytes, high = low, run = moments[count - 1].time - moments[0].time;
	size_t i = count - 1;
	for (; i > 0; i--) {
		double bytes = moments[i - 1].bytes;
		if (fmax(high, bytes) - fmin(low, bytes) > PLATEAU_RANGE * fmax(high, bytes))
			break;
		low = fmin(low, bytes);
		high = fmax(high, bytes);
	}
	size_t half = i + (count - i) / 2;
	double mean = mean_of(moments, i, count);
	*since = i;
	*filled = i > 0 && moments[i - 1].bytes < low;
	while (*filled && moments[*since].bytes < mean * (1 - FLAT))
		++*since; /* it is not full yet */
	return high > 0 && moments[count - 1].time - moments[i].time >= run * PLATEAU_MIN &&
	       mean_of(moments, half, count) - mean_of(moments, i, half) <= PLATEAU_DRIFT * high;
}

enum ct_growth_kind ct_growth_judge(const struct ct_moment *moments, size_t count, struct ct_growth *growth)
{
	double low = INFINITY, high = 0;
	struct troughs troughs = {.count = 0};
	size_t since;
	bool filled;
	*growth = (struct ct_growth){0};
	if (count < CT_GROWTH_MOMENTS)
		return CT_GROWTH_NONE;
	for (size_t i = 0; i < count; i++) {
		low = fmin(low, moments[i].bytes);
		high = fmax(high, moments[i].bytes);
	}
	if (high <= 0)
		return CT_GROWTH_NONE;
	double run = moments[count - 1].time - moments[0].time;
	struct window window = {moments, count, 0};
	find_troughs(moments, count, (high - low) * FALL_MIN, &troughs);
	growth->falls = troughs.count;
	if (growth->falls > 1 && moments[count - 1].time - moments[troughs.last].time <= run * TOOTH_MAX)
		window.count = troughs.last + 1;
	bool leaks = find_leak(window, run, &troughs, growth);
	if (leaks && (troughs.count < 2 || growth->last.bytes - growth->first.bytes >= (high - low) * FLOOR_RISE))
		return growth->kind = CT_GROWTH_LEAK;
	growth->first = moments[0];
	growth->last = moments[count - 1];
	if (find_plateau(moments, count, &since, &filled)) {
		growth->first = moments[since];
		return growth->kind = filled ? CT_GROWTH_FULL : CT_GROWTH_FLAT;
	}
	if (growth->falls < FALLS_MIN || high - low < high * SAWTOOTH_RANGE)
		return CT_GROWTH_NONE;
	growth->lows_rise = lows_rise(moments, &troughs, (high - low) * FLOOR_RISE);
	return growth->kind = CT_GROWTH_SAWTOOTH;
}

const char *ct_growth_name(enum ct_growth_kind kind)
{
	static const char *const names[CT_GROWTH_KINDS] = {"", "leak", "full", "flat", "sawtooth"};
	return names[kind];
}

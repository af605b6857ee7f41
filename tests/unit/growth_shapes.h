/* SPDX-License-Identifier: MIT */
/*
 * 44 shapes of live bytes over a run from 0 to 1, each with random parameters, and with its right verdict. A shape's
 * parameters are p[0] to p[3], from 0 to 1, drawn once for each series; `state` is what it keeps from moment to moment.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "model/growth.h"

struct world {
	uint64_t random;
	double p[4], state[4];
	double time; /* of the moment before */
};

/* splitmix64: the same numbers everywhere. */
static double uniform(struct world *world)
{
	uint64_t z = world->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (double)((z ^ z >> 31) >> 11) / 0x1p53;
}

/* About normal, with a deviation of 1. */
static double noise(struct world *world)
{
	double sum = 0;
	for (int i = 0; i < 12; i++)
		sum += uniform(world);
	return sum - 6;
}

static double between(double p, double low, double high)
{
	return low + p * (high - low);
}

/* From 0 to 1 in each of `teeth` teeth. */
static double tooth(double t, double teeth)
{
	return fmod(t * teeth, 1);
}

/* A queue: noise that forgets, of a deviation of about 1. */
static double queue(struct world *world, double t)
{
	double keeps = exp(-(t - world->time) * 60);
	return world->state[3] = world->state[3] * keeps + noise(world) * sqrt(1 - keeps * keeps);
}

#define SHAPE(name) static double name(struct world *w __attribute__((unused)), double t __attribute__((unused)))

/* --- leaks --- */

SHAPE(line)
{
	return t;
}

SHAPE(late_line)
{
	return fmax(0, t - between(w->p[0], 0.05, 0.5));
}

SHAPE(above_a_base)
{
	return between(w->p[0], 5, 100) + t;
}

SHAPE(bumpy)
{
	return t + 0.05 * sin(t * between(w->p[0], 20, 60));
}

SHAPE(noisy_line)
{
	return 0.3 + t + 0.05 * noise(w);
}

SHAPE(equal_steps)
{
	return floor(t * between(w->p[0], 12, 40) + w->p[1]);
}

SHAPE(uneven_line)
{
	return t + 0.25 * sin(t * between(w->p[0], 25, 50)) / between(w->p[0], 4, 8);
}

SHAPE(jump_then_line)
{
	return t < 0.1 ? t * between(w->p[0], 10, 50) : between(w->p[0], 1, 5) + t - 0.1;
}

SHAPE(line_below_sawtooth)
{
	double size = between(w->p[0], 0.3, 0.8);
	return t + size * tooth(t, between(w->p[1], 12, 30));
}

SHAPE(line_below_queue)
{
	return t + 0.1 * fabs(queue(w, t));
}

SHAPE(faster_and_faster)
{
	return pow(t, between(w->p[0], 1.2, 1.8));
}

SHAPE(slow_beside_cache)
{
	return fmin(t / 0.08, 1) * 10 + t;
}

/* What happens at random times: 60 times in a run, on average. */
SHAPE(random_rises)
{
	for (; w->state[1] <= t; w->state[1] -= log(1 - uniform(w)) / 60)
		w->state[0] += uniform(w);
	return w->state[0];
}

SHAPE(half_freed)
{
	return t + 0.03 * queue(w, t);
}

SHAPE(after_a_spike)
{
	return (t < 0.1 ? between(w->p[0], 0.5, 3) : 0) + t;
}

SHAPE(line_below_waves)
{
	return t + 0.2 + 0.15 * sin(t * between(w->p[0], 40, 90));
}

SHAPE(growing_list)
{
	double length = 1 + t * 200, room = 1;
	while (room < length)
		room *= 1.125;
	return room;
}

/* --- caches --- */

SHAPE(early_plateau)
{
	return fmin(1, t / between(w->p[0], 0.1, 0.4));
}

SHAPE(late_plateau)
{
	return fmin(1, t / between(w->p[0], 0.45, 0.68));
}

SHAPE(cache_with_turnover)
{
	return fmin(1, t / between(w->p[0], 0.1, 0.5)) * (1 + 0.01 * noise(w));
}

SHAPE(ever_slower)
{
	return 1 - exp(-t / between(w->p[0], 0.03, 0.1));
}

SHAPE(loaded_at_once)
{
	return t < between(w->p[0], 0.1, 0.6) ? 0.02 : 1;
}

SHAPE(filled_in_two_steps)
{
	return t < 0.2 ? 0.1 : t < between(w->p[0], 0.3, 0.6) ? 0.5 : 1;
}

SHAPE(evicts_batches)
{
	double t0 = between(w->p[0], 0.1, 0.4);
	return t < t0 ? t / t0 : 0.95 + 0.05 * tooth(t, between(w->p[1], 15, 60));
}

SHAPE(shrinks_then_stays)
{
	return t < 0.2 ? 2 : 1;
}

/* --- flat --- */

SHAPE(flat)
{
	return 1;
}

SHAPE(noisy_flat)
{
	return 1 + 0.01 * noise(w);
}

SHAPE(small_waves)
{
	return 1 + 0.03 * sin(t * between(w->p[0], 20, 60));
}

/* --- sawtooth --- */

SHAPE(sawtooth)
{
	return 0.1 + tooth(t + w->p[1] / 8, between(w->p[0], 8, 20));
}

SHAPE(uneven_teeth)
{
	for (; w->state[1] <= t; w->state[1] += between(uniform(w), 0.03, 0.13))
		w->state[0] = w->state[1];
	return t - w->state[0];
}

SHAPE(square_wave)
{
	return sin(t * between(w->p[0], 30, 60)) > 0 ? 1 : 0.1;
}

SHAPE(waves)
{
	return 1 + 0.8 * sin(t * between(w->p[0], 30, 60));
}

SHAPE(spikes)
{
	return uniform(w) < 0.5 ? between(uniform(w), 0.5, 1) : 0.02;
}

SHAPE(above_a_cache)
{
	return fmin(1, t / 0.15) + tooth(t, between(w->p[0], 10, 25));
}

/* --- none of them --- */

SHAPE(very_late_line)
{
	return fmax(0, t - between(w->p[0], 0.76, 0.9));
}

SHAPE(plateau_between)
{
	return t < 0.35 ? t : t < 0.65 ? 0.35 : t - 0.3;
}

SHAPE(one_late_step)
{
	return t < between(w->p[0], 0.77, 0.9) ? 0.1 : 1;
}

SHAPE(doubling)
{
	return exp2(floor(t * between(w->p[0], 3, 6)));
}

SHAPE(doubling_buffer)
{
	return exp2(ceil(log2(1 + t * between(w->p[0], 20, 400))));
}

SHAPE(up_and_down)
{
	return 1 - fabs(2 * t - 1);
}

SHAPE(shrinking)
{
	return 1 - between(w->p[0], 0.5, 1) * t;
}

SHAPE(logarithm)
{
	return log1p(t * between(w->p[0], 50, 1000));
}

SHAPE(square_root)
{
	return sqrt(t);
}

SHAPE(random_walk)
{
	return w->state[0] = fabs(w->state[0] + noise(w) * sqrt(t - w->time));
}

#define ONLY(kind) (1u << CT_GROWTH_##kind)
#define NO_LEAK (~ONLY(LEAK))

static const struct shape {
	const char *name;
	double (*at)(struct world *world, double t);
	unsigned right; /* verdicts that are right: bits 1 << kind */
	unsigned few, many; /* how many of 100 series are judged rightly at least: of 13 and 20 moments, of 48 to 130 */
} shapes[] = {
#define ROW(shape, ...)                                                                                                \
	{                                                                                                              \
#shape, shape, __VA_ARGS__                                                                             \
	}
	ROW(line, ONLY(LEAK), 100, 100),
	ROW(late_line, ONLY(LEAK), 100, 100),
	ROW(above_a_base, ONLY(LEAK), 100, 100),
	ROW(bumpy, ONLY(LEAK), 100, 100),
	ROW(noisy_line, ONLY(LEAK), 88, 98),
	ROW(equal_steps, ONLY(LEAK), 100, 100),
	ROW(uneven_line, ONLY(LEAK), 100, 100),
	ROW(jump_then_line, ONLY(LEAK), 100, 100),
	ROW(line_below_sawtooth, ONLY(LEAK), 22, 81),
	ROW(line_below_queue, ONLY(LEAK), 89, 98),
	ROW(faster_and_faster, ONLY(LEAK), 100, 100),
	ROW(slow_beside_cache, ONLY(LEAK), 100, 100),
	ROW(random_rises, ONLY(LEAK), 84, 85),
	ROW(half_freed, ONLY(LEAK), 99, 100),
	ROW(after_a_spike, ONLY(LEAK), 100, 100),
	ROW(line_below_waves, ONLY(LEAK), 67, 97),
	ROW(growing_list, ONLY(LEAK), 100, 100),
	ROW(early_plateau, ONLY(FULL), 100, 100),
	ROW(late_plateau, ONLY(FULL), 98, 100),
	ROW(cache_with_turnover, ONLY(FULL), 99, 100),
	ROW(ever_slower, ONLY(FULL), 93, 100),
	ROW(loaded_at_once, ONLY(FULL), 100, 100),
	ROW(filled_in_two_steps, ONLY(FULL), 100, 100),
	ROW(evicts_batches, ONLY(FULL), 98, 100),
	ROW(shrinks_then_stays, ONLY(FLAT), 100, 100),
	ROW(flat, ONLY(FLAT), 100, 100),
	ROW(noisy_flat, ONLY(FLAT), 100, 100),
	ROW(small_waves, ONLY(FLAT), 100, 100),
	ROW(sawtooth, ONLY(SAWTOOTH), 73, 100),
	ROW(uneven_teeth, ONLY(SAWTOOTH), 90, 100),
	ROW(square_wave, ONLY(SAWTOOTH), 99, 100),
	ROW(waves, ONLY(SAWTOOTH), 99, 100),
	ROW(spikes, ONLY(SAWTOOTH), 84, 100),
	ROW(above_a_cache, ONLY(SAWTOOTH), 62, 100),
	ROW(very_late_line, ONLY(NONE), 100, 100),
	ROW(plateau_between, NO_LEAK, 100, 100),
	ROW(one_late_step, ONLY(NONE), 99, 100),
	ROW(doubling, NO_LEAK, 100, 100),
	ROW(doubling_buffer, NO_LEAK, 100, 100),
	ROW(up_and_down, NO_LEAK, 100, 100),
	ROW(shrinking, NO_LEAK, 100, 100),
	ROW(logarithm, NO_LEAK, 100, 100),
	ROW(square_root, NO_LEAK, 100, 100),
	ROW(random_walk, NO_LEAK, 97, 96),
#undef ROW
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define MOMENTS_MAX 144

/* Moments of a shape, at times that are not quite equally spaced; the last one is the end. */
static void draw(const struct shape *shape, struct world *world, struct ct_moment *moments, size_t count)
{
	for (int i = 0; i < 4; i++)
		world->p[i] = uniform(world);
	memset(world->state, 0, sizeof(world->state));
	world->time = 0;
	for (size_t i = 0; i < count; i++) {
		double late = i + 1 < count ? uniform(world) * 0.3 : 0;
		double t = ((double)i + 1 + late) / (double)count;
		double bytes = fmax(0, shape->at(world, t) + 0.002 * noise(world));
		moments[i] = (struct ct_moment){t * 1e6, bytes * 1e5, bytes * 100};
		world->time = t;
	}
}

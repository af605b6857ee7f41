/* SPDX-License-Identifier: MIT */
#include "hot/journal.h"
#include "hot/slow.h"
#include "store/clock.h"
#include "sys/machine.h"
#include "sys/vdso.h"

uint64_t ct_monotonic_ns(void)
{
	return ct_vdso_clock_ns(CLOCK_MONOTONIC);
}

uint64_t ct_unix_ns(void)
{
	return ct_vdso_clock_ns(CLOCK_REALTIME);
}

/*
 * The kernel's clock has a resolution of 1 to 300 ns, but may be its timer's, with milliseconds. Those who rely on the
 * step want it short, so a long one is not measured.
 */
static uint64_t step_of_clock(void)
{
	for (int tries = 0; tries < 4; tries++) {
		uint64_t before = ct_monotonic_ns();
		uint64_t step = ct_monotonic_ns() - before;
		if (step > 0 && step <= 1000)
			return step;
	}
	return UINT64_MAX;
}

void ct_clock_init(struct ct_store_header *header, bool counter)
{
	ct_tracer.clock_tsc = counter && ct_machine_counter_is_steady();
	header->clock = ct_tracer.clock_tsc ? CT_CLOCK_TSC : CT_CLOCK_MONOTONIC;
	header->boot_ns = ct_vdso_clock_ns(CLOCK_MONOTONIC);
	header->start_unix_ns = ct_tracer.start_unix_ns;
	ct_tracer.clock_base = ct_tracer.clock_tsc ? ct_machine_counter() : header->boot_ns;
	ct_tracer.clock_step = ct_tracer.clock_tsc ? 0 : step_of_clock();
	header->start_ticks = 0;
	ct_clock_note(header);
}

void ct_clock_note(struct ct_store_header *header)
{
	header->latest_ticks = ct_ticks();
	header->latest_ns = ct_vdso_clock_ns(CLOCK_MONOTONIC);
}

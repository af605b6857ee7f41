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

void ct_clock_init(struct ct_store_header *header)
{
	ct_tracer.clock_tsc = ct_machine_counter_is_steady();
	header->clock = ct_tracer.clock_tsc ? CT_CLOCK_TSC : CT_CLOCK_MONOTONIC;
	header->boot_ns = ct_vdso_clock_ns(CLOCK_MONOTONIC);
	header->start_unix_ns = ct_tracer.start_unix_ns;
	ct_tracer.clock_base = ct_tracer.clock_tsc ? ct_machine_counter() : header->boot_ns;
	header->start_ticks = 0;
	ct_clock_note(header);
}

void ct_clock_note(struct ct_store_header *header)
{
	header->latest_ticks = ct_ticks();
	header->latest_ns = ct_vdso_clock_ns(CLOCK_MONOTONIC);
}

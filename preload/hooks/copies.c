/* SPDX-License-Identifier: MIT */
/* The copies that libctrace-copy.so reports (CTRACE_COPY). Hot path, any thread. */
#include "hooks/copies.h"

#include "copy.h"
#include "hooks/event.h"
#include "sys/options.h"
#include "sys/say.h"

extern const char __ehdr_start[] CT_HIDDEN, _end[] CT_HIDDEN; /* of this library; the linker makes them */

static bool is_ours(uintptr_t caller)
{
	return caller - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

/* Apart from the heap's losses, which lacks nothing. */
static CT_COLD void count_dropped(void)
{
	__atomic_fetch_add(&ct_tracer.header->copies_dropped, 1, __ATOMIC_RELAXED);
}

static void record(uint64_t bytes, uintptr_t pc, uintptr_t sp, uintptr_t bp)
{
	const struct ct_registers caller = {.pc = pc, .sp = sp, .bp = bp};
	uint32_t phase = ct_get_relaxed(&ct_gate.phase);
	if (phase == CT_PHASE_OFF || phase == CT_PHASE_STARTING || is_ours(pc))
		return;
	if (ct_unlikely(ct_tls.busy)) {
		if (!ct_is_own() && !ct_is_allocators_own(pc)) /* a signal handler's */
			count_dropped();
		return;
	}
	if (!ct_enter())
		return;
	if (!(ct_get_relaxed(&ct_tracer.special) & (CT_SPECIAL_OFF | CT_SPECIAL_PAUSED | CT_SPECIAL_PAUSED_OUTSIDE)) &&
	    !ct_record_event(&caller, CT_PSEUDO_COPY, &ct_tracer.copy_place, bytes))
		count_dropped();
	ct_leave();
}

void ct_copies_begin(void)
{
	if (!ct_options.copy)
		return;
	if (ctrace_copy_begin)
		ctrace_copy_begin(record);
	else
		ct_say("CTRACE_COPY=1 needs libctrace-copy.so in LD_PRELOAD, after libctrace.so; copies are not recorded",
		       NULL, NULL);
}

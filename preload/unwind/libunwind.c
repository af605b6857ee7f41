/* SPDX-License-Identifier: MIT */
/*
 * libunwind walks the stacks whose rules our unwinder does not have, and checks all others for CTRACE_DEBUG=verify.
 *
 * It is loaded with RTLD_LOCAL. In the program's global scope its _Unwind_RaiseException would take over the program's
 * C++ exceptions. It may allocate (thread keys, its own caches). Those calls reach our hooks while the thread is marked
 * busy, and pass through.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "heap/real.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "sys/loader.h"
#include "sys/machine.h"
#include "sys/say.h"
#include "sys/sys.h"
#include "sys/text.h"
#include "unwind/cfi.h"
#include "unwind/libunwind.h"
#include "unwind/objects.h"

static struct {
	int (*getcontext)(unw_context_t *);
	int (*init_local)(unw_cursor_t *, unw_context_t *);
	int (*step)(unw_cursor_t *);
	int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
	void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
	unw_addr_space_t *local;
	uint32_t epoch; /* ct_tracer.loader_epoch when its caches were last flushed */
} unwind;

static struct {
	uint64_t compared;
	uint64_t equal;
	uint64_t explained; /* libunwind gave up before the root; the stacks are equal up to there */
	uint64_t different;
} verified;

#define STRING(name) #name
#define SYMBOL(name) STRING(name)

static void find_all(void *library)
{
	if (!library)
		return;
	if (*CT_MACHINE_GETCONTEXT)
		unwind.getcontext = (int (*)(unw_context_t *))dlsym(library, CT_MACHINE_GETCONTEXT);
	unwind.init_local = (int (*)(unw_cursor_t *, unw_context_t *))dlsym(library, SYMBOL(unw_init_local));
	unwind.get_reg = (int (*)(unw_cursor_t *, unw_regnum_t, unw_word_t *))dlsym(library, SYMBOL(unw_get_reg));
	unwind.flush_cache =
		(void (*)(unw_addr_space_t, unw_word_t, unw_word_t))dlsym(library, SYMBOL(unw_flush_cache));
	unwind.local = dlsym(library, SYMBOL(unw_local_addr_space));
	int (*step)(unw_cursor_t *) = (int (*)(unw_cursor_t *))dlsym(library, SYMBOL(unw_step));
	if ((unwind.getcontext || !*CT_MACHINE_GETCONTEXT) && unwind.init_local && unwind.get_reg &&
	    unwind.flush_cache && unwind.local)
		ct_set_release(&unwind.step, step);
}

void ct_libunwind_load(void)
{
	static uint32_t tried; /* atomic */
	if (__atomic_exchange_n(&tried, 1, __ATOMIC_RELAXED))
		return;
	uint64_t unsampled = ct_tls.unsampled;
	ct_own_begin();
	ct_tls.unsampled = 0; /* else the loader's allocations would not be recognised as ours */
	find_all(dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL));
	ct_loader_forget_miss(); /* the program must not see our error */
	ct_tls.unsampled = unsampled;
	ct_own_end();
}

/* libunwind keeps rules by address, and does not notice if other code is loaded there. */
static void forget_unloaded(void)
{
	uint32_t epoch = ct_get_relaxed(&ct_tracer.loader_epoch);
	if (__atomic_exchange_n(&unwind.epoch, epoch, __ATOMIC_RELAXED) != epoch)
		unwind.flush_cache(*unwind.local, 0, 0);
}

/*
 * Walk from the frame at from->pc outward into frames[]; 0: that frame was not met. Fills only at.pc, at.sp and exact.
 */
static uint32_t walk(struct ct_stack_frame *frames, uint32_t max, const struct ct_registers *from, bool *complete)
{
	unw_context_t context;
	unw_cursor_t cursor;
	uint32_t count = 0;
	bool met = false;
	bool exact = false;
	int more = -1;
	*complete = false;
	/* The program's sandbox was not asked about libunwind's own system calls (pipe2, mincore). */
	if (!ct_get_acquire(&unwind.step) || ct_get_relaxed(&ct_filters))
		return 0;
	forget_unloaded();
	CT_MACHINE_FILL_CONTEXT(unwind.getcontext, &context);
	if (unwind.init_local(&cursor, &context) < 0)
		return 0;
	do {
		unw_word_t pc = 0, sp = 0;
		if (unwind.get_reg(&cursor, UNW_REG_IP, &pc) < 0 || !pc)
			break;
		pc = ct_machine_plain_pc(pc);
		unwind.get_reg(&cursor, UNW_REG_SP, &sp);
		met = met || (pc == from->pc && sp == from->sp);
		/* unw_is_signal_frame does not recognise glibc's trampoline. */
		bool signal = ct_cfi_rule(pc - 1).cfa == CT_CFA_SIGNAL;
		uint8_t cfa = ct_cfi_rule(pc - !exact).cfa;
		if (met && !signal && cfa != CT_CFA_OWN_SP && cfa != CT_CFA_OWN_BP) {
			if (count == max)
				return count;
			frames[count++] = (struct ct_stack_frame){.at.pc = pc, .at.sp = sp, .exact = exact};
		}
		exact = signal;
		more = unwind.step(&cursor);
	} while (more > 0);
	*complete = more == 0;
	return count;
}

uint32_t ct_libunwind_walk(struct ct_thread *thread, const struct ct_registers *from, bool *complete)
{
	uint32_t busy = ct_tls.busy;
	ct_tls.busy = CT_BUSY_OWN; /* even inside a hook: none of libunwind's allocations are the program's */
	uint32_t count;
	do
		count = walk(thread->fresh, thread->room, from, complete);
	while (count == thread->room && ct_thread_grow(thread, count + 1));
	ct_tls.busy = busy;
	return count;
}

static void say_difference(const struct ct_registers *from, uint32_t index, uintptr_t ours, uintptr_t theirs)
{
	struct ct_text line;
	ct_text_clear(&line);
	ct_text_add(&line, "stack from ");
	ct_text_add_number(&line, from->pc);
	ct_text_add(&line, " differs at frame ");
	ct_text_add_number(&line, index);
	ct_text_add(&line, ": ours ");
	ct_text_add_number(&line, ours);
	ct_text_add(&line, ", libunwind's ");
	ct_text_add_number(&line, theirs);
	ct_say("verify: ", line.bytes, NULL);
}

void ct_verify_stack(struct ct_thread *thread, const struct ct_registers *from)
{
	const struct ct_remembered *stack = thread->stack;
	uint32_t depth = thread->depth;
	bool complete;
	uint32_t index = 0;
	if (!ct_get_acquire(&unwind.step)) /* not loaded yet: constructors of other libraries run before ours */
		return;
	uint32_t count = ct_libunwind_walk(thread, from, &complete);
	while (index < count && index < depth && thread->fresh[index].at.pc == stack[depth - 1 - index].at.pc)
		index++;
	__atomic_fetch_add(&verified.compared, 1, __ATOMIC_RELAXED);
	if (index == depth && index == count) {
		__atomic_fetch_add(&verified.equal, 1, __ATOMIC_RELAXED);
		return;
	}
	if (index == count && !complete) {
		__atomic_fetch_add(&verified.explained, 1, __ATOMIC_RELAXED);
		return;
	}
	if (__atomic_fetch_add(&verified.different, 1, __ATOMIC_RELAXED) < 10)
		say_difference(from, index, index < depth ? stack[depth - 1 - index].at.pc : 0,
			       index < count ? thread->fresh[index].at.pc : 0);
}

/* The site of the first `count` frames of thread->fresh; 0: there is none. */
static uint32_t site_of(const struct ct_thread *thread, uint32_t count)
{
	uint64_t value = thread->root;
	uint32_t hash = ct_node_hash(thread->root);
	while (count--) {
		const struct ct_stack_frame *frame = &thread->fresh[count];
		uint64_t code_key = ct_code_key(frame->at.pc - !frame->exact, thread->code_epoch);
		uint64_t code = ct_code_read(code_key, frame->at.pc - !frame->exact);
		hash = ct_hash_below(hash, ct_code_place(code));
		const struct ct_entry *entry = ct_table_find(ct_tracer.tree, ct_hash_slot(hash),
							     ct_tree_key((uint32_t)value, ct_code_place(code)));
		if (!entry)
			return 0;
		value = entry->value;
	}
	return (uint32_t)(value >> 32);
}

void ct_verify_site(struct ct_thread *thread, const struct ct_registers *from, uint32_t site)
{
	bool complete;
	if (!ct_get_acquire(&unwind.step))
		return;
	uint32_t count = ct_libunwind_walk(thread, from, &complete);
	__atomic_fetch_add(&verified.compared, 1, __ATOMIC_RELAXED);
	bool equal = site_of(thread, count) == site;
	/* The outermost "return address" may be a function's first byte, which makecontext put there. */
	if (!equal && count) {
		thread->fresh[count - 1].exact = true;
		equal = site_of(thread, count) == site;
	}
	if (equal)
		__atomic_fetch_add(&verified.equal, 1, __ATOMIC_RELAXED);
	else if (!complete)
		__atomic_fetch_add(&verified.explained, 1, __ATOMIC_RELAXED);
	else if (__atomic_fetch_add(&verified.different, 1, __ATOMIC_RELAXED) < 10)
		say_difference(from, 0, site, site_of(thread, count));
}

void ct_verify_report(void)
{
	const uint64_t *losses = ct_tracer.header->losses;
	const struct {
		const char *what;
		uint64_t count;
	} counts[] = {
		{"compared ", verified.compared},
		{", equal ", verified.equal},
		{", explained ", verified.explained},
		{", different ", verified.different},
		{"; by libunwind ", losses[CT_LOSS_FALLBACK]},
		{", rootless ", losses[CT_LOSS_UNROOTED]},
	};
	struct ct_text line;
	ct_text_clear(&line);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		ct_text_add(&line, counts[i].what);
		ct_text_add_number(&line, counts[i].count);
	}
	ct_say("verify: ", line.bytes, NULL);
}

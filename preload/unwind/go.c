/* SPDX-License-Identifier: MIT */
/*
 * Stacks through Go's code. Its functions have no unwind table that is loaded, but frame pointers. Each goroutine has a
 * stack of its own. C code that Go calls runs on the thread's stack again; Go code that C calls, on the goroutine's.
 * The places where Go changes stacks are assembler code (runtime/asm_amd64.s), and each is recognised by what it leaves
 * on the stack:
 *
 *   asmcgocall   Go calls C: at sp, or five words above, the distance from the goroutine's saved sp to the end of its
 *                stack, and then its g. Some versions call C from a function without a frame in between, and some save
 *                bp first, at the saved sp.
 *   cgocallback  C calls Go: its frame pointer is one of the thread's stack.
 *   crosscall2   calls cgocallback. It has a frame pointer; some versions save bp twice, one above the other.
 *   systemstack  changes to the thread's stack, and leaves only the frame pointer.
 *
 * The frame pointer of an outermost frame is 0: of a goroutine's, and of the scheduler's on the thread's stack. The
 * first frame that C starts on a thread has C's bp, which may be anything.
 */
#include "unwind/go.h"

#include "hot/slow.h"
#include "hot/state.h"
#include "sys/sys.h"

#define KNOWN 256u /* a power of two */
#define RANGES 8u
#define WORD sizeof(uintptr_t)
#define STACK_BYTES_MAX (1u << 30) /* Go's limit */

/* Go keeps the memory of every g, so what could be read once is read directly from then on. */
static uintptr_t known[KNOWN];

static uintptr_t load(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static bool holds(const struct ct_stack_bounds *bounds, uintptr_t address)
{
	return address >= bounds->low && address <= bounds->high - WORD && !(address & 7);
}

/* How a goroutine's g begins. */
struct g {
	struct ct_stack_bounds stack; /* its size is a power of two */
	uintptr_t guard;
	uintptr_t guard_of_systemstack; /* all ones */
};

static bool read_stack_of(uintptr_t address, struct ct_stack_bounds *stack)
{
	uintptr_t *place = &known[(address >> 8 ^ address >> 16) & (KNOWN - 1)];
	struct g g;
	if (!address || address & 7)
		return false;
	if (ct_get_relaxed(place) == address)
		g = *(const struct g *)address;
	else if (ct_sys_read_memory(ct_sys_getpid(), address, &g, sizeof(g)) != sizeof(g))
		return false;
	uintptr_t bytes = g.stack.high - g.stack.low;
	if (g.guard_of_systemstack != UINTPTR_MAX || !bytes || bytes & (bytes - 1) || bytes > STACK_BYTES_MAX)
		return false;
	ct_set_relaxed(place, address);
	*stack = g.stack;
	return true;
}

/* Are the words of asmcgocall at this address? Then *sp_before is the goroutine's sp. */
static bool are_asmcgocalls(const struct ct_stack_bounds *system, uintptr_t sp, uintptr_t bp,
			    struct ct_stack_bounds *stack, uintptr_t *sp_before)
{
	if (!holds(system, sp) || !holds(system, sp + WORD))
		return false;
	uintptr_t distance = load(sp), g = load(sp + WORD);
	if (distance & 7 || !read_stack_of(g, stack) || distance > stack->high - stack->low || !holds(stack, bp))
		return false;
	*sp_before = stack->high - distance;
	return *sp_before <= bp;
}

static bool is_asmcgocall(const struct ct_stack_bounds *system, uintptr_t sp, uintptr_t bp,
			  struct ct_stack_bounds *stack, uintptr_t *sp_before)
{
	return are_asmcgocalls(system, sp, bp, stack, sp_before) ||
	       are_asmcgocalls(system, sp + 5 * WORD, bp, stack, sp_before);
}

/* Objects with Go code. The runtime lets none be unloaded. */
static struct range {
	uintptr_t start, end; /* 0: not written yet */
} ranges[RANGES];
static uint32_t range_count; /* atomic */

static bool is_in_ranges(uintptr_t pc)
{
	uint32_t count = ct_get_relaxed(&range_count);
	for (uint32_t i = 0; i < count && i < RANGES; i++)
		if (pc < ct_get_acquire(&ranges[i].end) && pc >= ranges[i].start)
			return true;
	return false;
}

void ct_go_note(const struct ct_object *object)
{
	if (is_in_ranges(object->start))
		return;
	uint32_t index = __atomic_fetch_add(&range_count, 1, __ATOMIC_RELAXED);
	if (index >= RANGES)
		return;
	ranges[index].start = object->start;
	ct_set_release(&ranges[index].end, object->end);
}

static bool is_code(uintptr_t pc)
{
	struct ct_object object;
	return is_in_ranges(pc) || ct_object_find(pc, &object);
}

static enum ct_go_step step_on_goroutine(struct ct_thread *thread, struct ct_go *go, struct ct_registers *at)
{
	if (!at->bp)
		return CT_GO_ROOT;
	bool back = holds(&go->system, at->bp);
	if (!back && at->bp < at->sp)
		return CT_GO_LOST;
	const struct ct_stack_bounds *stack = back ? &go->system : &thread->bounds[0];
	if (!holds(stack, at->bp) || !holds(stack, at->bp + WORD))
		return CT_GO_LOST;
	if (back) {
		thread->bounds[0] = go->before;
		go->on_goroutine = false;
	}
	*at = (struct ct_registers){.pc = load(at->bp + WORD), .sp = at->bp + 2 * WORD, .bp = load(at->bp)};
	return CT_GO_ON;
}

/* A frame of Go on the thread's stack, with a frame pointer. The outermost ones, called by C, have none. */
static enum ct_go_step step_on_system(const struct ct_go *go, struct ct_registers *at)
{
	uintptr_t bp = at->bp;
	if (holds(&go->system, bp + 2 * WORD) && load(bp) == bp + WORD) /* crosscall2 has saved it twice */
		bp += WORD;
	uintptr_t pc = load(bp + WORD);
	if (!is_code(pc))
		return CT_GO_ROOT;
	*at = (struct ct_registers){.pc = pc, .sp = bp + 2 * WORD, .bp = load(bp)};
	return CT_GO_ON;
}

/* systemstack has called what is on the thread's stack; the frame pointer is the goroutine's. */
static enum ct_go_step step_from_systemstack(struct ct_thread *thread, struct ct_go *go, struct ct_registers *at)
{
	if (!at->bp || at->bp & 7 || !ct_stack_find_bounds(thread, at->bp) ||
	    !holds(&thread->bounds[0], at->bp + WORD) || !is_in_ranges(load(at->bp + WORD)))
		return CT_GO_ROOT;
	go->on_goroutine = true;
	at->sp = at->bp;
	return step_on_goroutine(thread, go, at);
}

enum ct_go_step ct_go_step(struct ct_thread *thread, struct ct_go *go, struct ct_registers *at)
{
	struct ct_stack_bounds stack;
	uintptr_t sp_before;
	if (go->on_goroutine)
		return step_on_goroutine(thread, go, at);
	if (holds(&go->system, at->bp) && holds(&go->system, at->bp + WORD) && at->bp >= at->sp)
		return step_on_system(go, at);
	if (is_asmcgocall(&go->system, at->sp, at->bp, &stack, &sp_before)) {
		thread->bounds[0] = stack;
		go->on_goroutine = true;
		at->sp = sp_before;
		if (sp_before == at->bp)
			return step_on_goroutine(thread, go, at);
	} else if (!is_asmcgocall(&go->system, at->sp + WORD, at->bp, &stack, &sp_before)) {
		return step_from_systemstack(thread, go, at);
	}
	at->pc = load(at->sp);
	at->sp += WORD;
	return CT_GO_ON;
}

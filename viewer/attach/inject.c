/* SPDX-License-Identifier: MIT */
#include "attach/inject.h"

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "util/clock.h"

#ifndef __x86_64__
#error "registers, frames and code are those of x86-64"
#endif

#define RED_ZONE 128u
#define MEMORY_BYTES (256u << 10)
#define CALL_MS 10000u
#define STATE_MAX 16384u
#define STACK_NEEDED (STATE_MAX + 8192u) /* with room for a signal handler's frame */
#define FRAME_BYTES 304u /* what the kernel reads of a signal frame, without the return address before it */
#define SYSCALL_BYTES 2u
#define FLAG_DIRECTION 0x400u
#define FLAG_TRAP 0x100u
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516
#define NT_X86_XSTATE_ 0x202
#define XSAVE_HEADER 512u
#define XSAVE_AREA 576u
#define FEATURES_AMX (3ull << 17)
#define FP_XSTATE_MAGIC1_ 0x46505853u
#define FP_XSTATE_MAGIC2_ 0x46505845u

static const char restore_code[] = "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"; /* mov $15,%rax; syscall */

/* Which of them a C library has depends on its build: glibc 2.36 of Debian 12 has only the first, 2.41 of Debian 13
 * only the second. */
static const struct {
	char pop[3], store[5];
} result_codes[] = {
	{"\x5a\xc3", "\x48\x89\x02\xc3"}, /* %rdx */
	{"\x5f\xc3", "\x48\x89\x07\xc3"}, /* %rdi */
	{"\x5e\xc3", "\x48\x89\x06\xc3"}, /* %rsi */
	{"\x59\xc3", "\x48\x89\x01\xc3"}, /* %rcx */
};

int ct_gadgets_find(const struct ct_remote *remote, struct ct_gadgets *gadgets, struct ct_error_text *error)
{
	const char *libc = remote->libc_path;
	gadgets->restore = ct_remote_search(remote, libc, restore_code, sizeof(restore_code) - 1);
	gadgets->system_call = ct_remote_search(remote, libc, "\x0f\x05\xc3", 3);
	gadgets->pop = gadgets->store = 0;
	for (size_t i = 0; i < sizeof(result_codes) / sizeof(result_codes[0]) && !(gadgets->pop && gadgets->store);
	     i++) {
		gadgets->pop = ct_remote_search(remote, libc, result_codes[i].pop, 2);
		gadgets->store = ct_remote_search(remote, libc, result_codes[i].store, 4);
	}
	if (!gadgets->restore || !gadgets->system_call)
		return ct_error_set(error, CT_ERR_IO,
				    "process %d: its C library %s has not the code that attaching needs",
				    remote->process.pid, libc);
	return CT_OK;
}

bool ct_inject_get(int tid, struct user_regs_struct *registers)
{
	struct iovec part = {registers, sizeof(*registers)};
	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &part) == 0;
}

bool ct_inject_set(int tid, const struct user_regs_struct *registers)
{
	struct iovec part = {(void *)registers, sizeof(*registers)};
	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &part) == 0;
}

/* Was the thread stopped inside a system call that is to begin again? Returns the number for that, or -1. */
static int64_t restarted(const struct user_regs_struct *registers)
{
	int64_t call = (int64_t)registers->orig_rax, result = (int64_t)registers->rax;
	if (call < 0)
		return -1;
	if (result == -ERESTART_RESTARTBLOCK)
		return SYS_restart_syscall;
	return result == -EINTR || (result <= -ERESTARTSYS && result > -ERESTART_RESTARTBLOCK) ? call : -1;
}

void ct_inject_restart(struct user_regs_struct *registers)
{
	if (restarted(registers) < 0)
		return;
	registers->rax = registers->orig_rax;
	registers->rip -= SYSCALL_BYTES;
	registers->orig_rax = UINT64_MAX;
}

int ct_inject_wait(int tid, int *status, unsigned milliseconds)
{
	uint64_t now, end = ct_now_ns() + milliseconds * 1000000ull;
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t got = waitpid(tid, status, __WALL | WNOHANG);
		if (got == tid)
			return WIFSTOPPED(*status) ? 1 : -1;
		if (got < 0)
			return -1;
		if ((now = ct_now_ns()) >= end)
			return 0;
		struct timespec rest = {(time_t)((end - now) / 1000000000), (long)((end - now) % 1000000000)};
		sigtimedwait(&child, NULL, &rest);
	}
}

/* The bytes of the vector state that a signal frame holds: without AMX, unless the thread uses it. */
static size_t frame_state_bytes(const struct ct_injection *injection)
{
	uint64_t enabled, used;
	size_t end = XSAVE_AREA;
	uint32_t size, offset, c, d;
	if (injection->state_bytes < XSAVE_AREA)
		return injection->state_bytes;
	memcpy(&enabled, injection->state + 464, sizeof(enabled));
	memcpy(&used, injection->state + XSAVE_HEADER, sizeof(used));
	if (!(used & FEATURES_AMX))
		enabled &= ~FEATURES_AMX;
	for (uint32_t i = 2; i < 63; i++)
		if (enabled >> i & 1 && __get_cpuid_count(0xd, i, &size, &offset, &c, &d) && offset + size > end)
			end = offset + size;
	return end < injection->state_bytes ? end : injection->state_bytes;
}

/* Write the vector state as the kernel puts it into a signal frame. */
static bool write_state(const struct ct_injection *injection, uint64_t at)
{
	size_t bytes = frame_state_bytes(injection);
	char *copy = malloc(bytes + 4);
	if (!copy)
		return false;
	memcpy(copy, injection->state, bytes);
	if (bytes >= XSAVE_AREA) {
		uint64_t features;
		memcpy(&features, copy + 464, sizeof(features));
		uint32_t head[4] = {FP_XSTATE_MAGIC1_, (uint32_t)bytes + 4, (uint32_t)features,
				    (uint32_t)(features >> 32)};
		uint32_t size = (uint32_t)bytes, end = FP_XSTATE_MAGIC2_;
		memcpy(copy + 464, head, sizeof(head));
		memcpy(copy + 480, &size, sizeof(size));
		memcpy(copy + bytes, &end, sizeof(end));
	}
	bool written = ct_remote_write(injection->remote, at, copy, bytes + (bytes >= XSAVE_AREA ? 4 : 0));
	free(copy);
	return written;
}

/* A signal frame that sets these registers. state: where the vector state is; 0: that of a new thread. */
static bool write_frame(const struct ct_injection *injection, uint64_t at, const struct user_regs_struct *registers,
			uint64_t mask, uint64_t state)
{
	ucontext_t frame;
	greg_t *to = frame.uc_mcontext.gregs;
	memset(&frame, 0, sizeof(frame));
	frame.uc_flags = 1 | 2 | 4; /* has vector state; restores ss, exactly */
	frame.uc_stack.ss_flags = 0x70; /* which makes no sense: the alternate stack stays */
	to[REG_R8] = (greg_t)registers->r8;
	to[REG_R9] = (greg_t)registers->r9;
	to[REG_R10] = (greg_t)registers->r10;
	to[REG_R11] = (greg_t)registers->r11;
	to[REG_R12] = (greg_t)registers->r12;
	to[REG_R13] = (greg_t)registers->r13;
	to[REG_R14] = (greg_t)registers->r14;
	to[REG_R15] = (greg_t)registers->r15;
	to[REG_RDI] = (greg_t)registers->rdi;
	to[REG_RSI] = (greg_t)registers->rsi;
	to[REG_RBP] = (greg_t)registers->rbp;
	to[REG_RBX] = (greg_t)registers->rbx;
	to[REG_RDX] = (greg_t)registers->rdx;
	to[REG_RAX] = (greg_t)registers->rax;
	to[REG_RCX] = (greg_t)registers->rcx;
	to[REG_RSP] = (greg_t)registers->rsp;
	to[REG_RIP] = (greg_t)registers->rip;
	to[REG_EFL] = (greg_t)registers->eflags;
	to[REG_CSGSFS] = (greg_t)((registers->cs & 0xffff) | (registers->ss & 0xffff) << 48);
	frame.uc_mcontext.fpregs = (void *)(uintptr_t)state;
	memcpy(&frame.uc_sigmask, &mask, sizeof(mask));
	return ct_remote_write(injection->remote, at, &frame, FRAME_BYTES);
}

/* All but what faults raise. */
static uint64_t blocked_signals(void)
{
	static const int open[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	uint64_t mask = UINT64_MAX;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		mask &= ~(1ull << (open[i] - 1));
	return mask;
}

const char *ct_inject_refuses(const struct ct_remote *remote, const struct user_regs_struct *registers)
{
	const struct ct_remote_map *stack = ct_remote_map_at(remote, registers->rsp);
	const struct ct_remote_map *below = stack > remote->maps ? stack - 1 : NULL;
	if (!stack || !stack->writable || registers->rsp - stack->start < STACK_NEEDED)
		return "too little room on its stack";
	if (!strcmp(stack->path, "[stack]"))
		return NULL;
	/* A thread's own block lies above its stack, and a guard page below. A coroutine's stack has neither. */
	if (registers->fs_base < registers->rsp || registers->fs_base >= stack->end || !below ||
	    below->end != stack->start || below->readable)
		return "on a stack that is not its thread's own";
	return NULL;
}

static int lost(struct ct_injection *injection, struct ct_error_text *error)
{
	injection->gone = true;
	return ct_error_set(error, CT_ERR_IO, "process %d has ended, or its thread %d has",
			    injection->remote->process.pid, injection->tid);
}

/* Let the thread run until it is parked. *result: what the latest system call before that returned. */
static int await_park(struct ct_injection *injection, int64_t *result, struct ct_error_text *error)
{
	struct user_regs_struct now;
	uint64_t end = ct_now_ns() + CALL_MS * 1000000ull;
	int signal = 0, status;
	for (;;) {
		uint64_t time = ct_now_ns();
		if (ptrace(PTRACE_SYSCALL, injection->tid, 0, signal) != 0)
			return lost(injection, error);
		signal = 0;
		int got = ct_inject_wait(injection->tid, &status, time < end ? (unsigned)((end - time) / 1000000) : 0);
		if (got < 0)
			return lost(injection, error);
		if (!got)
			break;
		if (!ct_inject_get(injection->tid, &now))
			return lost(injection, error);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (now.orig_rax == SYS_rt_sigreturn && now.rsp == injection->parked_frame &&
			    now.rip == injection->gadgets->restore + sizeof(restore_code) - 1 &&
			    (int64_t)now.rax == -ENOSYS)
				return CT_OK;
			if (result)
				*result = (int64_t)now.rax;
		} else if (status >> 16 == 0) {
			signal = WSTOPSIG(status); /* a fault, or SIGSTOP: the others are blocked */
		}
	}
	/* It finishes the call and restores itself without us. */
	injection->gone = true;
	ptrace(PTRACE_INTERRUPT, injection->tid, 0, 0);
	if (ct_inject_wait(injection->tid, &status, CALL_MS) > 0)
		ptrace(PTRACE_DETACH, injection->tid, 0, 0);
	return ct_error_set(
		error, CT_ERR_IO,
		"process %d: a call in its thread %d takes longer than %u s; the thread goes on by itself when it ends",
		injection->remote->process.pid, injection->tid, CALL_MS / 1000);
}

/* Send the thread to these registers; it parks with this frame. The only place where it is moved. */
static int go(struct ct_injection *injection, struct user_regs_struct *registers, uint64_t park, int64_t *result,
	      struct ct_error_text *error)
{
	registers->orig_rax = UINT64_MAX; /* the system call that it is in does not begin again */
	registers->eflags &= ~(uint64_t)(FLAG_DIRECTION | FLAG_TRAP);
	injection->parked_frame = park;
	if (!ct_inject_set(injection->tid, registers))
		return lost(injection, error);
	injection->parked = true;
	return await_park(injection, result, error);
}

int ct_inject_syscall(struct ct_injection *injection, const uint64_t words[7], int64_t *result,
		      struct ct_error_text *error)
{
	struct user_regs_struct registers = injection->registers;
	registers.rip = injection->gadgets->system_call;
	registers.rsp = injection->own_frame - 8; /* there is the address of __restore_rt */
	registers.rax = words[0];
	registers.rdi = words[1];
	registers.rsi = words[2];
	registers.rdx = words[3];
	registers.r10 = words[4];
	registers.r8 = words[5];
	registers.r9 = words[6];
	return go(injection, &registers, injection->own_frame, result, error);
}

/* __errno_location is three instructions: load the offset from the global offset table, add the thread's base, return.
 */
static void find_errno(struct ct_injection *injection)
{
	unsigned char code[32];
	uint64_t at = ct_image_find(&injection->remote->libc, "__errno_location"), offset;
	int32_t distance;
	injection->errno_at = 0;
	if (!at || !ct_remote_read(injection->remote, at, code, sizeof(code)))
		return;
	size_t skip = !memcmp(code, "\xf3\x0f\x1e\xfa", 4) ? 4 : 0;
	if (memcmp(code + skip, "\x48\x8b\x05", 3) != 0 ||
	    memcmp(code + skip + 7, "\x64\x48\x03\x04\x25\0\0\0\0", 9) != 0)
		return;
	memcpy(&distance, code + skip + 3, sizeof(distance));
	if (!ct_remote_read(injection->remote, at + skip + 7 + (uint64_t)(int64_t)distance, &offset, sizeof(offset)))
		return;
	uint64_t address = injection->registers.fs_base + offset;
	if (ct_remote_read(injection->remote, address, &injection->errno_value, sizeof(injection->errno_value)))
		injection->errno_at = address;
}

/*
 * While it is parked: block signals, and give it the vector state of a new thread. Left alone, it takes both from its
 * frame. It must not have come here by sigreturn, which forgets the rest of an interrupted nanosleep.
 */
static bool prepare_for_calls(struct ct_injection *injection)
{
	static const uint16_t control = 0x37f; /* of the x87 unit */
	static const uint32_t mxcsr = 0x1f80;
	uint64_t mask = blocked_signals();
	struct iovec part = {malloc(injection->state_bytes), injection->state_bytes};
	char *state = part.iov_base;
	bool set = state != NULL;
	if (set) {
		memcpy(state, injection->state, injection->state_bytes);
		memset(state, 0, XSAVE_HEADER - 48); /* behind that is what the kernel says about itself */
		memcpy(state, &control, sizeof(control));
		memcpy(state + 24, &mxcsr, sizeof(mxcsr));
		if (injection->state_bytes >= XSAVE_AREA)
			memset(state + XSAVE_HEADER, 0, sizeof(uint64_t)); /* nothing differs from its first value */
		set = ptrace(PTRACE_SETREGSET, injection->tid, NT_X86_XSTATE_, &part) == 0 &&
		      ptrace(PTRACE_SETSIGMASK, injection->tid, sizeof(mask), &mask) == 0;
	}
	free(state);
	return set;
}

static bool save(struct ct_injection *injection)
{
	struct iovec part = {NULL, STATE_MAX};
	injection->state = part.iov_base = malloc(STATE_MAX);
	if (!injection->state || !ct_inject_get(injection->tid, &injection->registers) ||
	    ptrace(PTRACE_GETREGSET, injection->tid, NT_X86_XSTATE_, &part) != 0 ||
	    ptrace(PTRACE_GETSIGMASK, injection->tid, sizeof(injection->mask), &injection->mask) != 0)
		return false;
	injection->state_bytes = part.iov_len;
	find_errno(injection);
	return true;
}

/* Write the frame that restores the thread, with its return address before it. */
static bool write_return(struct ct_injection *injection, uint64_t frame, uint64_t state)
{
	struct user_regs_struct registers = injection->registers;
	ct_inject_restart(&registers);
	return ct_remote_write(injection->remote, frame - 8, &injection->gadgets->restore, 8) &&
	       write_frame(injection, frame, &registers, injection->mask, state);
}

static uint64_t state_on_stack(const struct ct_injection *injection)
{
	return (injection->registers.rsp - RED_ZONE - frame_state_bytes(injection) - 16) & ~63ull;
}

int ct_inject_begin(struct ct_injection *injection, struct ct_error_text *error)
{
	int64_t result = 0;
	injection->parked = injection->gone = false;
	injection->memory = 0;
	if (!save(injection))
		return lost(injection, error);
	uint64_t state = state_on_stack(injection);
	injection->own_frame = (state - FRAME_BYTES) & ~15ull;
	if (!write_state(injection, state) || !write_return(injection, injection->own_frame, state))
		return lost(injection, error);
	const uint64_t words[7] = {SYS_mmap, 0, MEMORY_BYTES, 3, 0x22, UINT64_MAX, 0};
	int code = ct_inject_syscall(injection, words, &result, error);
	if (!code && result < 0 && result > -4096)
		code = ct_error_set(error, CT_ERR_IO, "process %d: no memory can be mapped in it: %s",
				    injection->remote->process.pid, strerror((int)-result));
	if (!code)
		injection->memory = (uint64_t)result;
	return code || prepare_for_calls(injection) ? code : lost(injection, error);
}

uint64_t ct_inject_room(const struct ct_injection *injection)
{
	return injection->memory + MEMORY_BYTES - CT_INJECT_ROOM;
}

int ct_inject_call(struct ct_injection *injection, uint64_t function, uint64_t first, uint64_t second, uint64_t *result,
		   struct ct_error_text *error)
{
	const struct ct_gadgets *gadgets = injection->gadgets;
	struct user_regs_struct registers = injection->registers;
	uint64_t answer = ct_inject_room(injection) - 4096, none = 0;
	uint64_t chain = answer - 1024 + 8; /* on entry, the stack pointer is 8 below a multiple of 16 */
	bool known = gadgets->pop && gadgets->store;
	uint64_t frame = chain + (known ? 32 : 8);
	uint64_t words[] = {gadgets->pop, answer, gadgets->store};
	*result = 0;
	if (!ct_remote_write(injection->remote, answer, &none, sizeof(none)) ||
	    (known && !ct_remote_write(injection->remote, chain, words, sizeof(words))) ||
	    !write_return(injection, frame, state_on_stack(injection)))
		return lost(injection, error);
	registers.rip = function;
	registers.rsp = chain;
	registers.rbp = 0;
	registers.rax = 0;
	registers.rdi = first;
	registers.rsi = second;
	int code = go(injection, &registers, frame, NULL, error);
	if (!code && known && !ct_remote_read(injection->remote, answer, result, sizeof(*result)))
		code = lost(injection, error);
	return code;
}

/* Put everything back. Until the last call of ptrace, the thread left alone would do this itself. */
static bool restore(struct ct_injection *injection)
{
	struct user_regs_struct registers = injection->registers;
	struct iovec state = {injection->state, injection->state_bytes};
	int64_t again = restarted(&registers);
	if (injection->errno_at)
		ct_remote_write(injection->remote, injection->errno_at, &injection->errno_value,
				sizeof(injection->errno_value));
	if (!injection->parked) {
		ct_inject_restart(&registers);
		return ct_inject_set(injection->tid, &registers);
	}
	/* It is at the entry of sigreturn, in whose place it begins its own system call again, or none. */
	registers.orig_rax = (uint64_t)again;
	return ptrace(PTRACE_SETREGSET, injection->tid, NT_X86_XSTATE_, &state) == 0 &&
	       ptrace(PTRACE_SETSIGMASK, injection->tid, sizeof(injection->mask), &injection->mask) == 0 &&
	       ct_inject_set(injection->tid, &registers);
}

int ct_inject_end(struct ct_injection *injection, struct ct_error_text *error)
{
	int code = CT_OK;
	int64_t result;
	if (!injection->gone && injection->memory) {
		const uint64_t words[7] = {SYS_munmap, injection->memory, MEMORY_BYTES, 0, 0, 0, 0};
		code = ct_inject_syscall(injection, words, &result, error);
	}
	if (!injection->gone && !restore(injection))
		code = lost(injection, error);
	if (!injection->gone)
		ptrace(PTRACE_DETACH, injection->tid, 0, 0);
	free(injection->state);
	return code;
}

/* SPDX-License-Identifier: MIT */
/*
 * Lets a stopped thread of another process call functions, so that the process lives on whenever we die.
 *
 * If we are killed, the kernel lets the thread run on with the registers that it has at that moment. So each time we
 * change them, we do it with one system call, after which the thread, left alone, does some work and then restores
 * itself: what is called returns into __restore_rt of its C library, which makes the system call sigreturn, with a
 * signal frame that holds all that the thread was. We wait for that call: the thread stops at its entry, *parked*. From
 * there it can be sent to the next call in the same way.
 *
 * No step depends on us: there is no breakpoint, no single step and no signal, for which a thread without a tracer
 * would die. No code is written, and no memory is made executable.
 *
 * At the end we put the registers back ourselves, again with one system call, since we can do better than sigreturn:
 * the kernel then begins the interrupted system call again with the rest of its time.
 */
#ifndef CT_ATTACH_INJECT_H
#define CT_ATTACH_INJECT_H

#include <sys/user.h>

#include "attach/remote.h"

/* Addresses in the C library of the process, which are the same for all of its threads. */
struct ct_gadgets {
	uint64_t restore; /* __restore_rt */
	uint64_t system_call; /* syscall; ret */
	uint64_t pop, store; /* pop REGISTER; ret and mov %rax,(REGISTER); ret. 0: results are not known */
};

struct ct_injection {
	struct ct_remote *remote;
	const struct ct_gadgets *gadgets;
	int tid;
	struct user_regs_struct registers; /* that the thread had */
	char *state; /* of its vector unit, as PTRACE_GETREGSET has it */
	size_t state_bytes;
	uint64_t mask; /* of its signals */
	uint64_t errno_at; /* 0: not known */
	int errno_value;
	uint64_t own_frame; /* on the thread's stack, below its red zone */
	uint64_t parked_frame; /* the frame with which it will park, or is parked */
	uint64_t memory; /* mapped for us; 0: not yet */
	bool parked, gone;
};

/* 0 or < 0. */
int ct_gadgets_find(const struct ct_remote *remote, struct ct_gadgets *gadgets, struct ct_error_text *error);

/* Is there room for our frames on the stack of a stopped thread, and is it the thread's own? NULL, or why not. */
const char *ct_inject_refuses(const struct ct_remote *remote, const struct user_regs_struct *registers);

/* Read or write the general registers of a stopped thread. */
bool ct_inject_get(int tid, struct user_regs_struct *registers);
bool ct_inject_set(int tid, const struct user_regs_struct *registers);

/* How the interrupted system call is begun again, once by setting `registers`. */
void ct_inject_restart(struct user_regs_struct *registers);

/* Wait until a thread stops. SIGCHLD must be blocked. 1: it did; 0: not in this time; -1: it has ended. */
int ct_inject_wait(int tid, int *status, unsigned milliseconds);

/* Begin with a stopped thread; maps memory in the process. After that, ct_inject_end in any case. 0 or < 0. */
int ct_inject_begin(struct ct_injection *injection, struct ct_error_text *error);
int ct_inject_end(struct ct_injection *injection, struct ct_error_text *error);

/* Where the caller may put data for its calls, CT_INJECT_ROOM bytes. */
#define CT_INJECT_ROOM 16384u
uint64_t ct_inject_room(const struct ct_injection *injection);

/* Make a system call. 0 or < 0; *result is what it returned. */
int ct_inject_syscall(struct ct_injection *injection, const uint64_t words[7], int64_t *result,
		      struct ct_error_text *error);

/* Call a function. 0 or < 0; *result is what it returned, or 0 if that cannot be known. */
int ct_inject_call(struct ct_injection *injection, uint64_t function, uint64_t first, uint64_t second, uint64_t *result,
		   struct ct_error_text *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Is a stopped thread where it may call dlopen? It must hold no lock of the allocator, the loader or the C library, and
 * must not be inside any of them. Its stack is walked to find out.
 */
#ifndef CT_ATTACH_SAFE_H
#define CT_ATTACH_SAFE_H

#include <sys/user.h>

#include "attach/remote.h"

struct ct_walker;

/* NULL: no memory, or the process cannot be read. */
struct ct_walker *ct_walker_new(struct ct_remote *remote);
void ct_walker_free(struct ct_walker *walker);

/* NULL: it is safe. Else why not, until the next call. */
const char *ct_walker_refuses(struct ct_walker *walker, int tid, const struct user_regs_struct *registers);

/* How well a thread suits, by the system call in which it waits. */
enum ct_suits {
	CT_SUITS_WELL, /* it can be interrupted, and goes on with the rest of its time */
	CT_SUITS_BUSY, /* it runs, or waits for something that cannot be interrupted unseen */
	CT_SUITS_LATE, /* its time begins once more */
	CT_SUITS_NOT,
};

/* call: the number, or -1 if it runs. */
enum ct_suits ct_suits(int64_t call);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * CTRACE_REACH: which of the blocks that are live at the end can the program still reach? A conservative mark phase, by
 * Valgrind's rules: any aligned word of a root or of a reached block that is the address of a block reaches
 * it; one that points into it reaches it possibly. Of what is not reached, a block that another one of them points to
 * is lost indirectly.
 *
 * It is done by a child that shares the memory of the process (CLONE_VM), while the thread that ends the process waits
 * for it: no signal, no lock, and no ptrace, unless there are other threads. Memory is read by process_vm_readv, which
 * answers with an error where a load would fault, since other threads may still run and unmap.
 *
 * Roots: writable mappings, except what malloc holds (the blocks, free memory, its own tables), what is ours, and the
 * dead part of stacks; and what the kernel shows of other threads' registers.
 */
#ifndef CT_REACH_REACH_H
#define CT_REACH_REACH_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* A block while it is looked for. */
struct ct_held {
	uintptr_t address;
	uint64_t bytes : 40;
	uint64_t class : 8; /* enum ct_reach_class */
	uint64_t listed : 1;
	uint32_t site;
	uint32_t next; /* of those whose words are still to be read, + 1 */
};

#define CT_REACH_THREADS_MAX 4096u

/* Another thread. */
struct ct_thread_words {
	uint32_t tid;
	bool known; /* what follows */
	bool seized;
	uintptr_t sp;
	uintptr_t words[28]; /* its registers, or at least the arguments of the system call that it waits in */
};

struct ct_reach {
	struct ct_held *held; /* in the order of addresses */
	uint32_t count, room;
	uint32_t listed; /* first of the list, + 1 */
	uint32_t leader; /* lost block whose words are being read, + 1; 0 = roots and what they reach are */
	bool definite; /* what points to these words is certain */
	bool allocators; /* these words are the C library's own */
	bool late; /* out of time */
	uint32_t pieces; /* read, for looking at the clock */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	uintptr_t stack; /* of the thread that ends the process: what is live of it begins here */
	struct ct_thread_words *threads;
	uint32_t thread_count;
	bool threads_unknown; /* of some of them, or there are more */
	int pagemap; /* which pages are there; < 0: read all */
	uint32_t pid, tid; /* of the thread that ends the process */
	char *buffer;
};

/* Read all roots. False: there is no /proc. */
CT_COLD bool ct_reach_roots(struct ct_reach *reach);

/* Where other threads' stacks end, as far as /proc shows: the thread that ends the process may always ask. */
CT_COLD void ct_reach_find_threads(struct ct_reach *reach);

/* Stop them until the child ends, if it may, and read their registers. */
CT_COLD void ct_reach_stop_threads(struct ct_reach *reach);

/* Read the words of a range that has no blocks. */
CT_COLD void ct_reach_scan(struct ct_reach *reach, uintptr_t from, uintptr_t to);

/* A word that may be a pointer. */
CT_COLD void ct_reach_meet(struct ct_reach *reach, uintptr_t word);

/* The first block at or behind the address; reach->count = none. */
CT_COLD uint32_t ct_reach_find(const struct ct_reach *reach, uintptr_t address);

/* Copy memory of the process: bytes until the first that cannot be read, or -errno. */
CT_COLD long ct_reach_read(const struct ct_reach *reach, uintptr_t address, void *to, size_t bytes);

/* Can it be found out? NULL = yes, else why not. */
CT_COLD const char *ct_reach_refuses(void);

/* Before the child runs; NULL = no memory. stack: see struct ct_reach. */
CT_COLD struct ct_reach *ct_reach_new(uintptr_t stack);

/* The child's work: an exit code, 0 = all blocks have their class. */
CT_COLD int ct_reach_classify(void *reach);

/* Sum up by site and write it to the store. False: no room. */
CT_COLD bool ct_reach_publish(const struct ct_reach *reach);

#endif

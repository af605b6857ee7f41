/* SPDX-License-Identifier: MIT */
/*
 * CTRACE_REACH: which of the blocks that are live at the end can the program still reach? A conservative mark phase
 * answers that, by Valgrind's rules. It looks at every aligned word of the roots and of reached blocks. A word that is
 * the address of a block reaches that block; a word that points into a block possibly reaches it. Among the blocks that
 * are not reached, one that another of them points to is indirectly lost.
 *
 * A child that shares the process's memory (CLONE_VM) does the work, while the thread that ends the process waits for
 * it. That takes no signal and no lock, and ptrace only if there are other threads. Memory is read by process_vm_readv,
 * which fails where a load would fault: other threads may still run and unmap memory.
 *
 * Roots are the writable mappings, except what malloc holds (blocks, free memory, its own tables), our own memory, and
 * the dead part of stacks. What the kernel shows of other threads' registers is a root too.
 *
 * ct_reach_classify and what it calls run in the child; the rest runs in the thread that ends the process.
 */
#ifndef CT_REACH_REACH_H
#define CT_REACH_REACH_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* A live block, and what is known of it so far. */
struct ct_held {
	uintptr_t address;
	uint64_t bytes : 40;
	uint64_t class : 8; /* enum ct_reach_class */
	uint64_t listed : 1;
	uint32_t site;
	uint32_t next; /* next in the list of blocks whose words are still to be read, + 1 */
};

#define CT_REACH_THREADS_MAX 4096u

/* Another thread of the process. */
struct ct_thread_words {
	uint32_t tid;
	bool known; /* sp and words are valid */
	bool seized; /* stopped by ptrace */
	uintptr_t sp;
	uintptr_t words[34]; /* its registers, or only the arguments of the system call that it is waiting in */
};

struct ct_reach {
	struct ct_held *held; /* all live blocks, in the order of addresses */
	uint32_t count, room;
	uint32_t listed; /* first block of the list, + 1 */
	uint32_t leader; /* the lost block whose words, and those it reaches, are being read, + 1; 0: roots and what
			    they reach */
	bool definite; /* the words being read are certain to be reachable */
	bool allocators; /* the words being read are the C library's own */
	bool late; /* out of time */
	uint32_t pieces; /* counts the pieces read, to look at the clock now and then */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	uintptr_t stack; /* stack pointer of the thread that ends the process: the live part of its stack begins here */
	struct ct_thread_words *threads;
	uint32_t thread_count;
	bool threads_unknown; /* some of them are not known, or there are more */
	int pagemap; /* /proc/self/pagemap shows which pages exist; < 0: read all */
	uint32_t pid, tid; /* of the thread that ends the process */
	char *buffer;
};

/* Read all roots. False: /proc cannot be read. */
CT_COLD bool ct_reach_roots(struct ct_reach *reach);

/*
 * Find the other threads, and their stack pointers as far as /proc shows them. Called by the thread that ends the
 * process, which is always allowed to ask.
 */
CT_COLD void ct_reach_find_threads(struct ct_reach *reach);

/* Stop the other threads until the child ends, if ptrace is allowed, and read their registers. */
CT_COLD void ct_reach_stop_threads(struct ct_reach *reach);

/* Read the words of an address range as possible pointers. */
CT_COLD void ct_reach_scan(struct ct_reach *reach, uintptr_t from, uintptr_t to);

/* Take a word that may be a pointer: if it points to a block, reach it. */
CT_COLD void ct_reach_meet(struct ct_reach *reach, uintptr_t word);

/* The index of the first block at or after the address; reach->count: there is none. */
CT_COLD uint32_t ct_reach_find(const struct ct_reach *reach, uintptr_t address);

/* Copy memory of the process. Returns the number of bytes up to the first that cannot be read, or -errno. */
CT_COLD long ct_reach_read(const struct ct_reach *reach, uintptr_t address, void *to, size_t bytes);

/* Can the blocks be classified at all? NULL: yes, else the reason why not. */
CT_COLD const char *ct_reach_refuses(void);

/* Prepare, before the child runs. stack: see struct ct_reach. NULL: no memory. */
CT_COLD struct ct_reach *ct_reach_new(uintptr_t stack);

/* The child's work. Returns an exit code; 0: every block has its class. */
CT_COLD int ct_reach_classify(void *reach);

/* Write the sums by site to the store. False: no room. */
CT_COLD bool ct_reach_publish(const struct ct_reach *reach);

#endif

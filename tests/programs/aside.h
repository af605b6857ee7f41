/* SPDX-License-Identifier: MIT */
#ifndef ASIDE_H
#define ASIDE_H

#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Call the function on a stack of 64 MiB that is not the thread's own, as coroutines have. */
static inline void run_aside(void (*function)(void))
{
	static ucontext_t home, aside;
	size_t bytes = 64u << 20;
	getcontext(&aside);
	aside.uc_stack.ss_size = bytes;
	aside.uc_stack.ss_sp = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	aside.uc_link = &home;
	makecontext(&aside, function, 0);
	swapcontext(&home, &aside);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What both the preload and the programs know about the processor: one file per processor. What only the preload knows
 * is in preload/sys/machine.h.
 *
 *   CT_MACHINE_ELF        number in ELF files, and in a store's header
 *   CT_MACHINE_AUDIT      number in seccomp's data (linux/audit.h)
 *   CT_MACHINE_TRIPLET    folder of libraries on Debian
 *   CT_ADDRESS_BITS       addresses of programs are below 2^this; blocks above are counted as dropped
 *   CT_REGION_START       our own memory begins here in the process, far from where the kernel puts mappings
 *   ct_machine_untagged() a block's address without a tag, as it is a key
 *   ct_machine_counter()  a counter that all cores share, if the preload's ct_machine_counter_is_steady() says so
 */
#ifndef CTRACE_MACHINE_H
#define CTRACE_MACHINE_H

#if !defined(__LP64__)
#error "ctrace needs a 64-bit processor and 64-bit pointers"
#elif defined(__x86_64__)
#include "ctrace/machine_x86_64.h"
#elif defined(__aarch64__)
#include "ctrace/machine_aarch64.h"
#else
#error "ctrace runs on x86-64 and aarch64 only"
#endif

#endif

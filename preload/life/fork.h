/* SPDX-License-Identifier: MIT */
/*
 * fork: all locks are taken before it and put again on both sides. Whatever the child may change is copied first, so
 * that neither side writes into the other's store.
 */
#ifndef CT_LIFE_FORK_H
#define CT_LIFE_FORK_H

#include "sys/compiler.h"

/* Register the fork handlers. At start. */
CT_COLD void ct_fork_init(void);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef CT_LIFE_FORK_H
#define CT_LIFE_FORK_H

#include "sys/compiler.h"

/* Register the fork handlers; at start. */
CT_COLD void ct_fork_init(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Start of the call tree; the rest is in hot/slow.h. */
#ifndef CT_TREE_TREE_H
#define CT_TREE_TREE_H

#include "sys/compiler.h"

/* Before the first stack. False: no memory. */
CT_COLD bool ct_tree_init(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Start of the call tree. Its other functions are in hot/slow.h. */
#ifndef CT_TREE_TREE_H
#define CT_TREE_TREE_H

#include "sys/compiler.h"

/* At start, before the first stack is walked. False: no memory. */
CT_COLD bool ct_tree_init(void);

#endif

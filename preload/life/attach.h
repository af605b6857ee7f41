/* SPDX-License-Identifier: MIT */
/*
 * `ctrace attach` has loaded this library into a process that runs already. No call leads to the hooks then, since the
 * loader has put the library behind all others. So the slots of all objects are written, see hooks/entries.h, and given
 * back when the process is detached. Blocks from before are "before start", as when a process is switched on.
 */
#ifndef CT_LIFE_ATTACH_H
#define CT_LIFE_ATTACH_H

#include "sys/compiler.h"

/* In our constructor. True: the library was loaded late, and must do nothing until it is asked to. */
CT_COLD bool ct_attach_init(void);

#endif

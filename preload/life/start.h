/* SPDX-License-Identifier: MIT */
#ifndef CT_LIFE_START_H
#define CT_LIFE_START_H

#include "sys/compiler.h"

/*
 * The process has slept, and is switched on: make its store. Any thread may be the first to see that, inside any call
 * of malloc, so the loader is asked nothing here. False: it failed, and a line has said why.
 */
CT_COLD bool ct_start_awake(void);

#endif

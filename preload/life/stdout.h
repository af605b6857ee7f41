/* SPDX-License-Identifier: MIT */
/*
 * What the program has printed, and its stdout still holds. exit writes it after its last exit handler, and ours is the
 * last: without this, the end of a program's output would wait for the exporter.
 */
#ifndef CT_LIFE_STDOUT_H
#define CT_LIFE_STDOUT_H

#include "sys/compiler.h"

/*
 * In an exit handler: write what stdout holds, as exit would do next. If another thread has the stream's lock, leave it
 * to exit. The signals that a write can cause wait until ct_stdout_end, since they may end the program; false: they
 * could not be blocked, and nothing was done.
 */
CT_COLD bool ct_stdout_begin(uint64_t *mask);
CT_COLD void ct_stdout_end(uint64_t mask);

#endif

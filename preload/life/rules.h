/* SPDX-License-Identifier: MIT */
/*
 * The rule `live>BYTES:exact` of CTRACE_RULES: when a sample finds more live bytes than that, the process asks for an
 * exact recording by its own control page, as `ctrace ctl` would from outside. It asks for the sample again when its
 * resident memory is a tenth smaller than it was then: the exact segment has counters of its own, so what is live
 * in it says nothing about the sample's.
 */
#ifndef CT_LIFE_RULES_H
#define CT_LIFE_RULES_H

#include "sys/compiler.h"

/* Read the rules. At start. False: they are wrong, and unless quiet, a line has said so. */
CT_COLD bool ct_rules_init(bool quiet);

/* After a fold, under ct_lock_combine. */
CT_COLD void ct_rules_follow(void);

#endif

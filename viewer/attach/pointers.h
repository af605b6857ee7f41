/* SPDX-License-Identifier: MIT */
/*
 * Addresses of malloc and its kin that a program keeps elsewhere than in the slots of its objects, such as in a table
 * of functions. Calls through them are not recorded in a process that was attached to.
 */
#ifndef CT_ATTACH_POINTERS_H
#define CT_ATTACH_POINTERS_H

#include "attach/attach.h"
#include "attach/remote.h"

/* Look through the data of all loaded objects, once the slots have been written. */
void ct_pointers_count(struct ct_remote *remote, struct ct_attach_done *done);

#endif

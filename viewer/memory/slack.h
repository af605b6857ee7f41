/* SPDX-License-Identifier: MIT */
/*
 * Slack of live blocks where the allocator is not glibc's, whose heads say it. The recording has what was added to all
 * blocks of each site so far. If the size classes of an allocator that we know explain that, they also say what each
 * live block has; else it is estimated by site.
 */
#ifndef CT_MEMORY_SLACK_H
#define CT_MEMORY_SLACK_H

#include <stdbool.h>

#include "load/store/store_file.h"
#include "memory/blocks.h"
#include "model/size_class.h"

/* Find the allocator. False: no allocator that we know fits, or too little was recorded to say. */
bool ct_slack_find_allocator(const struct ct_store_file *store, enum ct_allocator *allocator);

/* Let each block of malloc's end where its size class does. */
void ct_slack_by_class(struct ct_live_blocks *blocks, enum ct_allocator allocator);

#endif

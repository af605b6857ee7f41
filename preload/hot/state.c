/* SPDX-License-Identifier: MIT */
/*
 * All variables of the recording's state: what the hooks share (hot/state.h), the block map, and what each thread has.
 */
#include "hot/state.h"

#include "hot/blocks.h"
#include "hot/thread.h"

struct ct_gate ct_gate CT_ALIGNED(CT_STORE_PAGE);
struct ct_tracer ct_tracer;
struct ct_block_map ct_blocks;
__thread struct ct_tls ct_tls;

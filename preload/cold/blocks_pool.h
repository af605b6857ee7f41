/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_BLOCKS_POOL_H
#define CT_COLD_BLOCKS_POOL_H

#include "hot/compiler.h"

/* granule_shift: log2 of the smallest distance between two blocks. False: no memory. */
CT_COLD bool ct_blocks_init(uint32_t granule_shift);

/* Memory of the map that is in use, bytes, estimated from below. */
CT_COLD uint64_t ct_blocks_bytes(void);

#endif

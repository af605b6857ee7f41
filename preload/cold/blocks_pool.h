/* SPDX-License-Identifier: MIT */
#ifndef CT_COLD_BLOCKS_POOL_H
#define CT_COLD_BLOCKS_POOL_H

#include "hot/compiler.h"

/* glibc: it is the program's allocator, else another one. False: no memory. */
CT_COLD bool ct_blocks_init(bool glibc);

/* Memory of the map that is in use, bytes. */
CT_COLD uint64_t ct_blocks_bytes(void);

#endif

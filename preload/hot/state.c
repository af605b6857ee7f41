/* SPDX-License-Identifier: MIT */
/*
 * The variables that hold the recording's state: what the hooks share (hot/state.h), the block map, and each thread's
 * part.
 */
#include "hot/state.h"

#include "ctrace/note.h"
#include "hot/blocks.h"
#include "hot/control.h"
#include "hot/thread.h"

struct ct_gate ct_gate CT_ALIGNED(CT_MACHINE_PAGE_BYTES_MAX);
struct ct_tracer ct_tracer;
struct ct_control_place ct_control CT_ALIGNED(CT_MACHINE_PAGE_BYTES_MAX);
struct ct_words ct_words = {.off = CT_WORD_NEVER, .sample = CT_WORD_NEVER};
struct ct_block_map ct_blocks;
__asm__(CT_NOTE(CT_NOTE_OWNER, CT_NOTE_BLOCKS, ".long ct_blocks - ., " CT_NOTE_TEXT(CT_BLOCK_MAP_LAYOUT)));
__thread struct ct_tls ct_tls;

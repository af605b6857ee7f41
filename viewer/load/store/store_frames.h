/* SPDX-License-Identifier: MIT */
/*
 * The code addresses of a store as frames of a profile: each is symbolised once. Sections of a store only grow, so what
 * was made of their elements is kept when it is read again. For store.c only.
 */
#ifndef CT_LOAD_STORE_STORE_FRAMES_H
#define CT_LOAD_STORE_STORE_FRAMES_H

#include "load/store/store_file.h"
#include "model/profile.h"

struct ct_store_place;

struct ct_store_frames {
	const struct ct_store_file *store; /* the one that is read now */
	struct ct_profile *profile;
	struct ct_symbols *symbols;
	struct ct_perf_map *perf_map;
	int *handles; /* by module */
	uint8_t *module_files; /* by module: enum ct_module_file */
	size_t handle_count, handle_room, module_file_room;
	struct ct_store_place *places;
	uint32_t *ids;
	size_t id_count, id_room;
	uint32_t *text_modules; /* by string id: the module of the frames with this text, 0 = none yet */
	size_t text_module_count, text_module_room;
};

/* With an empty profile. 0 or < 0; ct_store_frames_fini in both cases. */
int ct_store_frames_init(struct ct_store_frames *frames);
void ct_store_frames_fini(struct ct_store_frames *frames);

/* The store was read (again). 0, or < 0 without memory. */
int ct_store_frames_update(struct ct_store_frames *frames, const struct ct_store_file *store);

/* The node's frame ids, inlined ones first, until the next call. NULL without memory. */
const uint32_t *ct_store_frames_of(struct ct_store_frames *frames, const struct ct_node *node, uint32_t *count);

#endif

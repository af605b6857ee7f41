/* SPDX-License-Identifier: MIT */
/*
 * Turns the code addresses of a store into frames of a profile. Each address is symbolised once. The sections used
 * here only grow, so the results are kept when the store is read again. For store.c only.
 */
#ifndef CT_LOAD_STORE_STORE_FRAMES_H
#define CT_LOAD_STORE_STORE_FRAMES_H

#include "load/store/store_file.h"
#include "model/profile.h"

struct ct_store_place;

struct ct_store_frames {
	const struct ct_store_file *store; /* as last read */
	struct ct_profile *profile;
	struct ct_symbols *symbols;
	struct ct_perf_map *perf_map;
	int *handles; /* by module */
	uint8_t *module_files; /* by module: enum ct_module_file */
	size_t handle_count, handle_room, module_file_room;
	struct ct_store_place *places;
	struct ct_store_place **place_of; /* by node; NULL: not looked up yet */
	size_t node_count, node_room;
	uint32_t *ids;
	size_t id_count, id_room;
	uint32_t *text_modules; /* by string id: 1 + the module whose frames have this text, 0 = none yet */
	size_t text_module_count, text_module_room;
};

/* Start with an empty profile. 0 or < 0; call ct_store_frames_fini in both cases. */
int ct_store_frames_init(struct ct_store_frames *frames);
void ct_store_frames_fini(struct ct_store_frames *frames);

/* Use the store, which has been read (again). 0, or < 0 when out of memory. */
int ct_store_frames_update(struct ct_store_frames *frames, const struct ct_store_file *store);

/* Close the object files; the next update opens those that it needs again. */
void ct_store_frames_rest(struct ct_store_frames *frames);

/* The frame ids of a node, inlined frames first; valid until the next call. NULL when out of memory. */
const uint32_t *ct_store_frames_of(struct ct_store_frames *frames, uint32_t node, uint32_t *count);

#endif

/* SPDX-License-Identifier: MIT */
/* The call tree behind each thread's node cache: nodes interned with uthash, sites made on demand. */
#include "cold/arena.h"
#include "cold/cold.h"
#include "cold/lock.h"
#include "cold/modules.h"
#include "cold/store.h"
#include "hot/state.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(bytes) ct_arena_alloc(bytes)
#define uthash_free(piece, bytes) ct_arena_free(piece, bytes)
#define uthash_nonfatal_oom(element) ((element)->id = 0)
#include <uthash.h>

struct node_key {
	uint32_t parent;
	uint32_t module;
	uint64_t address;
};

struct interned {
	struct node_key key;
	uint32_t id;
	UT_hash_handle hh;
};

static struct interned *table;

struct ct_lock ct_lock_tree;

static uint32_t new_node(const struct node_key *key)
{
	struct ct_section *nodes = &ct_tracer.header->sections[CT_SECTION_NODES];
	uint64_t id = nodes->used;
	if (id >= ct_store_capacity(CT_SECTION_NODES) && !ct_store_grow(CT_SECTION_NODES, id + 1))
		return 0;
	ct_tracer.nodes[id] = (struct ct_node){key->parent, key->module, key->address};
	ct_store_release(&nodes->used, id + 1);
	return (uint32_t)id;
}

static uint32_t intern(const struct node_key *key)
{
	struct interned *found;
	HASH_FIND(hh, table, key, sizeof(*key), found);
	if (found)
		return found->id;
	found = ct_arena_alloc(sizeof(*found));
	if (!found)
		return 0;
	found->key = *key;
	found->id = new_node(key);
	if (!found->id)
		return 0;
	HASH_ADD(hh, table, key, sizeof(found->key), found);
	return found->id; /* 0 when uthash had no memory */
}

uint32_t ct_tree_intern(uint32_t parent, uintptr_t address)
{
	struct ct_place place;
	uint32_t node = 0;
	ct_lock_get(&ct_lock_tree);
	if (ct_modules_find(address, &place))
		node = intern(&(struct node_key){parent, place.module, place.address});
	ct_lock_put(&ct_lock_tree);
	return node;
}

uint32_t ct_tree_intern_mark(uint32_t parent, uint32_t mark)
{
	ct_lock_get(&ct_lock_tree);
	uint32_t node = intern(&(struct node_key){parent, CT_MODULE_MARK, mark});
	ct_lock_put(&ct_lock_tree);
	return node;
}

uint32_t ct_tree_new_site(uint32_t node)
{
	struct ct_section *sites = &ct_tracer.header->sections[CT_SECTION_SITES];
	ct_lock_get(&ct_lock_tree);
	uint32_t site = ct_tracer.site_of_node[node];
	if (!site) {
		uint64_t id = sites->used;
		if (id < ct_store_capacity(CT_SECTION_SITES) || ct_store_grow(CT_SECTION_SITES, id + 1)) {
			site = (uint32_t)id;
			ct_tracer.sites[id].node = node;
			ct_store_release(&sites->used, id + 1);
			ct_store_release(&ct_tracer.site_of_node[node], site);
		}
	}
	ct_lock_put(&ct_lock_tree);
	return site;
}

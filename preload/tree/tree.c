/* SPDX-License-Identifier: MIT */
/*
 * The call tree behind the hot path's two tables. uthash interns places: a module and an address in it, one for each
 * line of code that calls. A place stays the same if its object is loaded again elsewhere. A node's key is its parent
 * and its place in one word. A site is made when a stack first allocates. After CTRACE_MAX_SITES sites, no more sites
 * or nodes are made: all new stacks share one site below the root, [other sites].
 */
#include "tree/tree.h"
#include "unwind/cfi.h"

#include "hot/slow.h"
#include "hot/state.h"
#include "hot/table.h"
#include "hot/unwind.h"
#include "store/store_file.h"
#include "sys/arena.h"
#include "sys/lock.h"
#include "sys/options.h"
#include "tree/modules.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(bytes) ct_arena_alloc(bytes)
#define uthash_free(piece, bytes) ct_arena_free(piece, bytes)
#define uthash_nonfatal_oom(element) ((element)->id = 0)
#include <uthash.h>

#define PLACES_CHUNK 4096u
#define CHUNKS_MAX ((CT_PLACE_MAX + 1) / PLACES_CHUNK)
#define HASH_CHUNKS_MAX 8192u

/* Limit the nodes too. A node takes 46 to 72 bytes, with its hash and its entry in the table; a site takes 192. */
#define NODES_PER_SITE 8u
#define NODES_SPARE 4096u

struct interned {
	struct ct_place place; /* the key */
	uint32_t id;
	UT_hash_handle hh;
};

static struct interned *table;
static struct ct_place *places[CHUNKS_MAX]; /* by id */
static uint32_t *node_hashes[HASH_CHUNKS_MAX];
static uint32_t place_count = 1;
static uint64_t sites_max, nodes_max; /* element 0 included */
static uint64_t other_sites; /* the site and node of [other sites], as a value of ct_tracer.tree; 0: not needed yet */

struct ct_lock ct_lock_tree;

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Called once for each node, before it can be found. False: no memory. */
static bool set_node_hash(uint64_t node, uint32_t hash)
{
	uint32_t **chunk = &node_hashes[node / CT_HASHES_CHUNK];
	if (!*chunk && !(*chunk = ct_arena_alloc(CT_HASHES_CHUNK * sizeof(**chunk))))
		return false;
	(*chunk)[node % CT_HASHES_CHUNK] = hash;
	return true;
}

bool ct_tree_init(void)
{
	/* One node and one site are kept for [other sites]. */
	uint64_t nodes_limit = smaller(ct_store_limit(CT_SECTION_NODES), HASH_CHUNKS_MAX * CT_HASHES_CHUNK);
	sites_max = smaller(ct_options.max_sites + 1, ct_store_limit(CT_SECTION_SITES) - 1);
	nodes_max = smaller(ct_options.max_sites * NODES_PER_SITE + NODES_SPARE, nodes_limit - 1);
	ct_tracer.node_hashes = node_hashes;
	return ct_table_init(&ct_tracer.code) && ct_table_init(&ct_tracer.tree) && set_node_hash(0, 0);
}

static uint32_t hash_of_code(const struct ct_entry *entry)
{
	return ct_code_hash(entry->key);
}

static uint32_t hash_of_node(const struct ct_entry *entry)
{
	return ct_hash_slot(ct_node_hash((uint32_t)entry->value));
}

static struct ct_entry *find_node(uint32_t hash, uint64_t key)
{
	return ct_table_find(ct_tracer.tree, ct_hash_slot(hash), key);
}

static uint32_t new_place(const struct ct_place *place)
{
	struct ct_place **chunk = &places[place_count / PLACES_CHUNK];
	if (place_count > CT_PLACE_MAX || (!*chunk && !(*chunk = ct_arena_alloc(PLACES_CHUNK * sizeof(**chunk)))))
		return 0;
	(*chunk)[place_count % PLACES_CHUNK] = *place;
	return place_count++;
}

/* The number of a place, new or known; 0: no memory. */
static uint32_t intern_place(const struct ct_place *place)
{
	struct interned *found;
	HASH_FIND(hh, table, place, sizeof(*place), found);
	if (found)
		return found->id;
	found = ct_arena_alloc(sizeof(*found));
	if (!found || !(found->id = new_place(place)))
		return 0;
	found->place = *place;
	HASH_ADD(hh, table, place, sizeof(found->place), found);
	return found->id; /* 0 if uthash had no memory */
}

/*
 * May this process write into the store? A forked child may not before its first event: a hook may be at work below the
 * signal handler that forked.
 */
static bool may_write(void)
{
	return ct_get_relaxed(&ct_gate.phase) != CT_PHASE_FORKED;
}

static uint64_t read_code(uint64_t key, uintptr_t address)
{
	struct ct_place place;
	const struct ct_entry *entry = ct_table_find(ct_tracer.code, ct_code_hash(key), key);
	if (entry)
		return entry->value;
	/* The rule comes first: reading it notices if another object has replaced the one at this address. */
	struct ct_rule rule = ct_cfi_rule(address);
	uint32_t id = ct_modules_find(address, &place) ? intern_place(&place) : 0;
	if (!id)
		return 0;
	uint64_t code = ct_code_pack(rule, id);
	/* A program has code there only if it asks for that. Its key is that of other code in a later epoch. */
	if (address >> CT_CODE_KEY_BITS)
		return code;
	/* Entries from other epochs of the loader are void, and make room. */
	struct ct_entry added = {key, code};
	return ct_table_add(&ct_tracer.code, added, ~0ull << CT_CODE_KEY_BITS, hash_of_code) ? code : 0;
}

uint64_t ct_code_read(uint64_t key, uintptr_t address)
{
	ct_lock_get(&ct_lock_tree);
	uint64_t code = may_write() ? read_code(key, address) : 0;
	ct_lock_put(&ct_lock_tree);
	return code;
}

static uint64_t new_node(uint32_t hash, uint64_t key)
{
	struct ct_section *nodes = &ct_tracer.header->sections[CT_SECTION_NODES];
	uint32_t place = (uint32_t)key;
	uint64_t id = nodes->used;
	if (!place || (id >= ct_store_capacity(CT_SECTION_NODES) && !ct_store_grow(CT_SECTION_NODES, id + 1)) ||
	    !set_node_hash(id, hash))
		return 0;
	const struct ct_place *code = &places[place / PLACES_CHUNK][place % PLACES_CHUNK];
	ct_tracer.nodes[id] = (struct ct_node){(uint32_t)(key >> 32), code->module, code->address};
	if (!ct_table_add(&ct_tracer.tree, (struct ct_entry){key, id}, 0, hash_of_node))
		return 0;
	ct_set_release(&nodes->used, id + 1);
	return id;
}

static uint32_t new_site(uint32_t node)
{
	struct ct_section *sites = &ct_tracer.header->sections[CT_SECTION_SITES];
	uint64_t id = sites->used;
	if (id >= ct_store_capacity(CT_SECTION_SITES) && !ct_store_grow(CT_SECTION_SITES, id + 1))
		return 0;
	ct_tracer.sites[id].node = node;
	ct_set_release(&sites->used, id + 1);
	return (uint32_t)id;
}

static bool is_full(void)
{
	const struct ct_section *sections = ct_tracer.header->sections;
	return sections[CT_SECTION_SITES].used >= sites_max || sections[CT_SECTION_NODES].used >= nodes_max;
}

static uint64_t find_other_sites(void)
{
	if (!other_sites) {
		uint32_t place =
			intern_place(&(struct ct_place){.module = CT_MODULE_PSEUDO, .address = CT_PSEUDO_OTHER});
		uint64_t node = place ? new_node(ct_hash_below(ct_node_hash(0), place), ct_tree_key(0, place)) : 0;
		uint64_t site = node ? new_site((uint32_t)node) : 0;
		other_sites = site ? site << 32 | node : 0;
	}
	return other_sites;
}

static uint64_t intern(uint32_t hash, uint64_t key)
{
	const struct ct_entry *entry = find_node(hash, key);
	if (entry)
		return entry->value;
	return ct_unlikely(is_full()) ? find_other_sites() : new_node(hash, key);
}

void ct_tree_begin(void)
{
	ct_lock_begin();
}

void ct_tree_end(void)
{
	ct_lock_end();
}

uint64_t ct_tree_intern(uint32_t hash, uint64_t key)
{
	ct_lock_get(&ct_lock_tree);
	uint64_t node = may_write() ? intern(hash, key) : 0;
	ct_lock_put(&ct_lock_tree);
	return node;
}

uint64_t ct_tree_intern_pseudo(uint32_t parent, uint64_t mark)
{
	ct_lock_get(&ct_lock_tree);
	uint32_t place =
		!may_write() ? 0 : intern_place(&(struct ct_place){.module = CT_MODULE_PSEUDO, .address = mark});
	uint64_t node = place ? intern(ct_hash_below(ct_node_hash(parent), place), ct_tree_key(parent, place)) : 0;
	ct_lock_put(&ct_lock_tree);
	return node;
}

static uint32_t make_site(struct ct_entry *entry)
{
	uint32_t site = is_full() ? (uint32_t)(find_other_sites() >> 32) : new_site((uint32_t)entry->value);
	/* After the site itself: tests/litmus/site.litmus. */
	ct_set_release(&entry->value, entry->value | (uint64_t)site << 32);
	return site;
}

uint32_t ct_tree_site(uint32_t hash, uint64_t key)
{
	uint32_t site = 0;
	ct_lock_get(&ct_lock_tree);
	struct ct_entry *entry = may_write() ? find_node(hash, key) : NULL;
	if (entry)
		site = entry->value >> 32 ? (uint32_t)(entry->value >> 32) : make_site(entry);
	else if (may_write() && is_full()) /* the node was not made: a cut stack's inner half */
		site = (uint32_t)(find_other_sites() >> 32);
	ct_lock_put(&ct_lock_tree);
	return site;
}

static uint32_t event_site(uint32_t node, enum ct_pseudo mark, uint32_t *place)
{
	if (!*place)
		*place = intern_place(&(struct ct_place){.module = CT_MODULE_PSEUDO, .address = mark});
	uint32_t hash = ct_hash_below(ct_node_hash(node), *place);
	uint64_t key = ct_tree_key(node, *place);
	struct ct_entry *entry = find_node(hash, key);
	if (!entry && *place && !is_full() && new_node(hash, key))
		entry = find_node(hash, key);
	if (!entry)
		return 0;
	/* Never [other sites]: that site counts allocations. */
	if (!(entry->value >> 32) && !is_full())
		make_site(entry);
	return (uint32_t)(entry->value >> 32);
}

uint32_t ct_tree_event_site(uint32_t node, enum ct_pseudo mark, uint32_t *place)
{
	ct_lock_get(&ct_lock_tree);
	uint32_t found = may_write() ? event_site(node, mark, place) : 0;
	ct_lock_put(&ct_lock_tree);
	return found;
}

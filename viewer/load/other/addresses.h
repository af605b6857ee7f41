/* SPDX-License-Identifier: MIT */
/*
 * Names addresses of a process that has ended, by the list of its mappings in a file (/proc/PID/maps). The object files
 * are read with the rights of the file's owner. Each address is looked up once.
 */
#ifndef CT_LOAD_OTHER_ADDRESSES_H
#define CT_LOAD_OTHER_ADDRESSES_H

#include "load/other/other.h"

struct ct_symbols;

struct ct_addresses {
	struct ct_other *other;
	struct ct_symbols *symbols;
	struct ct_mapping *mappings;
	size_t mapping_count, mapping_room;
	struct ct_address *rows;
	size_t count, room;
	uint32_t *slots; /* hash table: index in rows plus 1 */
	size_t slot_count;
	uint32_t *ids; /* the frames of all addresses */
	size_t id_count, id_room;
};

/* The frames of one address, innermost first: `count` of addresses->ids from `first` on. */
struct ct_address {
	uint64_t address;
	size_t first;
	uint32_t count;
};

/* Use owner's rights. Call ct_addresses_fini in any case. 0 or < 0. */
int ct_addresses_init(struct ct_addresses *addresses, struct ct_other *other);
void ct_addresses_fini(struct ct_addresses *addresses);

/* Add a line "START-END PERMISSIONS OFFSET DEVICE INODE PATH"; other lines are left out. 0 or < 0. */
int ct_addresses_add_mapping(struct ct_addresses *addresses, struct ct_text line);

/* The file has its own name for an address, with file and line or without. 0 or < 0. */
int ct_addresses_name(struct ct_addresses *addresses, const struct ct_other_frame *frame);

/* The frames of an address, which lies inside a call. NULL: the error is set. */
const struct ct_address *ct_addresses_find(struct ct_addresses *addresses, uint64_t address);

/* The file of the first mapping, which is the program's; "": not known. */
const char *ct_addresses_program(const struct ct_addresses *addresses);

#endif

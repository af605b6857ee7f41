/* SPDX-License-Identifier: MIT */
#include "load/other/addresses.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/symbol.h"
#include "symbol/sysroot.h"
#include "util/array.h"

#define FRAMES_PER_ADDRESS 64
#define SEGMENTS_MAX 64

struct ct_mapping {
	uint64_t start, limit, offset;
	char *path;
	enum { UNKNOWN, OPEN, CLOSED } state;
	int handle;
	Elf64_Phdr segments[4]; /* those that can be executed */
	size_t segment_count;
};

int ct_addresses_init(struct ct_addresses *addresses, struct ct_other *other)
{
	*addresses = (struct ct_addresses){.other = other, .symbols = ct_symbols_new()};
	if (!addresses->symbols)
		return ct_other_no_memory(other);
	ct_symbols_read_as(addresses->symbols, other->owner);
	return 0;
}

void ct_addresses_fini(struct ct_addresses *addresses)
{
	for (size_t i = 0; i < addresses->mapping_count; i++)
		free(addresses->mappings[i].path);
	free(addresses->mappings);
	free(addresses->rows);
	free(addresses->slots);
	free(addresses->ids);
	ct_symbols_say_missing(addresses->symbols);
	ct_symbols_free(addresses->symbols);
}

int ct_addresses_add_mapping(struct ct_addresses *addresses, struct ct_text line)
{
	struct ct_mapping mapping = {.handle = -1};
	uint64_t device, inode;
	ct_text_skip_blanks(&line);
	if (!ct_text_take_number(&line, 16, &mapping.start) || !ct_text_take(&line, "-") ||
	    !ct_text_take_number(&line, 16, &mapping.limit) || !ct_text_take(&line, " ") || line.bytes < 5 ||
	    line.at[2] != 'x')
		return 0;
	line.at += 4;
	line.bytes -= 4;
	ct_text_skip_blanks(&line);
	if (!ct_text_take_number(&line, 16, &mapping.offset) || !ct_text_take(&line, " ") ||
	    !ct_text_take_number(&line, 16, &device) || !ct_text_take(&line, ":") ||
	    !ct_text_take_number(&line, 16, &device) || !ct_text_take(&line, " ") ||
	    !ct_text_take_number(&line, 10, &inode))
		return 0;
	ct_text_skip_blanks(&line);
	if (!line.bytes || memchr(line.at, '\0', line.bytes))
		return 0;
	mapping.path = strndup(line.at, line.bytes);
	if (!mapping.path || !ct_array_room(&addresses->mappings, &addresses->mapping_room,
					    addresses->mapping_count + 1, sizeof(mapping))) {
		free(mapping.path);
		return ct_other_no_memory(addresses->other);
	}
	addresses->mappings[addresses->mapping_count++] = mapping;
	return 0;
}

/* Read which parts of the object file hold code, and where it wants them. */
static void read_segments(struct ct_mapping *mapping)
{
	struct stat status;
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	int fd = ct_sysroot_open(mapping->path, 0, &status);
	if (fd < 0)
		return;
	bool good = pread(fd, &head, sizeof(head), 0) == sizeof(head) && !memcmp(head.e_ident, ELFMAG, SELFMAG) &&
		    head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_phentsize == sizeof(segment);
	for (unsigned i = 0; good && i < head.e_phnum && i < SEGMENTS_MAX; i++) {
		if (pread(fd, &segment, sizeof(segment), (off_t)(head.e_phoff + i * sizeof(segment))) !=
		    sizeof(segment))
			break;
		if (segment.p_type == PT_LOAD && segment.p_flags & PF_X && mapping->segment_count < 4)
			mapping->segments[mapping->segment_count++] = segment;
	}
	close(fd);
}

static struct ct_mapping *mapping_of(struct ct_addresses *addresses, uint64_t address)
{
	for (size_t i = 0; i < addresses->mapping_count; i++) {
		struct ct_mapping *mapping = &addresses->mappings[i];
		if (address < mapping->start || address >= mapping->limit)
			continue;
		if (mapping->state == UNKNOWN) {
			mapping->handle = ct_symbols_open(addresses->symbols, mapping->path, NULL, 0);
			mapping->state = mapping->handle >= 0 ? OPEN : CLOSED;
			if (mapping->state == OPEN)
				read_segments(mapping);
		}
		return mapping;
	}
	return NULL;
}

/* The address as the object file was linked. False: not known. */
static bool link_address(const struct ct_mapping *mapping, uint64_t address, uint64_t *linked)
{
	uint64_t offset = address - mapping->start + mapping->offset;
	for (size_t i = 0; i < mapping->segment_count; i++) {
		const Elf64_Phdr *segment = &mapping->segments[i];
		if (offset < segment->p_offset || offset - segment->p_offset >= segment->p_filesz)
			continue;
		*linked = offset - segment->p_offset + segment->p_vaddr;
		return true;
	}
	return false;
}

static uint32_t *find_slot(const struct ct_addresses *addresses, uint64_t address)
{
	size_t mask = addresses->slot_count - 1;
	size_t at = (address * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
	while (addresses->slots[at] && addresses->rows[addresses->slots[at] - 1].address != address)
		at = (at + 1) & mask;
	return &addresses->slots[at];
}

/* At most half of the slots are used. */
static int make_slots(struct ct_addresses *addresses)
{
	if (addresses->count * 2 < addresses->slot_count)
		return 0;
	size_t larger = addresses->slot_count ? addresses->slot_count * 2 : 1024;
	free(addresses->slots);
	addresses->slots = calloc(larger, sizeof(*addresses->slots));
	addresses->slot_count = addresses->slots ? larger : 0;
	for (size_t i = 0; i < addresses->count && addresses->slots; i++)
		*find_slot(addresses, addresses->rows[i].address) = (uint32_t)i + 1;
	return addresses->slots ? 0 : ct_other_no_memory(addresses->other);
}

static int add_frame(struct ct_addresses *addresses, struct ct_address *row, const struct ct_other_frame *frame)
{
	int64_t id = ct_other_frame(addresses->other, frame);
	if (id < 0 || !ct_array_room(&addresses->ids, &addresses->id_room, addresses->id_count + 1, sizeof(uint32_t)))
		return ct_other_no_memory(addresses->other);
	addresses->ids[addresses->id_count++] = (uint32_t)id;
	row->count++;
	return 0;
}

static struct ct_text text_of(const char *text)
{
	return (struct ct_text){text ? text : "", text ? strlen(text) : 0};
}

static int look_up(struct ct_addresses *addresses, struct ct_address *row)
{
	struct ct_symbol_frame symbols[FRAMES_PER_ADDRESS];
	struct ct_mapping *mapping = mapping_of(addresses, row->address);
	uint64_t linked = row->address;
	size_t count =
		mapping && link_address(mapping, row->address, &linked)
			? ct_symbols_lookup(addresses->symbols, mapping->handle, linked, symbols, FRAMES_PER_ADDRESS)
			: 0;
	const struct ct_text module = text_of(mapping ? mapping->path : NULL);
	int code = count ? 0 : add_frame(addresses, row, &(struct ct_other_frame){.address = linked, .module = module});
	for (size_t i = 0; i < count && !code; i++)
		code = add_frame(addresses, row,
				 &(struct ct_other_frame){.address = linked,
							  .function = text_of(symbols[i].function),
							  .file = text_of(symbols[i].file),
							  .line = symbols[i].line,
							  .module = module,
							  .inlined = i + 1 < count});
	return code;
}

static int add_row(struct ct_addresses *addresses, struct ct_address row, uint32_t *slot)
{
	if (!ct_array_room(&addresses->rows, &addresses->room, addresses->count + 1, sizeof(row)))
		return ct_other_no_memory(addresses->other);
	addresses->rows[addresses->count++] = row;
	*slot = (uint32_t)addresses->count;
	return 0;
}

int ct_addresses_name(struct ct_addresses *addresses, const struct ct_other_frame *frame)
{
	struct ct_address row = {.address = frame->address, .first = addresses->id_count};
	int code = make_slots(addresses);
	uint32_t *slot = code ? NULL : find_slot(addresses, frame->address);
	if (code || *slot)
		return code;
	code = add_frame(addresses, &row, frame);
	return code ? code : add_row(addresses, row, slot);
}

const struct ct_address *ct_addresses_find(struct ct_addresses *addresses, uint64_t address)
{
	struct ct_address row = {.address = address, .first = addresses->id_count};
	if (make_slots(addresses))
		return NULL;
	uint32_t *slot = find_slot(addresses, address);
	if (!*slot && (look_up(addresses, &row) || add_row(addresses, row, slot)))
		return NULL;
	return &addresses->rows[*slot - 1];
}

const char *ct_addresses_program(const struct ct_addresses *addresses)
{
	return addresses->mapping_count ? addresses->mappings[0].path : "";
}

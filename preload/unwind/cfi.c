/* SPDX-License-Identifier: MIT */
/*
 * Reads the unwind rule for one address from an object's .eh_frame. The sorted table of .eh_frame_hdr leads to the FDE.
 * cfi_row.c runs its instructions up to the address. The resulting row is expressed as a struct ct_rule, or becomes
 * CT_CFA_UNKNOWN if that is not possible. Reads loaded objects only; has no lock of its own.
 */
#include <errno.h>
#include <link.h>
#include <sched.h>

#include "ctrace/store.h"
#include "hot/slow.h"
#include "sys/lock.h"
#include "sys/machine.h"
#include "sys/maps.h"
#include "sys/sys.h"
#include "unwind/cfi.h"
#include "unwind/cfi_row.h"
#include "unwind/file_tables.h"
#include "unwind/go.h"
#include "unwind/frames.h"
#include "unwind/objects.h"

extern const char __ehdr_start[] CT_HIDDEN, _end[] CT_HIDDEN; /* of this library; the linker makes them */
extern const char ct_hooks_are_linked CT_HIDDEN __attribute__((weak)); /* unit tests have no hooks */

/* The bounds of a loaded .eh_frame are not known: its header has none. */
static const struct ct_frames loaded = {.end = (const uint8_t *)UINTPTR_MAX};

/* Read the FDE at `at`. *covers: its code contains the address. */
static bool read_fde(const struct ct_frames *frames, const uint8_t *at, uint64_t address, struct ct_frame_info *info,
		     bool *covers)
{
	uint64_t bytes;
	if (!ct_frames_read(frames, at, info, &bytes))
		return false;
	*covers = address >= info->start && address - info->start < bytes;
	return true;
}

/* Find the last FDE that does not start after the address, in the header's sorted table; NULL: none. */
static const uint8_t *find_fde(const uint8_t *header, uint64_t address)
{
	struct ct_reader reader = {header, header + 4, false};
	uint8_t version = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t frame_encoding = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t count_encoding = (uint8_t)ct_read_fixed(&reader, 1);
	uint8_t table_encoding = (uint8_t)ct_read_fixed(&reader, 1);
	if (version != 1 || table_encoding != (DW_EH_PE_datarel | DW_EH_PE_sdata4) || count_encoding == DW_EH_PE_omit)
		return NULL;
	reader.end = header + 24;
	ct_frames_pointer(&reader, frame_encoding);
	uint64_t count = ct_frames_pointer(&reader, count_encoding);
	if (reader.bad || !count)
		return NULL;

	const struct {
		int32_t start;
		int32_t fde;
	} *table = (const void *)reader.at;
	int64_t wanted = (int64_t)(address - (uintptr_t)header);
	if (wanted < table[0].start)
		return NULL;
	uint64_t low = 0;
	uint64_t high = count; /* table[low].start <= wanted < table[high].start */
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (table[middle].start <= wanted)
			low = middle;
		else
			high = middle;
	}
	return header + table[low].fde;
}

/*
 * Is the address the first byte of a function? No call returns there: such a "return address" was put at the start of a
 * hand-made stack.
 */
static bool starts_function(const uint8_t *header, uint64_t address)
{
	struct ct_frame_info info;
	bool covers;
	const uint8_t *fde = find_fde(header, address);
	return fde && read_fde(&loaded, fde, address, &info, &covers) && info.start == address;
}

static bool fits(int64_t offset, int64_t most)
{
	return offset >= -most && offset <= most && offset % 8 == 0;
}

/*
 * Is bp saved outside the frame, or where our own frames may overwrite it? No compiler does that, and the walk relies
 * on it.
 */
static bool saves_below_sp(const struct ct_row *row)
{
	return row->bp.how == CT_SAVED_AT_CFA &&
	       (row->bp.offset >= 0 || (row->base == CT_BASE_BP && row->offset + row->bp.offset < -CT_RED_ZONE_BYTES));
}

/*
 * Has bp been popped already? Then it is the caller's. Tables still say where it was saved, for the one instruction
 * that is left.
 */
static bool is_popped(const struct ct_row *row)
{
	return row->base == CT_BASE_SP && row->bp.how == CT_SAVED_AT_CFA && -row->bp.offset > row->offset;
}

/*
 * A function that has not saved its return address. Its caller's bp is in its register too: compilers save both at
 * once.
 */
static struct ct_rule rule_of_link(const struct ct_row *row)
{
	struct ct_rule rule = {.cfa = CT_CFA_UNKNOWN};
	if (row->base == CT_BASE_SP && row->offset >= 0 && row->bp.how == CT_SAVED_SAME)
		rule = (struct ct_rule){.cfa = CT_CFA_LINK, .cfa_offset = (int32_t)row->offset};
	return rule;
}

static struct ct_rule rule_of_row(const struct ct_row *row)
{
	static const uint8_t bases[] = {[CT_BASE_SP] = CT_CFA_SP,
					[CT_BASE_BP] = CT_CFA_BP,
					[CT_BASE_BP_LOAD] = CT_CFA_BP_LOAD,
					[CT_BASE_UNKNOWN] = CT_CFA_UNKNOWN};
	struct ct_rule rule = {.cfa = CT_CFA_UNKNOWN};
	if (row->pc.how == CT_SAVED_UNDEFINED)
		return (struct ct_rule){.cfa = CT_CFA_END};
	if (row->sp.how != CT_SAVED_SAME || !fits(row->offset, CT_CFA_OFFSET_MAX))
		return rule;
	if (CT_MACHINE_HAS_LINK && row->pc.how == CT_SAVED_SAME)
		return rule_of_link(row);
	if (row->pc.how != CT_SAVED_AT_CFA || row->bp.how == CT_SAVED_UNKNOWN || row->bp.offset % 8 ||
	    saves_below_sp(row))
		return rule;
	rule.cfa = bases[row->base];
	rule.cfa_offset = (int32_t)row->offset;
	rule.bp = row->bp.how == CT_SAVED_AT_CFA && !is_popped(row) ? CT_BP_AT_CFA
		  : row->bp.how == CT_SAVED_AT_BP                   ? CT_BP_AT_BP
								    : CT_BP_SAME;
	if (!ct_machine_return_fits(row->pc.offset, rule.bp == CT_BP_AT_CFA, row->bp.offset))
		return (struct ct_rule){.cfa = CT_CFA_UNKNOWN};
	int64_t offset = rule.bp == CT_BP_SAME ? ct_machine_offset_without_bp(row->pc.offset) : row->bp.offset;
	if (CT_MACHINE_HAS_LINK && rule.cfa == CT_CFA_SP && rule.bp != CT_BP_AT_BP && !fits(offset, CT_BP_OFFSET_MAX)) {
		rule.cfa = CT_CFA_NEAR_SP;
		offset += row->offset;
	}
	rule.bp_offset = (int32_t)offset;
	return fits(offset, CT_BP_OFFSET_MAX) ? rule : (struct ct_rule){.cfa = CT_CFA_UNKNOWN};
}

static struct ct_rule rule_of_info(const struct ct_frame_info *info, uint64_t address)
{
	struct ct_row row;
	if (info->signal)
		return (struct ct_rule){.cfa = CT_CFA_SIGNAL};
	return ct_row_find(info, address, &row) ? rule_of_row(&row) : (struct ct_rule){.cfa = CT_CFA_UNKNOWN};
}

/* Is this code that can be read? Then it may not be unmapped either, while it is in a stack. */
static bool is_readable_code(const struct ct_object *object, uintptr_t start, uintptr_t end)
{
	const ElfW(Ehdr) *header = (const void *)object->start;
	const ElfW(Phdr) *segment = (const void *)(object->start + header->e_phoff);
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_phoff + header->e_phnum * sizeof(*segment) > CT_STORE_PAGE)
		return false;
	for (uint32_t i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && (segment[i].p_flags & (PF_R | PF_X)) == (PF_R | PF_X) &&
		    start >= object->bias + segment[i].p_vaddr &&
		    end <= object->bias + segment[i].p_vaddr + segment[i].p_filesz)
			return true;
	return false;
}

/*
 * Is this code without a table that no call returns to? Then the address was put onto the stack of a coroutine by hand
 * (Boost.Context), and the frame is its root.
 */
static bool is_planted(const struct ct_object *object, uintptr_t return_address)
{
	return is_readable_code(object, return_address - CT_CALL_BYTES_MAX, return_address) &&
	       !ct_machine_is_after_call((const uint8_t *)return_address);
}

static bool is_libc(const struct ct_object *object)
{
	return (uintptr_t)&clone - object->start < object->end - object->start;
}

/* What a return address leads to may be anything, so it is read by a system call. */
static bool read_code(uintptr_t at, char *code, size_t bytes)
{
	struct ct_maps maps;
	struct ct_mapping mapping;
	long got = ct_sys_read_memory(ct_sys_getpid(), at, code, bytes);
	if (got != -ENOSYS || !ct_maps_open(&maps))
		return got == (long)bytes;
	while (ct_maps_next(&maps, &mapping) && got < 0)
		if (mapping.readable && at >= mapping.start && at + bytes <= mapping.end)
			got = (long)bytes;
	ct_maps_close(&maps);
	if (got > 0)
		memcpy(code, (const void *)at, bytes);
	return got > 0;
}

/* Is this the code that a signal handler returns to? */
static bool is_trampoline(uintptr_t return_address)
{
	static const char trampoline[] = CT_MACHINE_TRAMPOLINE;
	char code[sizeof(trampoline) - 1];
	return read_code(return_address, code, sizeof(code)) && !memcmp(code, trampoline, sizeof(code));
}

/* A table that only the object's file leads to. */
static struct ct_rule rule_of_file(const struct ct_object *object, uintptr_t address)
{
	struct ct_rule rule = CT_RULE_NO_TABLE;
	struct ct_frame_info info;
	ct_lock_get(&ct_lock_objects);
	if (ct_file_tables_find(object, address, &info))
		rule = rule_of_info(&info, address);
	else if (ct_file_tables_find(object, address + 1, &info) && info.start == address + 1)
		rule = (struct ct_rule){.cfa = CT_CFA_START};
	else if (ct_file_tables_is_go(object)) {
		rule.cfa = CT_CFA_GO;
		ct_go_note(object);
	} else if (is_trampoline(address + 1)) {
		rule.cfa = CT_CFA_SIGNAL;
	} else if (is_libc(object)) {
		rule.cfa_offset = CT_CFA_IN_LIBC;
	} else if (is_planted(object, address + 1)) {
		rule.cfa_offset = CT_CFA_PLANTED;
	}
	ct_lock_put(&ct_lock_objects);
	return rule;
}

/* A hook that runs the real function without the guard (operator new, dlclose) may be in a stack. */
static bool is_own(uintptr_t address)
{
	return &ct_hooks_are_linked && address - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

static struct ct_rule rule_at(uintptr_t address)
{
	struct ct_object object;
	struct ct_frame_info info;
	bool covers;
	if (!ct_object_find(address, &object)) {
		struct ct_rule rule = CT_RULE_NO_TABLE;
		rule.cfa = is_trampoline(address + 1) ? CT_CFA_SIGNAL : rule.cfa;
		return rule;
	}
	const uint8_t *fde = object.eh_frame_header ? find_fde(object.eh_frame_header, address) : NULL;
	if (!fde)
		return rule_of_file(&object, address);
	if (!read_fde(&loaded, fde, address, &info, &covers))
		return (struct ct_rule){.cfa = CT_CFA_UNKNOWN};
	if (covers)
		return rule_of_info(&info, address);
	if (starts_function(object.eh_frame_header, address + 1))
		return (struct ct_rule){.cfa = CT_CFA_START};
	return rule_of_file(&object, address);
}

bool ct_cfi_is_caller(uintptr_t address)
{
	struct ct_object object;
	uint8_t cfa;
	if (!ct_object_find(address - 1, &object) || is_libc(&object) ||
	    !is_readable_code(&object, address - CT_CALL_BYTES_MAX, address) ||
	    !ct_machine_is_after_call((const uint8_t *)address))
		return false;
	cfa = rule_at(address - 1).cfa;
	return cfa != CT_CFA_NO_TABLE && cfa != CT_CFA_END && cfa != CT_CFA_START && !is_own(address - 1);
}

struct ct_rule ct_cfi_rule(uintptr_t address)
{
	struct ct_rule rule = rule_at(address);
	if (rule.cfa <= CT_CFA_BP && is_own(address))
		rule.cfa += CT_CFA_OWN_SP - CT_CFA_SP;
	return rule;
}

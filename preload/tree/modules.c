/* SPDX-License-Identifier: MIT */
#include "tree/modules.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "ctrace/store.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "life/output.h"
#include "store/store_file.h"
#include "sys/arena.h"
#include "sys/sys.h"
#include "unwind/objects.h"

/* Address ranges of recently found modules. They are void once the loader may have unloaded something. */
#define RANGES 64u

static struct range {
	uintptr_t start;
	uintptr_t end;
	uintptr_t bias;
	uint32_t module;
} ranges[RANGES];
static uint32_t range_count;
static uint32_t ranges_epoch;

/* A hash table of the modules' numbers by path and build-id; 0: a free slot. At most half full, with linear probing. */
#define NUMBERS_FIRST 256u /* a power of two */

static uint32_t *numbers;
static uint32_t numbers_mask;

static const uint8_t *build_id_in_notes(const char *notes, size_t bytes, uint32_t *length)
{
	while (bytes >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)notes;
		size_t name = ((size_t)note->n_namesz + 3) & ~(size_t)3;
		size_t whole = sizeof(*note) + name + (((size_t)note->n_descsz + 3) & ~(size_t)3);
		if (whole > bytes)
			break;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(note + 1, "GNU", 4)) {
			*length = note->n_descsz;
			return (const uint8_t *)(note + 1) + name;
		}
		notes += whole;
		bytes -= whole;
	}
	return NULL;
}

/* The build-id of a loaded object, read from its mapped headers; NULL: none. */
static const uint8_t *build_id_of(const struct ct_object *object, uint32_t *length)
{
	uintptr_t start = object->start;
	uintptr_t end = object->end;
	const ElfW(Ehdr) *header = (const void *)start;
	if (end - start < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > CT_STORE_PAGE)
		return NULL;
	const ElfW(Phdr) *segment = (const void *)(start + header->e_phoff);
	for (uint32_t i = 0; i < header->e_phnum; i++) {
		uintptr_t at = object->bias + segment[i].p_vaddr;
		if (segment[i].p_type != PT_NOTE || at < start || at + segment[i].p_memsz > end)
			continue;
		const uint8_t *id = build_id_in_notes((const char *)at, segment[i].p_memsz, length);
		if (id)
			return id;
	}
	return NULL;
}

/*
 * Look at the file that is mapped, not at the one that has its path now: the kernel's link to it ends in " (deleted)"
 * if it has been replaced or removed. Under ct_lock_tree.
 */
static void look_at_file(const struct ct_object *object, bool is_exe, struct ct_module *module)
{
	static char path[CT_PATH_MAX];
	struct stat file;
	if (!is_exe && !ct_object_link(object, path, sizeof(path)))
		return;
	const char *name = is_exe ? "/proc/self/exe" : path;
	long error = ct_syscall4(SYS_newfstatat, AT_FDCWD, name, &file, 0);
	if (error == -ENOENT)
		module->file_bytes = CT_MODULE_GONE;
	if (error)
		return;
	module->inode = file.st_ino;
	module->file_bytes = (uint64_t)file.st_size;
	module->modified_ns = (uint64_t)file.st_mtim.tv_sec * 1000000000u + (uint64_t)file.st_mtim.tv_nsec;
}

/* Without build-ids: are these the same file, as far as is known? */
static bool same_file(const struct ct_module *one, const struct ct_module *other)
{
	if (!one->file_bytes || !other->file_bytes)
		return true;
	if (one->file_bytes == CT_MODULE_GONE || other->file_bytes == CT_MODULE_GONE)
		return one->start == other->start;
	return one->inode == other->inode && one->file_bytes == other->file_bytes &&
	       one->modified_ns == other->modified_ns;
}

static bool same_module(const struct ct_module *module, const struct ct_module *wanted, const char *path)
{
	const char *strings = ct_store_base(CT_SECTION_STRINGS);
	return module->path.bytes == wanted->path.bytes &&
	       !memcmp(strings + module->path.offset, path, wanted->path.bytes) &&
	       module->build_id_bytes == wanted->build_id_bytes &&
	       (wanted->build_id_bytes ? !memcmp(module->build_id, wanted->build_id, wanted->build_id_bytes)
				       : same_file(module, wanted));
}

static uint32_t hash_of(const struct ct_module *module, const char *path)
{
	uint32_t hash = 1;
	for (size_t i = 0; i < module->path.bytes; i++)
		hash = (hash ^ (uint8_t)path[i]) * 16777619u;
	for (uint32_t i = 0; i < module->build_id_bytes; i++)
		hash = (hash ^ module->build_id[i]) * 16777619u;
	return hash ^ hash >> 16;
}

/* The slot that holds the number of this module, or a free slot for it. Of its path only the length is used. */
static uint32_t *number_of(const struct ct_module *wanted, const char *path)
{
	const struct ct_module *modules = ct_store_base(CT_SECTION_MODULES);
	for (uint32_t slot = hash_of(wanted, path);; slot++) {
		uint32_t *number = &numbers[slot & numbers_mask];
		if (!*number || same_module(&modules[*number], wanted, path))
			return number;
	}
}

/* Make room for one more module than the `count` modules there are, number 0 included. False: no memory. */
static bool make_room(uint64_t count)
{
	if (numbers && count <= numbers_mask / 2)
		return true;
	uint32_t *old = numbers;
	uint32_t old_mask = numbers_mask;
	uint32_t size = old ? (old_mask + 1) * 2 : NUMBERS_FIRST;
	uint32_t *larger = ct_arena_alloc(size * sizeof(*larger));
	if (!larger)
		return false;
	numbers = larger;
	numbers_mask = size - 1;
	const char *strings = ct_store_base(CT_SECTION_STRINGS);
	const struct ct_module *module = ct_store_base(CT_SECTION_MODULES);
	for (uint32_t i = 1; i < count; i++) {
		module++;
		*number_of(module, strings + module->path.offset) = i;
	}
	if (old)
		ct_arena_free(old, (old_mask + 1) * sizeof(*old));
	return true;
}

/* The number of a loaded object's module, which is new if it is not known yet. 0: no memory. */
static uint32_t identify(const struct ct_object *object)
{
	static struct ct_text loaded; /* under ct_lock_tree */
	struct ct_store_header *header = ct_tracer.header;
	struct ct_module *modules = ct_store_base(CT_SECTION_MODULES);
	struct ct_module wanted = {.bias = object->bias, .start = object->start, .end = object->end};
	uint64_t count = header->sections[CT_SECTION_MODULES].used;
	ct_object_path(object, &loaded);
	const char *path = loaded.bytes;
	uint32_t id_bytes = 0;
	const uint8_t *id = build_id_of(object, &id_bytes);
	if (id && id_bytes <= CT_BUILD_ID_MAX) {
		wanted.build_id_bytes = id_bytes;
		memcpy(wanted.build_id, id, id_bytes);
	}
	wanted.path.bytes = (uint32_t)loaded.length;
	if (!loaded.length) { /* the program itself */
		path = (const char *)ct_store_base(CT_SECTION_STRINGS) + header->exe.offset;
		wanted.path = header->exe;
	}
	bool is_exe = !loaded.length && !ct_output_through_loader();
	if (!wanted.build_id_bytes)
		look_at_file(object, is_exe, &wanted);

	if (!make_room(count))
		return 0;
	uint32_t *number = number_of(&wanted, path);
	uint64_t index = *number ? *number : count;
	struct ct_module *module = &modules[index];
	if (index == count) {
		if (count >= ct_store_capacity(CT_SECTION_MODULES) && !ct_store_grow(CT_SECTION_MODULES, count + 1))
			return 0;
		if (wanted.build_id_bytes)
			look_at_file(object, is_exe, &wanted);
		if (loaded.length)
			wanted.path = ct_store_string(path, loaded.length);
		*module = wanted;
	}
	module->bias = object->bias;
	module->start = object->start;
	module->end = object->end;
	module->loads++;
	if (index == count) {
		ct_set_release(&header->sections[CT_SECTION_MODULES].used, count + 1);
		*number = (uint32_t)index;
	}
	return (uint32_t)index;
}

bool ct_modules_find(uintptr_t address, struct ct_place *place)
{
	uint32_t epoch = ct_get_relaxed(&ct_tracer.loader_epoch);
	if (epoch != ranges_epoch) {
		range_count = 0;
		ranges_epoch = epoch;
	}
	for (uint32_t i = 0; i < range_count; i++) {
		if (address < ranges[i].start || address >= ranges[i].end)
			continue;
		*place = (struct ct_place){ranges[i].module, address - ranges[i].bias};
		return true;
	}

	struct ct_object object;
	if (!ct_object_find(address, &object)) {
		*place = (struct ct_place){CT_MODULE_NONE, address};
		return true;
	}
	uint32_t module = identify(&object);
	if (!module)
		return false;
	struct range *range = &ranges[range_count < RANGES ? range_count++ : module % RANGES];
	*range = (struct range){
		.start = object.start,
		.end = object.end,
		.bias = object.bias,
		.module = module,
	};
	*place = (struct ct_place){module, address - range->bias};
	return true;
}

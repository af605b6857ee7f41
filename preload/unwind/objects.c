/* SPDX-License-Identifier: MIT */
#include "unwind/objects.h"

#include <elf.h>
#include <string.h>

#include "ctrace/store.h"
#include "heap/real.h"
#include "hot/slow.h"
#include "life/output.h"
#include "sys/loader.h"
#include "sys/lock.h"
#include "sys/maps.h"
#include "sys/page.h"
#include "sys/sys.h"

#define SEGMENTS_MAX 16u
#define OBJECTS_SEEN 256u
#define FINGERPRINT_BYTES 1024u /* covers the ELF header, the program headers and the build-id */

/* struct dl_find_object of <dlfcn.h>; older C libraries do not declare it. */
struct found_object {
	unsigned long long flags;
	void *map_start;
	void *map_end;
	struct link_map *link_map;
	void *eh_frame_header;
	unsigned long long reserved[8];
};

static int (*find_object)(void *address, struct found_object *object);

/*
 * Objects seen so far. Another object may replace one at the same address, and not only after dlclose: the C library
 * unloads its character set modules on its own. So the first bytes are compared at each look-up.
 */
struct ct_lock ct_lock_objects;
static struct seen {
	struct ct_object object;
	uint64_t fingerprint;
} seen[OBJECTS_SEEN];
static uint32_t seen_count;

void ct_objects_init(bool use_loader)
{
	find_object = NULL;
	seen_count = 0;
	if (use_loader)
		find_object = (int (*)(void *, struct found_object *))ct_real_find(RTLD_DEFAULT, "_dl_find_object");
	if (!find_object)
		ct_loader_forget_miss();
}

/* The mappings of one file, beginning with the mapping of its first page. */
struct file {
	uint64_t device;
	uint64_t inode;
	uint32_t count;
	bool has_code; /* data files are not read: they may have been truncated since */
	struct {
		uintptr_t start;
		uintptr_t end;
		uintptr_t base; /* where the file's first byte would be */
		bool readable;
	} mappings[SEGMENTS_MAX];
};

static bool same_file(const struct file *file, const struct ct_mapping *mapping)
{
	return file->count && mapping->inode == file->inode && mapping->device == file->device;
}

static void add(struct file *file, const struct ct_mapping *mapping)
{
	if (file->count == SEGMENTS_MAX)
		return;
	file->mappings[file->count].start = mapping->start;
	file->mappings[file->count].end = mapping->end;
	file->mappings[file->count].base = mapping->start - mapping->offset;
	file->mappings[file->count].readable = mapping->readable;
	file->count++;
	file->has_code = file->has_code || mapping->executable;
}

static bool is_kernels(const struct ct_mapping *mapping)
{
	return !mapping->inode && !strcmp(mapping->path, "[vdso]");
}

/*
 * Find the last file that is mapped from its beginning at or below the address. *path gets its path, unless path is
 * NULL.
 */
static bool find_file(uintptr_t address, struct file *file, struct ct_text *path)
{
	struct ct_maps maps;
	struct ct_mapping mapping;
	bool met = false;
	file->count = 0;
	if (!ct_maps_open(&maps))
		return false;
	while (ct_maps_next(&maps, &mapping) && (mapping.start <= address || met)) {
		bool holds = address >= mapping.start && address < mapping.end;
		if (!mapping.inode && !is_kernels(&mapping)) {
			met = met || holds; /* bss, or code that was moved to huge pages */
			continue;
		}
		if (!same_file(file, &mapping) || !mapping.offset) {
			if (met)
				break;
			file->count = 0;
			file->has_code = false;
			if (mapping.offset || !mapping.is_private)
				continue;
			file->device = mapping.device;
			file->inode = mapping.inode;
			if (path) {
				ct_text_clear(path);
				ct_text_add(path, mapping.path);
			}
		}
		add(file, &mapping);
		met = met || holds;
	}
	ct_maps_close(&maps);
	return met && file->count && file->has_code;
}

/* Is the whole segment mapped as the loader maps it, and readable? */
static bool is_mapped(const struct file *file, uintptr_t bias, const ElfW(Phdr) * segment)
{
	uintptr_t at = bias + segment->p_vaddr;
	uintptr_t end = at + segment->p_filesz;
	uintptr_t base = at - segment->p_offset;
	for (uint32_t i = 0; i < file->count && at < end; i++)
		if (file->mappings[i].start <= at && at < file->mappings[i].end && file->mappings[i].readable &&
		    file->mappings[i].base == base)
			at = file->mappings[i].end;
	return at >= end;
}

/* The segment that begins with the file's first byte contains the ELF header and the program headers. */
static bool read_headers(const struct file *file, struct ct_object *object)
{
	uintptr_t start = file->mappings[0].start;
	const ElfW(Ehdr) *header = (const void *)start;
	if (!file->mappings[0].readable || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_phentsize != sizeof(ElfW(Phdr)) ||
	    header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > file->mappings[0].end - start)
		return false;
	const ElfW(Phdr) *segments = (const void *)(start + header->e_phoff);
	const ElfW(Phdr) *table = NULL;
	*object = (struct ct_object){.start = start};
	bool first = true;
	for (uint32_t i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_GNU_EH_FRAME)
			table = &segments[i];
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (first)
			object->bias = start - (segments[i].p_vaddr - segments[i].p_offset);
		first = false;
		if (object->end < object->bias + segments[i].p_vaddr + segments[i].p_memsz)
			object->end = object->bias + segments[i].p_vaddr + segments[i].p_memsz;
	}
	for (uint32_t i = 0; table && i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && table->p_vaddr >= segments[i].p_vaddr &&
		    table->p_vaddr - segments[i].p_vaddr < segments[i].p_filesz &&
		    is_mapped(file, object->bias, &segments[i]))
			object->eh_frame_header = (const uint8_t *)(object->bias + table->p_vaddr);
	return true;
}

static bool contains(const struct ct_object *object, uintptr_t address)
{
	return address >= object->start && address < object->end;
}

/* A hash of FINGERPRINT_BYTES; never 0. */
static uint64_t hash(const uint64_t *words)
{
	uint64_t value = 1;
	for (size_t i = 0; i < FINGERPRINT_BYTES / sizeof(*words); i++)
		value = (value ^ words[i]) * 0x9e3779b97f4a7c15u;
	return value | 1;
}

/*
 * The fingerprint of what is mapped at start, read by a system call; 0: that failed, since nothing is mapped there.
 * Under ct_lock_objects.
 */
static uint64_t try_fingerprint(uintptr_t start)
{
	static uint64_t words[FINGERPRINT_BYTES / sizeof(uint64_t)];
	long got = ct_sys_read_memory(ct_sys_getpid(), start, words, sizeof(words));
	return got == sizeof(words) ? hash(words) : 0;
}

/*
 * Remember an object. Any other object at its addresses is gone, and what was read from it is void. Under
 * ct_lock_objects.
 */
static void note(const struct ct_object *object, uint64_t fingerprint)
{
	bool known = false;
	for (uint32_t i = 0; i < seen_count;) {
		const struct seen *old = &seen[i];
		if (old->object.start >= object->end || object->start >= old->object.end) {
			i++;
		} else if (old->object.start == object->start && old->fingerprint == fingerprint) {
			known = true;
			i++;
		} else {
			seen[i] = seen[--seen_count];
			ct_loader_changed();
		}
	}
	if (known || !fingerprint)
		return;
	if (seen_count == OBJECTS_SEEN)
		seen_count = 0;
	seen[seen_count++] = (struct seen){*object, fingerprint};
}

static bool find_seen(uintptr_t address, struct ct_object *object)
{
	for (uint32_t i = 0; i < seen_count; i++)
		if (contains(&seen[i].object, address)) {
			*object = seen[i].object;
			return seen[i].fingerprint == try_fingerprint(object->start);
		}
	return false;
}

static bool find_in_maps(uintptr_t address, struct ct_object *object)
{
	struct file file;
	if (find_seen(address, object))
		return true;
	if (!find_file(address, &file, NULL) || !read_headers(&file, object) || !contains(object, address))
		return false;
	note(object, try_fingerprint(object->start));
	return true;
}

static bool ask_loader(uintptr_t address, struct ct_object *object)
{
	struct found_object found;
	if (find_object((void *)address, &found) != 0)
		return false;
	*object = (struct ct_object){
		.start = (uintptr_t)found.map_start,
		.end = (uintptr_t)found.map_end,
		.bias = found.link_map->l_addr,
		.eh_frame_header = found.eh_frame_header,
		.name = found.link_map->l_name,
	};
	note(object, hash(found.map_start));
	return true;
}

bool ct_object_find(uintptr_t address, struct ct_object *object)
{
	ct_lock_get(&ct_lock_objects);
	bool found = find_object ? ask_loader(address, object) : find_in_maps(address, object);
	ct_lock_put(&ct_lock_objects);
	return found;
}

bool ct_objects_same(uintptr_t a, uintptr_t b)
{
	struct ct_object object;
	return ct_object_find(a, &object) && contains(&object, b);
}

bool ct_object_file(uintptr_t address, struct ct_text *path, uint64_t *inode)
{
	static const char deleted[] = " (deleted)";
	struct file file;
	ct_text_clear(path);
	if (!find_file(address, &file, path))
		return false;
	size_t tail = sizeof(deleted) - 1;
	if (path->length > tail && !memcmp(path->bytes + path->length - tail, deleted, tail))
		path->bytes[path->length -= tail] = '\0';
	*inode = file.inode;
	return true;
}

static char *add_hexadecimal(char *at, uint64_t value)
{
	int shift = 60;
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[value >> shift & 15];
	return at;
}

/* The first address after the object's first segment, rounded up to pages; 0: its headers cannot be read. */
static uintptr_t first_segment_end(const struct ct_object *object)
{
	const ElfW(Ehdr) *header = (const void *)object->start;
	const ElfW(Phdr) *segment = (const void *)(object->start + header->e_phoff);
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_phoff + header->e_phnum * sizeof(*segment) > CT_STORE_PAGE)
		return 0;
	for (uint32_t i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD)
			return ct_page_round_up(object->bias + segment[i].p_vaddr + segment[i].p_filesz);
	return 0;
}

bool ct_object_link(const struct ct_object *object, char *path, size_t room)
{
	char name[64] = "/proc/self/map_files/";
	char *at = add_hexadecimal(name + strlen(name), object->start);
	*at++ = '-';
	*add_hexadecimal(at, first_segment_end(object)) = '\0';
	long length = ct_sys_readlink(name, path, room - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0;
}

void ct_object_path(const struct ct_object *object, struct ct_text *path)
{
	uint64_t inode;
	static const char descriptor[] = "/proc/"; /* of memory: the loader was given /proc/self/fd/3 */
	ct_text_clear(path);
	if (object->name && strncmp(object->name, descriptor, sizeof(descriptor) - 1) != 0)
		ct_text_add(path, object->name);
	else if (!ct_object_file(object->start, path, &inode) || !strcmp(path->bytes, ct_output_exe()))
		ct_text_clear(path);
}

void ct_loader_changed(void)
{
	__atomic_fetch_add(&ct_tracer.loader_epoch, 1, __ATOMIC_RELAXED);
}

void ct_loader_forget_miss(void)
{
	dlsym(RTLD_NEXT, "malloc"); /* succeeds, so the latest call has no error */
}

/* SPDX-License-Identifier: MIT */
#include "unwind/file_tables.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "ctrace/store.h"
#include "hot/state.h"
#include "sys/machine.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/sys.h"

#define OBJECTS_MAX 64u /* if there are more, all are forgotten */
#define SECTIONS_MAX 4096u
#define SECTION_BYTES_MAX (128ull << 20)
#define SECTION_NAME 16 /* long enough for the names that we look for */

/* A piece of code: both are distances, so that an entry takes 8 bytes. */
struct entry {
	uint32_t code; /* from the object's start */
	uint32_t fde; /* from the section's start */
};

struct table {
	struct ct_frames frames; /* .debug_frame is a copy of ours */
	struct entry *entries; /* by code */
	uint32_t count;
};

/* All under ct_lock_objects. */
static struct known {
	uintptr_t start;
	uintptr_t end;
	struct table loaded; /* .eh_frame */
	struct table copied; /* .debug_frame */
	bool is_go; /* its .debug_frame does not know where Go changes stacks, see unwind/go.c */
} known[OBJECTS_MAX];
static uint32_t known_count;
static uint32_t known_epoch;

static void forget(struct table *table)
{
	if (table->entries)
		ct_sys_munmap(table->entries, ct_page_round_up(table->count * sizeof(*table->entries)));
	if (table->frames.is_debug && table->frames.start)
		ct_sys_munmap((void *)table->frames.start,
			      ct_page_round_up((size_t)(table->frames.end - table->frames.start)));
}

static void forget_all(void)
{
	while (known_count) {
		forget(&known[--known_count].loaded);
		forget(&known[known_count].copied);
	}
}

/* Is this the file that is mapped? Its header also says where the section headers are. */
static bool same_header(int fd, const struct ct_object *object, ElfW(Ehdr) * header)
{
	return ct_sys_read_at(fd, header, sizeof(*header), 0) &&
	       !memcmp(header, (const void *)object->start, sizeof(*header)) &&
	       !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_shentsize == sizeof(ElfW(Shdr)) &&
	       header->e_shnum <= SECTIONS_MAX && header->e_shstrndx < header->e_shnum;
}

int ct_object_open(const struct ct_object *object, ElfW(Ehdr) * header)
{
	static char path[CT_PATH_MAX];
	uintptr_t program = getauxval(AT_PHDR);
	int fd = ct_object_link(object, path, sizeof(path)) ? ct_sys_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0)
							    : -1;
	if (fd < 0 && program >= object->start && program < object->end) /* moved or removed */
		fd = ct_sys_open("/proc/self/exe", O_RDONLY, 0);
	if (fd < 0)
		return -1;
	if (same_header(fd, object, header))
		return fd;
	ct_sys_close(fd);
	return -1;
}

/* Is the section in a segment that is loaded and readable? */
static bool is_loaded(const struct ct_object *object, const ElfW(Shdr) * section)
{
	const ElfW(Ehdr) *header = (const void *)object->start;
	const ElfW(Phdr) *segment = (const void *)(object->start + header->e_phoff);
	if (!(section->sh_flags & SHF_ALLOC) || header->e_phentsize != sizeof(*segment) ||
	    header->e_phoff + header->e_phnum * sizeof(*segment) > CT_STORE_PAGE)
		return false;
	for (uint32_t i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && segment[i].p_flags & PF_R &&
		    section->sh_addr >= segment[i].p_vaddr &&
		    section->sh_addr - segment[i].p_vaddr <= segment[i].p_filesz &&
		    section->sh_size <= segment[i].p_filesz - (section->sh_addr - segment[i].p_vaddr))
			return true;
	return false;
}

static bool copy_section(int fd, const ElfW(Shdr) * section, struct ct_frames *frames)
{
	uint8_t *copy = section->sh_flags & SHF_COMPRESSED ? NULL : ct_region_map(ct_page_round_up(section->sh_size));
	if (!copy)
		return false;
	frames->start = copy;
	frames->end = copy + section->sh_size;
	frames->is_debug = true;
	return ct_sys_read_at(fd, copy, section->sh_size, section->sh_offset);
}

static bool is_below(const struct entry *one, const struct entry *other)
{
	return one->code < other->code;
}

static void sift_down(struct entry *entries, uint32_t root, uint32_t count)
{
	for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && is_below(&entries[child], &entries[child + 1]))
			child++;
		if (!is_below(&entries[root], &entries[child]))
			return;
		struct entry lower = entries[root];
		entries[root] = entries[child];
		entries[child] = lower;
	}
}

/* Heapsort: no recursion, no memory, and no input for which it is slow. */
static void sort(struct entry *entries, uint32_t count)
{
	for (uint32_t root = count / 2; root-- > 0;)
		sift_down(entries, root, count);
	for (uint32_t last = count; last-- > 1;) {
		struct entry largest = entries[0];
		entries[0] = entries[last];
		entries[last] = largest;
		sift_down(entries, 0, last);
	}
}

/* Go through all records. Counts the FDEs or, if there is room for entries, fills these in. */
static uint32_t walk(const struct ct_frames *frames, uintptr_t start, struct entry *entries, uint32_t room)
{
	uint32_t count = 0;
	const uint8_t *at = frames->start;
	struct ct_reader record;
	for (; ct_frames_next(frames, &at, &record); at = record.end) {
		struct ct_frame_info info;
		uint64_t bytes;
		/* The linker sets the addresses of functions that it has left out to 0. */
		if (!ct_frames_read(frames, at, &info, &bytes) || !bytes || info.start <= start ||
		    info.start - start > UINT32_MAX)
			continue;
		if (count < room)
			entries[count] = (struct entry){(uint32_t)(info.start - start), (uint32_t)(at - frames->start)};
		count++;
	}
	return count;
}

static void make_index(struct table *table, uintptr_t start)
{
	uint32_t count = walk(&table->frames, start, NULL, 0);
	table->entries = count ? ct_region_map(ct_page_round_up(count * sizeof(*table->entries))) : NULL;
	if (!table->entries)
		return;
	table->count = count;
	walk(&table->frames, start, table->entries, count);
	sort(table->entries, count);
}

/* Does the program header lead to a table? If a linker does not understand a record, it writes a header without one. */
static bool has_sorted_table(const struct ct_object *object)
{
	return object->eh_frame_header && object->eh_frame_header[2] != DW_EH_PE_omit;
}

static void read_section(int fd, const char *name, const ElfW(Shdr) * section, const struct ct_object *object,
			 struct known *file)
{
	struct ct_frames *frames;
	if (!section->sh_size || section->sh_size > SECTION_BYTES_MAX)
		return;
	if (!strcmp(name, ".eh_frame") && !has_sorted_table(object) && !file->loaded.frames.start &&
	    is_loaded(object, section)) {
		frames = &file->loaded.frames;
		frames->start = (const uint8_t *)(object->bias + section->sh_addr);
		frames->end = frames->start + section->sh_size;
		make_index(&file->loaded, object->start);
	} else if (!strcmp(name, ".go.buildinfo")) {
		file->is_go = CT_MACHINE_KNOWS_GO;
	} else if (!strcmp(name, ".debug_frame") && !file->copied.frames.start && !file->is_go) {
		file->copied.frames.bias = object->bias;
		if (copy_section(fd, section, &file->copied.frames))
			make_index(&file->copied, object->start);
	}
}

static void read_file(int fd, const ElfW(Ehdr) * header, const struct ct_object *object, struct known *file)
{
	ElfW(Shdr) names, section;
	uint64_t at = header->e_shoff;
	if (!ct_sys_read_at(fd, &names, sizeof(names), at + header->e_shstrndx * sizeof(names)))
		return;
	for (uint32_t i = 0; i < header->e_shnum; i++) {
		char name[SECTION_NAME] = "";
		if (!ct_sys_read_at(fd, &section, sizeof(section), at + i * sizeof(section)))
			return;
		if (section.sh_type == SHT_NOBITS || section.sh_type == SHT_NULL)
			continue;
		ct_syscall4(SYS_pread64, fd, name, sizeof(name) - 1, names.sh_offset + section.sh_name);
		read_section(fd, name, &section, object, file);
	}
}

static const struct known *tables_of(const struct ct_object *object)
{
	uint32_t epoch = ct_get_relaxed(&ct_tracer.loader_epoch);
	ElfW(Ehdr) header;
	if (epoch != known_epoch || known_count == OBJECTS_MAX)
		forget_all();
	known_epoch = epoch;
	for (uint32_t i = 0; i < known_count; i++)
		if (known[i].start == object->start && known[i].end == object->end)
			return &known[i];
	struct known *file = &known[known_count++];
	*file = (struct known){.start = object->start, .end = object->end};
	int fd = ct_object_open(object, &header);
	if (fd >= 0) {
		read_file(fd, &header, object, file);
		ct_sys_close(fd);
	}
	return file;
}

static bool find_in(const struct table *table, uintptr_t start, uintptr_t address, struct ct_frame_info *info)
{
	uint64_t bytes;
	uint32_t low = 0, high = table->count; /* entries[low].code <= wanted < entries[high].code */
	if (!high || address - start < table->entries[0].code)
		return false;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (table->entries[middle].code <= address - start)
			low = middle;
		else
			high = middle;
	}
	return ct_frames_read(&table->frames, table->frames.start + table->entries[low].fde, info, &bytes) &&
	       address - info->start < bytes;
}

bool ct_file_tables_find(const struct ct_object *object, uintptr_t address, struct ct_frame_info *info)
{
	const struct known *file = tables_of(object);
	return find_in(&file->loaded, object->start, address, info) ||
	       find_in(&file->copied, object->start, address, info);
}

bool ct_file_tables_is_go(const struct ct_object *object)
{
	return tables_of(object)->is_go;
}

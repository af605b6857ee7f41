/* SPDX-License-Identifier: MIT */
#include "symbol/symbol.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/demangle.h"
#include "symbol/dwarf_table.h"
#include "symbol/dwarf_text.h"
#include "symbol/lack.h"
#include "symbol/process_object.h"
#include "symbol/rights.h"
#include "symbol/servers.h"
#include "symbol/symbol_table.h"
#include "util/array.h"
#include "util/open.h"
#include "util/search.h"

#define SCOPES_MAX 64
#define NS_PER_S UINT64_C(1000000000)
#define BUILD_ID_SECRET 8 /* a build-id of this many bytes cannot be guessed */

/* An address range of a compilation unit. */
struct unit_range {
	Dwarf_Addr low, high;
	size_t unit;
};

struct lazy_unit {
	Dwarf_Die die;
	struct ct_unit *table; /* made at the first look-up */
	bool failed;
};

struct object {
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf_Addr bias; /* the module's addresses minus the Dwarf's */
	struct unit_range *ranges; /* by low */
	size_t range_count, range_room;
	struct lazy_unit *units;
	size_t unit_count, unit_room;
	struct ct_symbol_table symbols;
	bool is_read; /* units and symbols have been read, at the first look-up */
	bool is_known; /* identified by its build-id: see symbol/rights.h */
};

struct ct_symbols {
	struct object *objects;
	size_t object_count, object_room;
	char **names; /* demangled; freed at the next look-up */
	size_t name_count, name_room;
	struct ct_demangler demangler;
	struct ct_rights rights; /* used at look-ups too, since elfutils opens files late */
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf, /* never called, since the file is given */
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

struct ct_symbols *ct_symbols_new(void)
{
	ct_servers_init();
	/* libdwfl keeps up to three files open for each module; large programs have hundreds of modules. */
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return calloc(1, sizeof(struct ct_symbols));
}

void ct_symbols_read_as(struct ct_symbols *symbols, uid_t user)
{
	ct_rights_fini(&symbols->rights);
	ct_rights_init(&symbols->rights, user);
}

static void free_object(struct object *object)
{
	for (size_t i = 0; i < object->unit_count; i++)
		ct_unit_free(object->units[i].table);
	free(object->units);
	free(object->ranges);
	ct_symbol_table_free(&object->symbols);
	if (object->dwfl)
		dwfl_end(object->dwfl);
}

static void forget_names(struct ct_symbols *symbols)
{
	while (symbols->name_count)
		free(symbols->names[--symbols->name_count]);
}

void ct_symbols_free(struct ct_symbols *symbols)
{
	if (!symbols)
		return;
	forget_names(symbols);
	free(symbols->names);
	for (size_t i = 0; i < symbols->object_count; i++)
		free_object(&symbols->objects[i]);
	free(symbols->objects);
	ct_demangler_fini(&symbols->demangler);
	ct_rights_fini(&symbols->rights);
	free(symbols);
}

static bool same_build(Dwfl_Module *module, const uint8_t *build_id, size_t bytes)
{
	const unsigned char *bits;
	GElf_Addr address;
	int length = dwfl_module_build_id(module, &bits, &address);
	return length > 0 && (size_t)length == bytes && !memcmp(bits, build_id, bytes);
}

/*
 * Open the file behind a descriptor, which is closed with the object, or at once if this fails. libdw looks for
 * separate debug information beside `path`.
 */
static int open_object(struct ct_symbols *symbols, const struct ct_symbol_file *file, int fd, const char *path)
{
	struct object object = {.dwfl = dwfl_begin(&callbacks)};
	GElf_Addr bias;
	if (object.dwfl && ct_array_room(&symbols->objects, &symbols->object_room, symbols->object_count + 1,
					 sizeof(*symbols->objects))) {
		ct_servers_watch(object.dwfl);
		dwfl_report_begin(object.dwfl);
		object.module = dwfl_report_elf(object.dwfl, path, path, fd, 0, true);
		dwfl_report_end(object.dwfl, NULL, NULL);
	}
	if (!object.module)
		close(fd);
	if (!object.module || !dwfl_module_getelf(object.module, &bias) ||
	    (file->build_id_bytes && !same_build(object.module, file->build_id, file->build_id_bytes))) {
		free_object(&object);
		return -1;
	}
	symbols->objects[symbols->object_count] = object;
	return (int)symbols->object_count++;
}

/* Has the file changed? Archives and packages keep its time, perhaps in seconds only, but not its inode. */
static bool same_file(const struct ct_symbol_file *file, const struct stat *now)
{
	uint64_t seconds = file->modified_ns / NS_PER_S, fraction = file->modified_ns % NS_PER_S;
	if (file->build_id_bytes || !file->bytes)
		return true;
	return (uint64_t)now->st_size == file->bytes && (uint64_t)now->st_mtim.tv_sec == seconds &&
	       ((uint64_t)now->st_mtim.tv_nsec == fraction || !now->st_mtim.tv_nsec || !fraction);
}

static int open_path(struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	struct stat now;
	/* A path that came from a store may name a pipe or a device. */
	int fd = ct_open_regular(AT_FDCWD, file->path, 0, &now);
	if (fd >= 0 && !same_file(file, &now)) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -1 : open_object(symbols, file, fd, file->path);
}

/* Only for a file that can be recognised. */
static int open_in_process(struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	struct ct_process_object object = {
		.pid = file->pid,
		.user = symbols->rights.user,
		.path = file->path,
		.start = file->start,
		.inode = file->inode,
	};
	struct stat now;
	bool copied;
	int fd = file->pid ? ct_process_object_open(&object, &copied) : -1;
	if (fd >= 0 && !copied && file->inode && (fstat(fd, &now) != 0 || !same_file(file, &now))) {
		close(fd);
		fd = -1;
	}
	/* Without a build-id, libdw would take another file of that name for the debug information of this one. */
	return fd < 0 ? -1 : open_object(symbols, file, fd, file->build_id_bytes ? file->path : "/dev/null/recorded");
}

int ct_symbols_open_recorded(struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	bool is_known = file->build_id_bytes >= BUILD_ID_SECRET;
	if (!is_known && !ct_rights_lower(&symbols->rights))
		return -1;
	int handle = open_path(symbols, file);
	if (handle < 0)
		handle = open_in_process(symbols, file);
	if (!is_known)
		ct_rights_raise(&symbols->rights);
	if (handle >= 0)
		symbols->objects[handle].is_known = is_known;
	return handle;
}

int ct_symbols_open(struct ct_symbols *symbols, const char *path, const uint8_t *build_id, size_t build_id_bytes)
{
	struct ct_symbol_file file = {.path = path, .build_id = build_id, .build_id_bytes = build_id_bytes};
	return ct_symbols_open_recorded(symbols, &file);
}

static int by_low(const void *left, const void *right)
{
	const struct unit_range *a = left, *b = right;
	return a->low < b->low ? -1 : a->low > b->low;
}

/* Read all units and their address ranges. .debug_aranges is no help: clang does not write it. */
static void read_units(struct object *object)
{
	Dwarf_Die *die = NULL;
	Dwarf *dwarf = dwfl_module_getdwarf(object->module, &object->bias);
	if (!dwarf || !ct_dwarf_texts_end(dwarf_getelf(dwarf)))
		return;
	while ((die = dwfl_module_nextcu(object->module, die, &object->bias))) {
		Dwarf_Addr base, low, high;
		ptrdiff_t offset = 0;
		size_t before = object->range_count;
		while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
			if (low >= high || !ct_array_room(&object->ranges, &object->range_room, object->range_count + 1,
							  sizeof(*object->ranges)))
				continue;
			object->ranges[object->range_count++] = (struct unit_range){low, high, object->unit_count};
		}
		if (object->range_count == before)
			continue;
		if (!ct_array_room(&object->units, &object->unit_room, object->unit_count + 1,
				   sizeof(*object->units))) {
			object->range_count = before;
			break;
		}
		object->units[object->unit_count++] = (struct lazy_unit){.die = *die};
	}
	if (object->range_count)
		qsort(object->ranges, object->range_count, sizeof(*object->ranges), by_low);
}

static struct ct_unit *unit_at(struct object *object, Dwarf_Addr address)
{
	size_t found = ct_search_not_above(object->ranges, object->range_count, sizeof(*object->ranges), address);
	if (!found || address >= object->ranges[found - 1].high)
		return NULL;
	struct lazy_unit *unit = &object->units[object->ranges[found - 1].unit];
	if (!unit->table && !unit->failed) {
		unit->table = ct_unit_new(&unit->die);
		unit->failed = !unit->table;
	}
	return unit->table;
}

/* Keep a text until the next look-up. When out of memory, free it and return NULL. */
static const char *keep(struct ct_symbols *symbols, char *text)
{
	if (!text ||
	    !ct_array_room(&symbols->names, &symbols->name_room, symbols->name_count + 1, sizeof(*symbols->names))) {
		free(text);
		return NULL;
	}
	symbols->names[symbols->name_count++] = text;
	return text;
}

/* The demangled name; kept until the next look-up. */
static const char *readable(struct ct_symbols *symbols, const char *name)
{
	if (!name || !*name)
		return NULL;
	const char *version = strchr(name + 1, '@');
	char *symbol = version ? strndup(name, (size_t)(version - name)) : NULL;
	const char *kept = keep(symbols, ct_demangle(&symbols->demangler, symbol ? symbol : name));
	free(symbol);
	return kept;
}

/* A file's absolute path, by the folder that its unit was compiled in, so that source views can open it. */
static const char *from_folder(struct ct_symbols *symbols, Dwarf_Die *unit_die, const char *file)
{
	Dwarf_Attribute attribute;
	const char *folder = ct_dwarf_text(dwarf_attr(unit_die, DW_AT_comp_dir, &attribute));
	char *path;
	if (!file || *file == '/' || *file == '<' || !folder || *folder != '/')
		return file;
	while (!strncmp(file, "./", 2))
		file += 2;
	if (asprintf(&path, "%s/%s", folder, file) < 0)
		return file;
	const char *kept = keep(symbols, path);
	return kept ? kept : file;
}

/* Prefer the linkage name only if it is mangled: in C, it is an internal alias (glibc's __GI_fgets). */
static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *linkage = ct_dwarf_text(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
	if (linkage && linkage[0] == '_' && linkage[1] && strchr("ZRD", linkage[1]))
		return linkage;
	const char *name = ct_dwarf_text(dwarf_attr_integrate(die, DW_AT_name, &attribute));
	return name ? name : linkage;
}

/* The file and line of an inlined call in its caller. */
static void call_site(Dwarf_Die *unit_die, Dwarf_Die *inlined, struct ct_symbol_frame *caller)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;
	Dwarf_Files *files;
	size_t count;
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &number) == 0)
		caller->line = (uint32_t)number;
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &number) == 0 &&
	    dwarf_getsrcfiles(unit_die, &files, &count) == 0 && number < count)
		caller->file = dwarf_filesrc(files, number, NULL, NULL);
}

static void line_of(Dwarf_Die *unit_die, Dwarf_Addr address, struct ct_symbol_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit_die, address);
	int number;
	if (!line)
		return;
	frame->file = dwarf_linesrc(line, NULL, NULL);
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		frame->line = (uint32_t)number;
}

static size_t lookup_dwarf(struct ct_symbols *symbols, struct object *object, Dwarf_Addr address,
			   struct ct_symbol_frame *frames, size_t max)
{
	Dwarf_Die scopes[SCOPES_MAX];
	struct ct_unit *unit = unit_at(object, address);
	if (!unit)
		return 0;
	Dwarf_Die *unit_die = ct_unit_die(unit);
	size_t count = ct_unit_scopes(unit, address, scopes, max < SCOPES_MAX ? max : SCOPES_MAX);
	if (!count) { /* assembly code has lines but no functions */
		line_of(unit_die, address, &frames[0]);
		frames[0].file = from_folder(symbols, unit_die, frames[0].file);
		return frames[0].file != NULL;
	}
	for (size_t i = 0; i < count; i++) {
		Dwarf_Die *scope = &scopes[count - 1 - i];
		frames[i].function = readable(symbols, die_name(scope));
		if (i + 1 < count)
			call_site(unit_die, scope, &frames[i + 1]);
	}
	line_of(unit_die, address, &frames[0]);
	for (size_t i = 0; i < count; i++)
		frames[i].file = from_folder(symbols, unit_die, frames[i].file);
	return count;
}

static size_t look_up(struct ct_symbols *symbols, struct object *object, uint64_t address,
		      struct ct_symbol_frame *frames, size_t max)
{
	if (!object->is_read) {
		object->is_read = true;
		read_units(object);
		ct_symbol_table_read(&object->symbols, object->module);
	}
	size_t count = lookup_dwarf(symbols, object, address - object->bias, frames, max);

	/*
	 * The symbol table names the function that holds the code, as the linker and Valgrind do. A label is used only
	 * if there is no other name.
	 */
	const struct ct_symbol_entry *symbol = ct_symbol_table_find(&object->symbols, address);
	if (symbol && (!symbol->is_label || !count || !frames[count - 1].function)) {
		if (!count)
			count = 1;
		frames[count - 1].function = readable(symbols, symbol->name);
	}
	return count;
}

size_t ct_symbols_lookup(struct ct_symbols *symbols, int handle, uint64_t address, struct ct_symbol_frame *frames,
			 size_t max)
{
	if (handle < 0 || (size_t)handle >= symbols->object_count || !max)
		return 0;
	forget_names(symbols);
	memset(frames, 0, max * sizeof(*frames));
	struct object *object = &symbols->objects[handle];
	if (!object->is_known && !ct_rights_lower(&symbols->rights))
		return 0;
	size_t count = look_up(symbols, object, address, frames, max);
	if (!object->is_known)
		ct_rights_raise(&symbols->rights);
	return count;
}

const char *ct_symbols_reader(void)
{
	return dwfl_version(NULL);
}

/* Does a malloc that imports this function have a way to another one? The name may end in "@" and a version. */
static bool can_pass_on(const char *name)
{
	static const char *const functions[] = {"dlsym",    "dlvsym",        "calloc",         "realloc",
						"memalign", "aligned_alloc", "posix_memalign", "valloc"};
	size_t length = strcspn(name, "@");
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (length == strlen(functions[i]) && !memcmp(name, functions[i], length))
			return true;
	return false;
}

struct ct_symbol_facts ct_symbols_facts(struct ct_symbols *symbols, int handle)
{
	struct ct_symbol_facts facts = {0};
	if (handle < 0 || (size_t)handle >= symbols->object_count)
		return facts;
	Dwfl_Module *module = symbols->objects[handle].module;
	GElf_Addr bias, address;
	int count = dwfl_module_getsymtab(module);
	facts.has_lines = dwfl_module_getdwarf(module, &bias);
	facts.lack = ct_symbol_lack(module, &facts.lack_file);
	for (int i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Word section;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, NULL, NULL);
		if (name && section == SHN_UNDEF)
			facts.passes_on = facts.passes_on || can_pass_on(name);
		if (!name || section == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		facts.has_names = facts.has_names || GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
		facts.has_malloc = facts.has_malloc ||
				   (GELF_ST_BIND(symbol.st_info) != STB_LOCAL &&
				    GELF_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT && !strcmp(name, "malloc"));
	}
	return facts;
}

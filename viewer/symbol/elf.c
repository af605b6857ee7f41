/* SPDX-License-Identifier: MIT */
#include "symbol/elf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/debug_files.h"
#include "symbol/dwarf_table.h"
#include "symbol/dwarf_text.h"
#include "symbol/lack.h"
#include "symbol/servers.h"
#include "symbol/symbol_table.h"
#include "util/array.h"
#include "util/search.h"

#define SCOPES_MAX 64

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

struct ct_elf {
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf_Addr bias; /* the module's addresses minus the Dwarf's */
	struct unit_range *ranges; /* by low */
	size_t range_count, range_room;
	struct lazy_unit *units;
	size_t unit_count, unit_room;
	struct ct_symbol_table symbols;
	bool is_read; /* units and symbols have been read, at the first look-up */
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf, /* never called, since the file is given */
	.find_debuginfo = ct_debug_files_find,
	.section_address = dwfl_offline_section_address,
};

static void forget_names(struct ct_elf_names *names)
{
	while (names->count)
		free(names->texts[--names->count]);
}

void ct_elf_names_fini(struct ct_elf_names *names)
{
	forget_names(names);
	free(names->texts);
	ct_demangler_fini(&names->demangler);
}

void ct_elf_free(struct ct_elf *elf)
{
	if (!elf)
		return;
	for (size_t i = 0; i < elf->unit_count; i++)
		ct_unit_free(elf->units[i].table);
	free(elf->units);
	free(elf->ranges);
	ct_symbol_table_free(&elf->symbols);
	if (elf->dwfl)
		dwfl_end(elf->dwfl);
	free(elf);
}

static bool same_build(Dwfl_Module *module, const uint8_t *build_id, size_t bytes)
{
	const unsigned char *bits;
	GElf_Addr address;
	int length = dwfl_module_build_id(module, &bits, &address);
	return length > 0 && (size_t)length == bytes && !memcmp(bits, build_id, bytes);
}

struct ct_elf *ct_elf_open(int fd, const char *path, const uint8_t *build_id, size_t build_id_bytes)
{
	struct ct_elf *elf = calloc(1, sizeof(*elf));
	GElf_Addr bias;
	if (elf)
		elf->dwfl = dwfl_begin(&callbacks);
	if (elf && elf->dwfl) {
		ct_servers_watch(elf->dwfl);
		dwfl_report_begin(elf->dwfl);
		elf->module = dwfl_report_elf(elf->dwfl, path, path, fd, 0, true);
		dwfl_report_end(elf->dwfl, NULL, NULL);
	}
	if (!elf || !elf->module)
		close(fd);
	if (!elf || !elf->module || !dwfl_module_getelf(elf->module, &bias) ||
	    (build_id_bytes && !same_build(elf->module, build_id, build_id_bytes))) {
		ct_elf_free(elf);
		return NULL;
	}
	return elf;
}

static int by_low(const void *left, const void *right)
{
	const struct unit_range *a = left, *b = right;
	return a->low < b->low ? -1 : a->low > b->low;
}

/* Read all units and their address ranges. .debug_aranges is no help: clang does not write it. */
static void read_units(struct ct_elf *elf)
{
	Dwarf_Die *die = NULL;
	Dwarf *dwarf = dwfl_module_getdwarf(elf->module, &elf->bias);
	if (!dwarf || !ct_dwarf_texts_end(dwarf_getelf(dwarf)))
		return;
	while ((die = dwfl_module_nextcu(elf->module, die, &elf->bias))) {
		Dwarf_Addr base, low, high;
		ptrdiff_t offset = 0;
		size_t before = elf->range_count;
		while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
			if (low >= high ||
			    !ct_array_room(&elf->ranges, &elf->range_room, elf->range_count + 1, sizeof(*elf->ranges)))
				continue;
			elf->ranges[elf->range_count++] = (struct unit_range){low, high, elf->unit_count};
		}
		if (elf->range_count == before)
			continue;
		if (!ct_array_room(&elf->units, &elf->unit_room, elf->unit_count + 1, sizeof(*elf->units))) {
			elf->range_count = before;
			break;
		}
		elf->units[elf->unit_count++] = (struct lazy_unit){.die = *die};
	}
	if (elf->range_count)
		qsort(elf->ranges, elf->range_count, sizeof(*elf->ranges), by_low);
}

static struct ct_unit *unit_at(struct ct_elf *elf, Dwarf_Addr address)
{
	size_t found = ct_search_not_above(elf->ranges, elf->range_count, sizeof(*elf->ranges), address);
	if (!found || address >= elf->ranges[found - 1].high)
		return NULL;
	struct lazy_unit *unit = &elf->units[elf->ranges[found - 1].unit];
	if (!unit->table && !unit->failed) {
		unit->table = ct_unit_new(&unit->die);
		unit->failed = !unit->table;
	}
	return unit->table;
}

/* Keep a text until the next look-up. When out of memory, free it and return NULL. */
static const char *keep(struct ct_elf_names *names, char *text)
{
	if (!text || !ct_array_room(&names->texts, &names->room, names->count + 1, sizeof(*names->texts))) {
		free(text);
		return NULL;
	}
	names->texts[names->count++] = text;
	return text;
}

/* The demangled name; kept until the next look-up. */
static const char *readable(struct ct_elf_names *names, const char *name)
{
	if (!name || !*name)
		return NULL;
	const char *version = strchr(name + 1, '@');
	char *symbol = version ? strndup(name, (size_t)(version - name)) : NULL;
	const char *kept = keep(names, ct_demangle(&names->demangler, symbol ? symbol : name));
	free(symbol);
	return kept;
}

/* A file's absolute path, by the folder that its unit was compiled in, so that source views can open it. */
static const char *from_folder(struct ct_elf_names *names, Dwarf_Die *unit_die, const char *file)
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
	const char *kept = keep(names, path);
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

static size_t lookup_dwarf(struct ct_elf_names *names, struct ct_elf *elf, Dwarf_Addr address,
			   struct ct_symbol_frame *frames, size_t max)
{
	Dwarf_Die scopes[SCOPES_MAX];
	struct ct_unit *unit = unit_at(elf, address);
	if (!unit)
		return 0;
	Dwarf_Die *unit_die = ct_unit_die(unit);
	size_t count = ct_unit_scopes(unit, address, scopes, max < SCOPES_MAX ? max : SCOPES_MAX);
	if (!count) { /* assembly code has lines but no functions */
		line_of(unit_die, address, &frames[0]);
		frames[0].file = from_folder(names, unit_die, frames[0].file);
		return frames[0].file != NULL;
	}
	for (size_t i = 0; i < count; i++) {
		Dwarf_Die *scope = &scopes[count - 1 - i];
		frames[i].function = readable(names, die_name(scope));
		if (i + 1 < count)
			call_site(unit_die, scope, &frames[i + 1]);
	}
	line_of(unit_die, address, &frames[0]);
	for (size_t i = 0; i < count; i++)
		frames[i].file = from_folder(names, unit_die, frames[i].file);
	return count;
}

static void read_tables(struct ct_elf *elf)
{
	if (elf->is_read)
		return;
	elf->is_read = true;
	read_units(elf);
	ct_symbol_table_read(&elf->symbols, elf->module);
}

size_t ct_elf_lookup(struct ct_elf *elf, struct ct_elf_names *names, uint64_t address, struct ct_symbol_frame *frames,
		     size_t max)
{
	forget_names(names);
	read_tables(elf);
	size_t count = lookup_dwarf(names, elf, address - elf->bias, frames, max);

	/*
	 * The symbol table names the function that holds the code, as the linker and Valgrind do. A label is used only
	 * if there is no other name.
	 */
	const struct ct_symbol_entry *symbol = ct_symbol_table_find(&elf->symbols, address);
	if (symbol && (!symbol->is_label || !count || !frames[count - 1].function)) {
		if (!count)
			count = 1;
		frames[count - 1].function = readable(names, symbol->name);
	}
	return count;
}

static bool is_split(struct ct_elf *elf)
{
	Dwarf_Half version;
	uint8_t type;
	for (size_t i = 0; i < elf->unit_count; i++)
		if (dwarf_cu_info(elf->units[i].die.cu, &version, &type, NULL, NULL, NULL, NULL, NULL) != 0 ||
		    type == DW_UT_skeleton)
			return true;
	return false;
}

static bool lacks_dwz(Dwarf *dwarf)
{
	const char *name;
	const void *build_id;
	return dwarf && dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &build_id) > 0 && !dwarf_getalt(dwarf);
}

bool ct_elf_sources(struct ct_elf *elf, void (*visit)(void *argument, const char *path), void *argument)
{
	const char *main_file, *debug_file;
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(elf->module, &bias);
	dwfl_module_info(elf->module, NULL, NULL, NULL, NULL, NULL, &main_file, &debug_file);
	if (!main_file || is_split(elf) || lacks_dwz(dwarf))
		return false;
	visit(argument, main_file);
	if (debug_file)
		visit(argument, debug_file);
	ct_debug_files_visit(elf->module, main_file, visit, argument);
	return true;
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

struct ct_symbol_facts ct_elf_facts(struct ct_elf *elf)
{
	struct ct_symbol_facts facts = {0};
	Dwfl_Module *module = elf->module;
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

const char *ct_elf_reader(void)
{
	return dwfl_version(NULL);
}

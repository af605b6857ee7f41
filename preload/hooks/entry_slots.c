/* SPDX-License-Identifier: MIT */
/*
 * Where the loader has written the addresses of the functions of entries.def: slots of the global offset table, and
 * pointers in data. A slot that the loader would fill at the first call is filled at once.
 *
 * All objects are looked through at start. Later, a program that loads a library calls dlsym next. Therefore dlsym's
 * slots lead to us, too. dl_iterate_phdr takes a lock of the loader; a caller of dlsym may wait for that, while a
 * caller of malloc may not.
 */
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "heap/real.h"
#include "hooks/entries.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "sys/environment.h"
#include "sys/loader.h"
#include "sys/machine.h"
#include "sys/page.h"
#include "sys/sys.h"
#include "unwind/objects.h"

/* A loaded object. */
struct loaded {
	uintptr_t bias, start, end;
	uintptr_t relro, relro_end; /* the pages that the loader has made read-only */
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash; /* DT_GNU_HASH; NULL: none */
	const ElfW(Rela) * slots, *others; /* DT_JMPREL, DT_RELA */
	size_t slots_bytes, others_bytes;
};

static uint32_t is_looking; /* atomic: a thread looks through the objects; guards what is static here */
static unsigned long long loads; /* the loader's count of loaded objects at the latest look */
static uintptr_t before_ours; /* in the object from which the program gets malloc, if it comes before us; else 0 */
static bool patching; /* this pass writes slots */
static bool giving_back; /* this pass, which is the last, gives slots back */
static struct ct_slots_count counted; /* since ct_entries_pass, which is asked for it; objects: of this pass */

uintptr_t ct_entries_program;

static uintptr_t page_of(uintptr_t address)
{
	return ct_page_round_down(address);
}

static void read_dynamic(const ElfW(Dyn) * entry, struct loaded *object)
{
	for (; entry->d_tag != DT_NULL; entry++) {
		/* The loader has added the bias, except in objects that it cannot write to. */
		uintptr_t value = entry->d_un.d_ptr, at = value < object->bias ? value + object->bias : value;
		switch (entry->d_tag) {
		case DT_SYMTAB:
			object->symbols = (const void *)at;
			break;
		case DT_STRTAB:
			object->strings = (const void *)at;
			break;
		case DT_GNU_HASH:
			object->hash = (const void *)at;
			break;
		case DT_JMPREL:
			object->slots = (const void *)at;
			break;
		case DT_PLTRELSZ:
			object->slots_bytes = value;
			break;
		case DT_RELA:
			object->others = (const void *)at;
			break;
		case DT_RELASZ:
			object->others_bytes = value;
			break;
		default:
			break;
		}
	}
}

/* False: an object that calls nothing, and cannot be called. */
static bool read_object(const struct dl_phdr_info *info, struct loaded *object)
{
	*object = (struct loaded){.bias = info->dlpi_addr, .start = UINTPTR_MAX};
	for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
		if (segment->p_type == PT_DYNAMIC) {
			read_dynamic((const ElfW(Dyn) *)start, object);
		} else if (segment->p_type == PT_GNU_RELRO) {
			object->relro = page_of(start);
			object->relro_end = page_of(end);
		} else if (segment->p_type == PT_LOAD) {
			object->start = start < object->start ? start : object->start;
			object->end = end > object->end ? end : object->end;
		}
	}
	return object->symbols && object->strings;
}

static bool holds(const struct loaded *object, const void *address)
{
	return (uintptr_t)address >= object->start && (uintptr_t)address < object->end;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;
	while (*name)
		hash = hash * 33 + (uint8_t)*name++;
	return hash;
}

/* The object's own definition of a function; NULL: none. */
static void *definition(const struct loaded *object, const char *name, uint32_t hash)
{
	const uint32_t *head = object->hash; /* buckets, first symbol, filter's words, shift; filter; buckets; chains */
	const uint64_t *filter = (const uint64_t *)(head + 4);
	const uint32_t *buckets = (const uint32_t *)(filter + head[2]);
	const uint32_t *chains = buckets + head[0];
	uint64_t word = filter[hash / 64 & (head[2] - 1)];
	if (!(word >> hash % 64 & word >> (hash >> head[3]) % 64 & 1))
		return NULL;
	for (uint32_t i = buckets[hash % head[0]]; i >= head[1]; i++) {
		const ElfW(Sym) *symbol = &object->symbols[i];
		if ((chains[i - head[1]] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && !strcmp(object->strings + symbol->st_name, name))
			return (void *)(object->bias + symbol->st_value);
		if (chains[i - head[1]] & 1)
			break;
	}
	return NULL;
}

/* Of each function: the first definition of this look, and whether an object still has the one that was known. */
static struct {
	void *first;
	bool foreign, still_there;
} looks[CT_ENTRIES];

static void find_entries(const struct loaded *object)
{
	static uint32_t hashes[CT_ENTRIES];
	if (!object->hash || !object->hash[0] || (before_ours && holds(object, (const void *)before_ours)))
		return;
	for (uint32_t i = 0; i < CT_ENTRIES; i++) {
		if (!hashes[i])
			hashes[i] = gnu_hash(ct_entries[i].name);
		void *real = definition(object, ct_entries[i].name, hashes[i]);
		if (!real)
			continue;
		looks[i].still_there |= real == ct_entries[i].real;
		if (!looks[i].first) {
			looks[i].first = real;
			looks[i].foreign = !holds(object, (const void *)ct_real.malloc);
		}
	}
	if (looks[CT_ENTRY_mi_heap_destroy].first && holds(object, looks[CT_ENTRY_mi_heap_destroy].first)) {
		*(void **)&ct_entry_first_heap =
			definition(object, "mi_heap_get_backing", gnu_hash("mi_heap_get_backing"));
		*(void **)&ct_entry_visit_heap =
			definition(object, "mi_heap_visit_blocks", gnu_hash("mi_heap_visit_blocks"));
	}
}

/* Write a slot, through which others may call at the same time. */
static void write_slot(const struct loaded *object, uintptr_t *slot, const void *value)
{
	uintptr_t at = (uintptr_t)slot;
	bool is_protected = at >= object->relro && at < object->relro_end;
	if (is_protected && ct_syscall3(SYS_mprotect, page_of(at), ct_page_bytes, PROT_READ | PROT_WRITE) != 0) {
		counted.locked++;
		return;
	}
	counted.slots++;
	ct_set_release(slot, (uintptr_t)value);
	if (is_protected)
		ct_syscall3(SYS_mprotect, page_of(at), ct_page_bytes, PROT_READ);
}

/*
 * dlsym finds the functions, too. Its slots lead to a jump, since dlsym looks at its return address. For the name of an
 * entry the jump goes back with our function, if that is what dlsym would answer with.
 */
extern char ct_entry_dlsym[] CT_HIDDEN;
CT_HIDDEN void *ct_entry_asked(void *handle, const char *name);

__asm__(CT_STUB_INSTEAD("ct_entry_dlsym", "ct_entry_asked", "dlsym"));

/*
 * If we were loaded late, the loader does not lead a new object's calls to us. A program that loads one mostly calls
 * dlsym next, or else loads or unloads another one some time. dlopen looks at its return address, so this is a jump.
 */
extern char ct_entry_dlopen[] CT_HIDDEN;
CT_HIDDEN void ct_entry_loads(void);

__asm__(CT_STUB_BEFORE("ct_entry_dlopen", "ct_entry_loads", "dlopen"));

static struct ct_entry_point dlsym_entry = {.name = "dlsym", .ours = ct_entry_dlsym, .real = (void *)dlsym};
static struct ct_entry_point dlopen_entry = {.name = "dlopen", .ours = ct_entry_dlopen};

/* What slots are wanted of: dlsym, the functions that a loaded object has, and if we were loaded late, all hooks. */
static const struct ct_entry_point *wanted[CT_ENTRIES + CT_HOOK_POINTS + 2] = {&dlsym_entry};
static uint32_t wanted_count = 1; /* atomic */

static void want(struct ct_entry_point *entry, void *real, bool foreign)
{
	bool is_new = !entry->real;
	entry->foreign = foreign;
	ct_set_release(&entry->real, real);
	if (!is_new)
		return;
	wanted[wanted_count] = entry;
	ct_set_release(&wanted_count, wanted_count + 1);
}

static const struct ct_entry_point *entry_of(const char *name)
{
	uint32_t count = ct_get_acquire(&wanted_count);
	for (uint32_t i = 0; i < count; i++)
		if (wanted[i]->name[0] == name[0] && !strcmp(wanted[i]->name, name))
			return wanted[i];
	return NULL;
}

static void write_slots(const struct loaded *object, const ElfW(Rela) * from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*from); i++) {
		uint32_t type = ELF64_R_TYPE(from[i].r_info);
		if ((type != CT_MACHINE_SLOT_OF_CALL && type != CT_MACHINE_SLOT_OF_ADDRESS &&
		     type != CT_MACHINE_SLOT_IN_DATA) ||
		    (type == CT_MACHINE_SLOT_IN_DATA && from[i].r_addend))
			continue;
		const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(from[i].r_info)];
		const struct ct_entry_point *entry = entry_of(object->strings + symbol->st_name);
		uintptr_t *slot = (uintptr_t *)(object->bias + from[i].r_offset);
		/* An allocator's calls of its own functions are not the program's, except those that hooks intercept.
		 */
		if (!entry || (holds(object, entry->real) && !entry->is_hook))
			continue;
		if (giving_back) {
			if (ct_get_relaxed(slot) == (uintptr_t)entry->ours)
				write_slot(object, slot, entry->real);
			continue;
		}
		/* Before the first call, a slot leads back into its own object. */
		bool unfilled = type == CT_MACHINE_SLOT_OF_CALL && symbol->st_shndx == SHN_UNDEF &&
				holds(object, (const void *)ct_get_relaxed(slot));
		if (unfilled || ct_get_relaxed(slot) == (uintptr_t)entry->real)
			write_slot(object, slot, entry->ours);
	}
}

static int look_at(struct dl_phdr_info *info, size_t bytes, void *context)
{
	struct loaded object;
	(void)bytes, (void)context;
	if (!patching && info->dlpi_adds == loads)
		return 1;
	if (!read_object(info, &object) || holds(&object, &is_looking))
		return 0;
	if (!patching) {
		find_entries(&object);
	} else {
		counted.objects++;
		write_slots(&object, object.slots, object.slots_bytes);
		write_slots(&object, object.others, object.others_bytes);
	}
	return 0;
}

static int note_loads(struct dl_phdr_info *info, size_t bytes, void *context)
{
	(void)bytes, (void)context;
	loads = info->dlpi_adds;
	return 1;
}

/* Look through the loaded objects if there are other ones than before. True: there were. */
static bool look(void)
{
	bool changed = false;
	if (__atomic_exchange_n(&is_looking, 1, __ATOMIC_ACQUIRE))
		return false;
	memset(looks, 0, sizeof(looks));
	patching = false;
	if (!giving_back && !dl_iterate_phdr(look_at, NULL)) {
		changed = true;
		for (uint32_t i = 0; i < CT_ENTRIES; i++)
			if (looks[i].first && !looks[i].still_there)
				want(&ct_entries[i], looks[i].first, looks[i].foreign);
		patching = true;
		dl_iterate_phdr(look_at, NULL);
		dl_iterate_phdr(note_loads, NULL);
	}
	ct_set_release(&is_looking, 0);
	return changed;
}

void ct_entries_pass(bool in, struct ct_slots_count *count)
{
	while (__atomic_exchange_n(&is_looking, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	giving_back = !in;
	counted.objects = 0;
	patching = true;
	dl_iterate_phdr(look_at, NULL);
	if (in)
		dl_iterate_phdr(note_loads, NULL);
	*count = counted;
	counted = (struct ct_slots_count){0};
	ct_set_release(&is_looking, 0);
}

void ct_entries_want_hooks(void)
{
	for (uint32_t i = 0; i < CT_HOOK_POINTS; i++) {
		void *real = ct_hook_point_real(i);
		if (real)
			want(&ct_hook_points[i], real, false);
	}
	want(&dlopen_entry, (void *)dlopen, false);
	ct_loader_forget_miss();
}

void ct_entry_loads(void)
{
	int saved = errno;
	ct_own_begin();
	look();
	ct_own_end();
	errno = saved;
}

void *ct_entry_asked(void *handle, const char *name)
{
	int saved = errno;
	ct_own_begin();
	/*
	 * The loader makes two tables when a program first loads something, and again. If we loaded libunwind earlier,
	 * they would not be in the program's heap, as they are without us. Code that was loaded may allocate in lazy
	 * binding, whose stacks only libunwind can walk.
	 */
	static uint32_t changes;
	if (look() && __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED) == 2 && !ct_get_relaxed(&ct_filters))
		ct_libunwind_load();
	const struct ct_entry_point *entry = handle == RTLD_NEXT ? NULL : entry_of(name);
	bool ours = entry && entry != &dlsym_entry && ct_real_find(handle, name) == entry->real;
	ct_own_end();
	errno = saved;
	return ours ? entry->ours : NULL;
}

static int find_program(struct dl_phdr_info *info, size_t bytes, void *context)
{
	struct loaded object;
	(void)bytes;
	*(uintptr_t *)context = read_object(info, &object) ? object.start : 0;
	return 1;
}

void ct_entries_init(void)
{
	/* An auditor sees the calls through slots that are not filled. */
	if (!&_r_debug || _r_debug.r_state != RT_CONSISTENT || ct_environment_get(ct_environment(), "LD_AUDIT"))
		return;
	ct_own_begin();
	void *first = ct_real_find(RTLD_DEFAULT, "malloc");
	before_ours =
		ct_real_is_late || ct_objects_same((uintptr_t)first, (uintptr_t)&is_looking) ? 0 : (uintptr_t)first;
	look();
	if (!ct_entries_program) {
		dl_iterate_phdr(find_program, &ct_entries_program);
		if (ct_tracer.header)
			ct_entries_count_bypassed();
	}
	ct_loader_forget_miss();
	ct_own_end();
}

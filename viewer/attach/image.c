/* SPDX-License-Identifier: MIT */
/* The dynamic symbols of an object in the memory of another process. Nothing in there is trusted. */
#include <stdlib.h>
#include <string.h>

#include "attach/remote.h"

#define SYMBOLS_MAX (1u << 22)
#define STRINGS_MAX (64u << 20)

struct tables {
	uint64_t symbols, strings, strings_bytes, gnu_hash, hash;
};

/* The loader adds the bias to these addresses in most objects, but not in those that it cannot write to. */
static uint64_t address(const struct ct_image *image, uint64_t value)
{
	return value < image->bias ? value + image->bias : value;
}

static void read_dynamic(const struct ct_remote *remote, const struct ct_image *image, uint64_t at,
			 struct tables *tables)
{
	Elf64_Dyn entry;
	for (int i = 0; i < 1000 && ct_remote_read(remote, at, &entry, sizeof(entry)) && entry.d_tag;
	     i++, at += sizeof(entry)) {
		uint64_t value = entry.d_un.d_val;
		if (entry.d_tag == DT_SYMTAB)
			tables->symbols = address(image, value);
		else if (entry.d_tag == DT_STRTAB)
			tables->strings = address(image, value);
		else if (entry.d_tag == DT_STRSZ)
			tables->strings_bytes = value;
		else if (entry.d_tag == DT_GNU_HASH)
			tables->gnu_hash = address(image, value);
		else if (entry.d_tag == DT_HASH)
			tables->hash = address(image, value);
	}
}

/* Find the dynamic section, and how far the object is from where it was linked for. 0: not an object. */
static uint64_t find_dynamic(const struct ct_remote *remote, struct ct_image *image)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;
	uint64_t dynamic = 0, first = UINT64_MAX;
	if (!ct_remote_read(remote, image->base, &head, sizeof(head)) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(part))
		return 0;
	for (uint16_t i = 0; i < head.e_phnum; i++) {
		if (!ct_remote_read(remote, image->base + head.e_phoff + i * sizeof(part), &part, sizeof(part)))
			return 0;
		if (part.p_type == PT_LOAD && part.p_vaddr < first)
			first = part.p_vaddr & ~4095ull;
		else if (part.p_type == PT_DYNAMIC)
			dynamic = part.p_vaddr;
	}
	if (first == UINT64_MAX || !dynamic)
		return 0;
	image->bias = image->base - first;
	return image->bias + dynamic;
}

/* The largest of these numbers; 0: they cannot be read. */
static uint32_t largest(const struct ct_remote *remote, uint64_t at, uint32_t count)
{
	uint32_t *numbers = malloc(count * sizeof(*numbers)), found = 0;
	bool known = numbers && ct_remote_read(remote, at, numbers, count * sizeof(*numbers));
	for (uint32_t i = 0; known && i < count; i++)
		if (numbers[i] > found)
			found = numbers[i];
	free(numbers);
	return found;
}

/* A GNU hash table does not say how many symbols there are: the last chain does. */
static size_t count_by_gnu_hash(const struct ct_remote *remote, uint64_t at)
{
	uint32_t head[4], word; /* buckets, first symbol, words of the filter, shift */
	if (!ct_remote_read(remote, at, head, sizeof(head)) || head[0] > SYMBOLS_MAX || head[2] > SYMBOLS_MAX)
		return 0;
	uint64_t buckets = at + 16 + head[2] * 8ull, chains = buckets + head[0] * 4ull;
	uint32_t last = largest(remote, buckets, head[0]);
	if (last < head[1])
		return 0;
	do {
		if (last >= SYMBOLS_MAX ||
		    !ct_remote_read(remote, chains + (last - head[1]) * 4ull, &word, sizeof(word)))
			return 0;
		last++;
	} while (!(word & 1));
	return last;
}

static size_t count_symbols(const struct ct_remote *remote, const struct tables *tables)
{
	uint32_t head[2]; /* buckets, symbols */
	if (tables->hash && ct_remote_read(remote, tables->hash, head, sizeof(head)) && head[1] < SYMBOLS_MAX)
		return head[1];
	return tables->gnu_hash ? count_by_gnu_hash(remote, tables->gnu_hash) : 0;
}

bool ct_image_read(const struct ct_remote *remote, uint64_t base, struct ct_image *image)
{
	struct tables tables = {0};
	*image = (struct ct_image){.base = base};
	uint64_t dynamic = find_dynamic(remote, image);
	if (!dynamic)
		return false;
	read_dynamic(remote, image, dynamic, &tables);
	image->count = count_symbols(remote, &tables);
	image->strings_bytes = tables.strings_bytes;
	if (!image->count || !tables.strings || !image->strings_bytes || image->strings_bytes > STRINGS_MAX)
		return false;
	image->symbols = calloc(image->count, sizeof(*image->symbols));
	image->strings = malloc(image->strings_bytes);
	if (image->symbols && image->strings &&
	    ct_remote_read(remote, tables.symbols, image->symbols, image->count * sizeof(*image->symbols)) &&
	    ct_remote_read(remote, tables.strings, image->strings, image->strings_bytes)) {
		image->strings[image->strings_bytes - 1] = '\0';
		return true;
	}
	ct_image_free(image);
	return false;
}

void ct_image_free(struct ct_image *image)
{
	free(image->symbols);
	free(image->strings);
	*image = (struct ct_image){0};
}

static const char *name_of(const struct ct_image *image, const Elf64_Sym *symbol)
{
	return symbol->st_name < image->strings_bytes ? image->strings + symbol->st_name : "";
}

uint64_t ct_image_find(const struct ct_image *image, const char *name)
{
	for (size_t i = 0; i < image->count; i++)
		if (image->symbols[i].st_shndx != SHN_UNDEF && !strcmp(name_of(image, &image->symbols[i]), name))
			return image->bias + image->symbols[i].st_value;
	return 0;
}

const char *ct_image_function(const struct ct_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->count; i++) {
		const Elf64_Sym *symbol = &image->symbols[i];
		uint64_t start = image->bias + symbol->st_value;
		if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && address >= start &&
		    address - start < symbol->st_size)
			return name_of(image, symbol);
	}
	return NULL;
}

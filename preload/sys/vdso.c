/* SPDX-License-Identifier: MIT */
#include "sys/vdso.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "sys/sys.h"

static int (*clock_function)(clockid_t clock, struct timespec *now);

/* What the kernel's object, which is mapped into each process, has in its dynamic section. */
struct image {
	uintptr_t bias;
	const ElfW(Dyn) * dynamic;
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash, *gnu_hash;
};

static bool find_dynamic(const ElfW(Ehdr) * header, struct image *image)
{
	const ElfW(Phdr) *segment = (const void *)((uintptr_t)header + header->e_phoff);
	bool loaded = false;
	for (uint32_t i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && !loaded) {
			image->bias = (uintptr_t)header + segment[i].p_offset - segment[i].p_vaddr;
			loaded = true;
		}
		if (segment[i].p_type == PT_DYNAMIC)
			image->dynamic = (const void *)((uintptr_t)header + segment[i].p_offset);
	}
	return loaded && image->dynamic;
}

static bool read_dynamic(struct image *image)
{
	for (const ElfW(Dyn) *entry = image->dynamic; entry->d_tag != DT_NULL; entry++) {
		const void *at = (const void *)(image->bias + entry->d_un.d_ptr);
		if (entry->d_tag == DT_SYMTAB)
			image->symbols = at;
		else if (entry->d_tag == DT_STRTAB)
			image->strings = at;
		else if (entry->d_tag == DT_HASH)
			image->hash = at;
		else if (entry->d_tag == DT_GNU_HASH)
			image->gnu_hash = at;
	}
	return image->symbols && image->strings;
}

static uint32_t count_symbols(const struct image *image)
{
	if (image->hash)
		return image->hash[1];
	if (!image->gnu_hash)
		return 0;
	const uint32_t *buckets = image->gnu_hash + 4 + 2 * image->gnu_hash[2];
	const uint32_t *chains = buckets + image->gnu_hash[0];
	uint32_t last = 0, first = image->gnu_hash[1];
	for (uint32_t i = 0; i < image->gnu_hash[0]; i++)
		last = buckets[i] > last ? buckets[i] : last;
	while (last >= first && !(chains[last - first] & 1))
		last++;
	return last + 1;
}

void ct_vdso_init(void)
{
	const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct image image = {0};
	if (!header || !find_dynamic(header, &image) || !read_dynamic(&image))
		return;
	uint32_t count = count_symbols(&image);
	for (uint32_t i = 0; i < count; i++)
		if (image.symbols[i].st_shndx != SHN_UNDEF &&
		    !strcmp(image.strings + image.symbols[i].st_name, "__vdso_clock_gettime"))
			clock_function =
				(int (*)(clockid_t, struct timespec *))(image.bias + image.symbols[i].st_value);
}

uint64_t ct_vdso_clock_ns(clockid_t clock)
{
	struct timespec now = {0};
	if (!clock_function || clock_function(clock, &now) != 0)
		ct_syscall3(SYS_clock_gettime, clock, &now, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

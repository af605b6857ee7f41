/* SPDX-License-Identifier: MIT */
/* An object file that elfutils has opened: its functions, lines and inlined calls. */
#ifndef CT_SYMBOL_ELF_H
#define CT_SYMBOL_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/demangle.h"
#include "symbol/symbol.h"

struct ct_elf;

/* The texts of the latest look-up. One may serve many files. All zeros is empty. */
struct ct_elf_names {
	char **texts;
	size_t count, room;
	struct ct_demangler demangler;
};

void ct_elf_names_fini(struct ct_elf_names *names);

/*
 * Open the file behind a descriptor, which is closed with the object, or at once if this fails. NULL: it is no object
 * file, or its build-id differs (build_id_bytes = 0: not checked). libdw looks for separate debug information beside
 * `path`.
 */
struct ct_elf *ct_elf_open(int fd, const char *path, const uint8_t *build_id, size_t build_id_bytes);
void ct_elf_free(struct ct_elf *elf);

/* The frames at an address, as ct_symbols_lookup; `frames` holds zeros. Texts are valid until the next look-up. */
size_t ct_elf_lookup(struct ct_elf *elf, struct ct_elf_names *names, uint64_t address, struct ct_symbol_frame *frames,
		     size_t max);

/*
 * Call visit() for each file that the names depend on, whether it exists or not. Only after a look-up. False: they
 * depend on others, too (-gsplit-dwarf, or a dwz file that is missing).
 */
bool ct_elf_sources(struct ct_elf *elf, void (*visit)(void *argument, const char *path), void *argument);

struct ct_symbol_facts ct_elf_facts(struct ct_elf *elf);

/* See ct_symbols_reader. */
const char *ct_elf_reader(void);

#endif

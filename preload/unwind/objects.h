/* SPDX-License-Identifier: MIT */
/*
 * Loaded objects by address. The loader is asked, by _dl_find_object: it takes no lock. C libraries before
 * 2.35 do not have it, and their dl_iterate_phdr takes a lock that the thread which called us may wait for: there
 * /proc/self/maps shows where a file's first page is mapped, and the program headers in it the rest.
 * Either way, an object in another's place makes void what was read of code (ct_loader_changed).
 */
#ifndef CT_UNWIND_OBJECTS_H
#define CT_UNWIND_OBJECTS_H

#include "sys/text.h"

struct ct_object {
	uintptr_t start; /* of its lowest segment, where its ELF header is */
	uintptr_t end;
	uintptr_t bias; /* run-time address - link-time address */
	const uint8_t *eh_frame_header; /* NULL = no unwind table */
	const char *name; /* the loader's; NULL = not asked */
};

/* Before the first use; in cold code that may allocate. False: never ask the loader. */
CT_COLD void ct_objects_init(bool use_loader);

/* The object that the address lies in. False: none, or one that no loader has made. Any thread. */
CT_COLD bool ct_object_find(uintptr_t address, struct ct_object *object);

/* Its file; empty for the program itself. Absolute, unless the loader was given another name. */
CT_COLD void ct_object_path(const struct ct_object *object, struct ct_text *path);

/* Code may have been unloaded: forget what was read of it. Any thread. */
CT_COLD void ct_loader_changed(void);

/*
 * Clear the error of a dlsym that found nothing, so that the program's dlerror() does not report it. Not by dlerror,
 * which puts the error into words in the program's language: there is none yet when an IFUNC resolver's allocation has
 * started us.
 */
CT_COLD void ct_loader_forget_miss(void);

#endif

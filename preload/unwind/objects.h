/* SPDX-License-Identifier: MIT */
/*
 * Loaded objects by address. _dl_find_object asks the loader without a lock. C libraries before 2.35 do not have it,
 * and dl_iterate_phdr takes a lock that the thread which called us may be waiting for. There, /proc/self/maps shows
 * where the first page of a file is mapped, and the program headers in that page give the rest. Either way, if an
 * object is found where another one was, everything read from code is forgotten (ct_loader_changed). Any thread; takes
 * ct_lock_objects.
 */
#ifndef CT_UNWIND_OBJECTS_H
#define CT_UNWIND_OBJECTS_H

#include "sys/text.h"

struct ct_object {
	uintptr_t start; /* of its lowest segment, where the ELF header is */
	uintptr_t end; /* first address after its highest segment */
	uintptr_t bias; /* run-time address minus link-time address */
	const uint8_t *eh_frame_header; /* in memory; NULL: it has no unwind table */
	const char *name; /* as the loader knows it; NULL: the loader was not asked */
};

/* Before the first use, where dlsym may allocate. use_loader false: never ask the loader. */
CT_COLD void ct_objects_init(bool use_loader);

/* The object that contains the address. False: there is none, or not one that the loader has mapped. */
CT_COLD bool ct_object_find(uintptr_t address, struct ct_object *object);

/* Are the two addresses in one object? */
CT_COLD bool ct_objects_same(uintptr_t a, uintptr_t b);

/* The path of its file; empty for the program itself. Absolute, unless the loader was given another name. */
CT_COLD void ct_object_path(const struct ct_object *object, struct ct_text *path);

/* The file that is mapped at an address of a loaded object: its path and inode. False: there is none. */
CT_COLD bool ct_object_file(uintptr_t address, struct ct_text *path, uint64_t *inode);

/*
 * Where the kernel's link to the object's file leads, at most room - 1 bytes and a NUL; it ends in " (deleted)" if the
 * file was replaced or removed. Needs little stack and no lock. False: there is no such link.
 */
CT_COLD bool ct_object_link(const struct ct_object *object, char *path, size_t room);

/* Code may have been unloaded: forget everything read from code. */
CT_COLD void ct_loader_changed(void);

/*
 * Clear the error of a dlsym that found nothing, so that the program's dlerror() does not report it. dlerror itself is
 * no help: it formats the message in the program's language, and there is none yet if an IFUNC resolver's allocation
 * has started us.
 */
CT_COLD void ct_loader_forget_miss(void);

#endif

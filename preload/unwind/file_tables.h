/* SPDX-License-Identifier: MIT */
/*
 * Unwind tables that the program headers do not lead to: .eh_frame without PT_GNU_EH_FRAME (--no-eh-frame-hdr), and
 * .debug_frame, which is not loaded. The section headers in the object's file lead to them. Each file is read once,
 * when code without a table is met, and an index by address is made. What does not fit together in the file is left
 * out. Takes no lock.
 */
#ifndef CT_UNWIND_FILE_TABLES_H
#define CT_UNWIND_FILE_TABLES_H

#include <link.h>

#include "unwind/frames.h"
#include "unwind/objects.h"

/*
 * The FDE that covers the address. False: there is none. The caller holds ct_lock_objects until it has used *info,
 * since the tables are forgotten when objects are unloaded.
 */
CT_COLD bool ct_file_tables_find(const struct ct_object *object, uintptr_t address, struct ct_frame_info *info);

/* Has the object Go code? The caller holds ct_lock_objects. */
CT_COLD bool ct_file_tables_is_go(const struct ct_object *object);

/*
 * Open the object's file, if it is still the one that is mapped, and read its header. Negative: it cannot be opened.
 * The caller holds ct_lock_objects.
 */
CT_COLD int ct_object_open(const struct ct_object *object, ElfW(Ehdr) * header);

#endif

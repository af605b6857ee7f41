/* SPDX-License-Identifier: MIT */
/*
 * ELF notes, by which the program and the library are recognized, whatever their files are called and wherever they
 * are. The viewer contains CT_NOTE_PROGRAM; the preload looks for it in the program that it was loaded into. The
 * preload contains CT_NOTE_BLOCKS, which costs nothing at run time: the distance from these four bytes to the struct
 * ct_block_map, and CT_BLOCK_MAP_LAYOUT. CT_NOTE_MAPPINGS has the distances from each of its words to three variables
 * (mapping_table.h). The viewer looks for both in a running process.
 */
#ifndef CTRACE_NOTE_H
#define CTRACE_NOTE_H

#define CT_NOTE_OWNER "ctrace"
#define CT_NOTE_PROGRAM 1
#define CT_NOTE_BLOCKS 2
#define CT_NOTE_MAPPINGS 3

/* Assembly, since a compiler would give the section another type. */
#define CT_NOTE_TEXT(number) CT_NOTE_TEXT_(number)
#define CT_NOTE_TEXT_(number) #number
#define CT_NOTE(owner, type, content)                                                                                  \
	".pushsection .note.ctrace, \"a\", @note\n"                                                                    \
	".balign 4\n"                                                                                                  \
	".long 2f - 1f, 4f - 3f, " CT_NOTE_TEXT(type) "\n"                                                             \
						      "1: .asciz \"" owner "\"\n"                                      \
						      "2: .balign 4\n"                                                 \
						      "3: " content "\n"                                               \
						      "4: .balign 4\n"                                                 \
						      ".popsection\n"

#endif

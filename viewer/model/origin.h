/* SPDX-License-Identifier: MIT */
/*
 * Whose code a frame is. Frames of the runtime and standard library of C, C++ and Rust are *library* frames, whether
 * their function's namespace, their source file or their object file says so. All other frames are the program's *own*,
 * which includes libraries such as OpenSSL.
 *
 * The *leaf* of a stack is its first frame outside the allocator. malloc, operator new, std::allocator and the like are
 * in every stack and carry no information, so only --full shows them. The *own frame* is the first that is neither the
 * allocator's nor a library's: the line of the program that asked for the memory. In a stack without one, it is the
 * first frame with a name.
 *
 * Each name is classified once, however many frames have it.
 */
#ifndef CT_MODEL_ORIGIN_H
#define CT_MODEL_ORIGIN_H

#include "model/profile.h"

/* How frames are classified. */
enum ct_origin_rule {
	CT_ORIGIN_RULE, /* by all that is known */
	/* by names alone: the same in a profile that does not know object files and folders, as Valgrind's */
	CT_ORIGIN_BY_NAME,
	CT_ORIGIN_NONE, /* all frames count as own: the own frame is the leaf */
};

struct ct_origins {
	enum ct_origin_rule rule;
	bool split_threads; /* labels of threads count as callers, so threads are apart */
	uint8_t *of_frame; /* by frame id, as in names/origin.h */
	size_t frame_count;
	uint16_t *of_string; /* by string id: what was found out so far */
	size_t string_count;
};

/* Classify all frames. 0, or < 0 when out of memory; call ct_origins_fini in both cases. */
int ct_origins_init(struct ct_origins *origins, const struct ct_profile *profile, enum ct_origin_rule rule);

/* Classify the frames that were added to the profile since. 0, or < 0 when out of memory. */
int ct_origins_update(struct ct_origins *origins, const struct ct_profile *profile);

void ct_origins_fini(struct ct_origins *origins);

/* Is it a frame of the program's own code, or the label of a thread that is to be shown? */
bool ct_origin_is_own(const struct ct_origins *origins, uint32_t frame);

/* The index of the leaf in the site's frames. In a stack of allocators alone, it is the outermost frame. */
uint32_t ct_origin_leaf(const struct ct_profile *profile, const struct ct_origins *origins,
			const struct ct_site_row *site);

/* The index of the own frame in the site's frames. */
uint32_t ct_origin_own(const struct ct_profile *profile, const struct ct_origins *origins,
		       const struct ct_site_row *site);

/* The function that the own frame called, as a string id; 0: none that is known. */
uint32_t ct_origin_call(const struct ct_profile *profile, const struct ct_origins *origins,
			const struct ct_site_row *site);

#endif

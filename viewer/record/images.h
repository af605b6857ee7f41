/* SPDX-License-Identifier: MIT */
/*
 * exec keeps the pid: the new image records into a store of its own, and the old image's store stays behind. An *image*
 * is what a process ran between two execs.
 */
#ifndef CT_RECORD_IMAGES_H
#define CT_RECORD_IMAGES_H

#include "record/left_store.h"
#include "util/error.h"
#include "write/format.h"

struct ct_image {
	uint32_t pid;
	uint64_t begin_ns;
};

/* Has the image of `after` taken the place of that of `before`, both in one recording? */
bool ct_image_is_replaced(const struct ct_left_store *before, const struct ct_left_store *after);

/*
 * In the exporter of a process that ends: export the stores of its older images, which are in the folder of its own
 * store, and remove them, unless they are to be kept. An image that has nothing of its own only goes away.
 */
int ct_images_end(const char *store_path, const struct ct_left_store *own, const struct ct_format_set *formats,
		  struct ct_error_text *error);

#endif

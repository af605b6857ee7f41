/* SPDX-License-Identifier: MIT */
#include "sys/page.h"

#include <sys/auxv.h>

size_t ct_page_bytes = 4096;

void ct_page_init(void)
{
	size_t bytes = getauxval(AT_PAGESZ);
	if (bytes)
		ct_page_bytes = bytes;
}

/* SPDX-License-Identifier: MIT */
/* Data of a library that is loaded late, in which leaks.c keeps a block. */
#include "site.h"

SITE void **plugin_kept(void)
{
	static void *kept;
	return &kept;
}

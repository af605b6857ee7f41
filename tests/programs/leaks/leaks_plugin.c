/* SPDX-License-Identifier: MIT */
/* Data of a library that comes late: leaks.c keeps a block here. */
#include "site.h"

SITE void **plugin_kept(void)
{
	static void *kept;
	return &kept;
}

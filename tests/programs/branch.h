/* SPDX-License-Identifier: MIT */
/* Allocates and frees a block below a different stack for each number: one frame per binary digit. */
#ifndef BRANCH_H
#define BRANCH_H

#include <stdlib.h>

#include "site.h"

SITE static void branch(unsigned number)
{
	if (number) {
		if (number & 1)
			branch(number >> 1);
		else
			branch(number >> 1);
		KEEP(number);
		return;
	}
	free(malloc(30));
}

#endif

/* SPDX-License-Identifier: MIT */
/* many_sites DEPTH: 2^DEPTH distinct stacks, each of which allocates once. */
#include <stdlib.h>

#include "site.h"

SITE static void branch(int depth)
{
	if (!depth) {
		KEEP(malloc(1));
		return;
	}
	branch(depth - 1);
	branch(depth - 1);
}

int main(int argc, char **argv)
{
	branch(argc > 1 ? atoi(argv[1]) : 4);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* deep FRAMES...: allocates below a recursion. */
#include <stdlib.h>

#include "site.h"

SITE void deep_leaf(void)
{
	void *block = malloc(40);
	KEEP(block);
	free(malloc(60));
}

SITE void recurse(int frames)
{
	if (frames > 1)
		recurse(frames - 1);
	else
		deep_leaf();
	KEEP(frames);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		recurse(atoi(argv[i]));
	return 0;
}

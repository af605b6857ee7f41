/* SPDX-License-Identifier: MIT */
/* The loader calls a resolver while it relocates the program; the resolver allocates. */
#include <stdio.h>
#include <stdlib.h>

#include "site.h"

static void *resolvers;

static int chosen(void)
{
	return 42;
}

SITE static void *resolver_blocks(void)
{
	free(malloc(100));
	return malloc(1000);
}

__attribute__((used)) static int (*resolve(void))(void)
{
	resolvers = resolver_blocks();
	return chosen;
}

int function(void) __attribute__((ifunc("resolve")));

int main(void)
{
	printf("%d %d\n", function(), resolvers != NULL);
	free(resolvers);
	return 5;
}

/* SPDX-License-Identifier: MIT */
/* Allocates before main and after it. */
#include <stdlib.h>

#include "site.h"

static void *from_preinit, *from_constructor, *from_main;

SITE static void in_preinit(void)
{
	from_preinit = malloc(11);
	KEEP(from_preinit);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = in_preinit;

__attribute__((constructor)) static void in_constructor(void)
{
	from_constructor = malloc(22);
	KEEP(from_constructor);
}

SITE static void in_atexit(void)
{
	free(from_constructor);
	void *block = malloc(33);
	KEEP(block);
}

__attribute__((destructor)) static void in_destructor(void)
{
	free(from_preinit);
	free(from_main);
	void *block = malloc(44);
	KEEP(block);
	free(malloc(440));
}

int main(void)
{
	atexit(in_atexit);
	from_main = malloc(55);
	return 0;
}

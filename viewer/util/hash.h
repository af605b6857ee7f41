/* SPDX-License-Identifier: MIT */
/* FNV-1a: hashes that stay the same from run to run and from host to host. Pure functions. */
#ifndef CT_UTIL_HASH_H
#define CT_UTIL_HASH_H

#include <stdint.h>

#define CT_HASH_START UINT64_C(0xcbf29ce484222325)

/* Add a byte or a word. */
static inline uint64_t ct_hash_add(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(0x100000001b3);
}

/* Add a text and its end. */
static inline uint64_t ct_hash_text(uint64_t hash, const char *text)
{
	do
		hash = ct_hash_add(hash, (unsigned char)*text);
	while (*text++);
	return hash;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Replaces viewer/symbol for the target `store`, so that the files that a damaged store names are not opened. */
#include <stdlib.h>

#include "symbol/process_object.h"
#include "symbol/servers.h"
#include "symbol/symbol.h"
#include "symbol/sysroot.h"

struct ct_symbols {
	int unused;
};

struct ct_symbols *ct_symbols_new(void)
{
	return calloc(1, sizeof(struct ct_symbols));
}

void ct_symbols_free(struct ct_symbols *symbols)
{
	free(symbols);
}

void ct_symbols_read_as(struct ct_symbols *symbols, uid_t user)
{
	(void)symbols, (void)user;
}

const char *ct_symbols_reader(void)
{
	return "";
}

int ct_symbols_open(struct ct_symbols *symbols, const char *path, const uint8_t *build_id, size_t build_id_bytes)
{
	(void)symbols, (void)path, (void)build_id, (void)build_id_bytes;
	return 0;
}

int ct_symbols_open_recorded(struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	(void)symbols, (void)file;
	return 0;
}

/* Two frames for each address, so that some are inlined, with names that need cleaning. */
size_t ct_symbols_lookup(struct ct_symbols *symbols, int handle, uint64_t address, struct ct_symbol_frame *frames,
			 size_t max)
{
	static const char *const names[] = {"main", "\033[31mred\a", "std::vector<int, std::allocator<int> >::f(int)",
					    NULL};
	(void)symbols;
	if (handle < 0 || max < 2 || address % 7 == 0)
		return 0;
	frames[0] =
		(struct ct_symbol_frame){names[address % 4], address % 3 ? "/src/\033a.c" : NULL, (uint32_t)address};
	frames[1] = (struct ct_symbol_frame){names[address / 4 % 4], "b.c", 1};
	return 1 + address % 2;
}

struct ct_symbol_facts ct_symbols_facts(struct ct_symbols *symbols, int handle)
{
	(void)symbols, (void)handle;
	return (struct ct_symbol_facts){0};
}

struct ct_perf_map *ct_perf_map_open(uint32_t pid, uid_t user)
{
	(void)pid, (void)user;
	return NULL;
}

const char *ct_perf_map_lookup(const struct ct_perf_map *map, uint64_t address)
{
	(void)map;
	return address % 2 ? "LazyCompile:*f file.js:1" : NULL;
}

void ct_perf_map_free(struct ct_perf_map *map)
{
	(void)map;
}

int ct_process_object_open(const struct ct_process_object *object, bool *copied)
{
	(void)object, (void)copied;
	return -1;
}

int ct_servers_ask(struct ct_error_text *error)
{
	(void)error;
	return CT_OK;
}

void ct_symbols_say_missing(const struct ct_symbols *symbols)
{
	(void)symbols;
}

const char *ct_sysroot(void)
{
	return NULL;
}

int ct_sysroot_set(const char *folder, struct ct_error_text *error)
{
	(void)folder, (void)error;
	return CT_OK;
}

int ct_sysroot_open(const char *path, int flags, struct stat *status)
{
	(void)path, (void)flags, (void)status;
	return -1;
}

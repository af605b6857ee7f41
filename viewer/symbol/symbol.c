/* SPDX-License-Identifier: MIT */
#include "symbol/symbol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "symbol/cache.h"
#include "symbol/elf.h"
#include "symbol/process_object.h"
#include "symbol/rights.h"
#include "symbol/servers.h"
#include "symbol/sysroot.h"
#include "util/array.h"
#include "util/message.h"

#define NS_PER_S UINT64_C(1000000000)

/* An object file that was asked for. It is not opened as long as its kept names suffice. */
struct object {
	char *path;
	uint8_t build_id[CT_BUILD_ID_MAX];
	size_t build_id_bytes;
	struct ct_elf *elf; /* NULL: not opened, or it cannot be */
	bool has_failed; /* it cannot be opened any more */
	bool is_known; /* identified by its build-id: see symbol/rights.h */
	struct ct_cache *cache; /* NULL: none */
};

struct ct_symbols {
	struct object *objects;
	size_t object_count, object_room;
	struct ct_elf_names names;
	struct ct_rights rights; /* used at look-ups too, since elfutils opens files late */
	size_t missing_count; /* modules that the sysroot lacks */
	char *missing; /* the first one */
	int missing_errno; /* 0: it is of another build there */
};

struct ct_symbols *ct_symbols_new(void)
{
	ct_servers_init();
	/* libdwfl keeps up to three files open for each module; large programs have hundreds of modules. */
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return calloc(1, sizeof(struct ct_symbols));
}

void ct_symbols_read_as(struct ct_symbols *symbols, uid_t user)
{
	ct_rights_fini(&symbols->rights);
	ct_rights_init(&symbols->rights, user);
}

static void close_object(struct object *object)
{
	ct_cache_close(object->cache, true);
	ct_elf_free(object->elf);
	free(object->path);
}

void ct_symbols_free(struct ct_symbols *symbols)
{
	if (!symbols)
		return;
	ct_elf_names_fini(&symbols->names);
	for (size_t i = 0; i < symbols->object_count; i++)
		close_object(&symbols->objects[i]);
	free(symbols->objects);
	free(symbols->missing);
	ct_rights_fini(&symbols->rights);
	free(symbols);
}

/* Has the file changed? Archives and packages keep its time, perhaps in seconds only, but not its inode. */
static bool same_file(const struct ct_symbol_file *file, const struct stat *now)
{
	uint64_t seconds = file->modified_ns / NS_PER_S, fraction = file->modified_ns % NS_PER_S;
	if (file->build_id_bytes || !file->bytes)
		return true;
	return (uint64_t)now->st_size == file->bytes && (uint64_t)now->st_mtim.tv_sec == seconds &&
	       ((uint64_t)now->st_mtim.tv_nsec == fraction || !now->st_mtim.tv_nsec || !fraction);
}

static struct ct_elf *open_path(const struct ct_symbol_file *file)
{
	struct stat now;
	/* A path that came from a store may name a pipe or a device. */
	int fd = ct_sysroot_open(file->path, 0, &now);
	if (fd >= 0 && !same_file(file, &now)) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? NULL : ct_elf_open(fd, file->path, file->build_id, file->build_id_bytes);
}

/* Only for a file that can be recognised. */
static struct ct_elf *open_in_process(const struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	struct ct_process_object object = {
		.pid = file->pid,
		.user = symbols->rights.user,
		.path = file->path,
		.start = file->start,
		.inode = file->inode,
	};
	struct stat now;
	bool copied;
	int fd = file->pid ? ct_process_object_open(&object, &copied) : -1;
	if (fd >= 0 && !copied && file->inode && (fstat(fd, &now) != 0 || !same_file(file, &now))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return NULL;
	/* Without a build-id, libdw would take another file of that name for the debug information of this one. */
	const char *path = file->build_id_bytes ? file->path : "/dev/null/recorded";
	return ct_elf_open(fd, path, file->build_id, file->build_id_bytes);
}

/* Open the object now, or find that the names kept of it can be used. False: its file is gone or of another build. */
static bool open_object(struct ct_symbols *symbols, const struct ct_symbol_file *file, struct object *object)
{
	/* Kept names may be those of a time when no server was asked. None are kept of what is below a sysroot. */
	if (object->is_known && !ct_servers_asked() && !ct_sysroot())
		object->cache = ct_cache_open(file->build_id, file->build_id_bytes, file->path, ct_symbols_reader());
	if (object->cache && ct_cache_is_valid(object->cache))
		return true;
	if (!object->is_known && !ct_rights_lower(&symbols->rights))
		return false;
	object->elf = open_path(file);
	if (!object->elf && !ct_sysroot()) { /* what a process has mapped is not what is at the path */
		ct_cache_close(object->cache, false);
		object->cache = NULL;
		object->elf = open_in_process(symbols, file);
	}
	if (!object->is_known)
		ct_rights_raise(&symbols->rights);
	return object->elf;
}

static void note_missing(struct ct_symbols *symbols, const char *path)
{
	struct stat status;
	if (!ct_sysroot() || *path != '/' || symbols->missing_count++)
		return;
	int fd = ct_sysroot_open(path, 0, &status);
	symbols->missing_errno = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	symbols->missing = strdup(path);
}

void ct_symbols_say_missing(const struct ct_symbols *symbols)
{
	static char said[512];
	char text[sizeof(said)];
	if (!symbols || !symbols->missing)
		return;
	if (symbols->missing_count > 1)
		snprintf(text, sizeof(text),
			 "%zu modules are missing there or of another build, such as %s; their functions have no names",
			 symbols->missing_count, symbols->missing);
	else
		snprintf(text, sizeof(text), "%s %s there; its functions have no names", symbols->missing,
			 symbols->missing_errno == ENOENT ? "is missing"
			 : symbols->missing_errno         ? "cannot be read"
							  : "is of another build");
	if (strcmp(said, text))
		ct_message("--sysroot %s: %s", ct_sysroot(), text);
	memcpy(said, text, sizeof(said));
}

int ct_symbols_open_recorded(struct ct_symbols *symbols, const struct ct_symbol_file *file)
{
	struct object object = {
		.path = strdup(file->path),
		.build_id_bytes = file->build_id_bytes,
		.is_known = file->build_id_bytes >= CT_CACHE_BUILD_ID_MIN && file->build_id_bytes <= CT_BUILD_ID_MAX,
	};
	if (object.is_known)
		memcpy(object.build_id, file->build_id, file->build_id_bytes);
	if (!object.path ||
	    !ct_array_room(&symbols->objects, &symbols->object_room, symbols->object_count + 1, sizeof(object)) ||
	    !open_object(symbols, file, &object)) {
		note_missing(symbols, file->path);
		close_object(&object);
		return -1;
	}
	symbols->objects[symbols->object_count] = object;
	return (int)symbols->object_count++;
}

int ct_symbols_open(struct ct_symbols *symbols, const char *path, const uint8_t *build_id, size_t build_id_bytes)
{
	struct ct_symbol_file file = {.path = path, .build_id = build_id, .build_id_bytes = build_id_bytes};
	return ct_symbols_open_recorded(symbols, &file);
}

/* The object with its tables; NULL: it cannot be opened any more. */
static struct ct_elf *elf_of(struct object *object)
{
	if (!object->elf && !object->has_failed) {
		object->elf = open_path(&(struct ct_symbol_file){
			.path = object->path,
			.build_id = object->build_id,
			.build_id_bytes = object->build_id_bytes,
		});
		object->has_failed = !object->elf;
	}
	return object->elf;
}

static void depend(void *cache, const char *path)
{
	ct_cache_depend(cache, path);
}

/* Look an address up in the object itself, and keep its names. */
static size_t look_up(struct ct_symbols *symbols, struct object *object, uint64_t address,
		      struct ct_symbol_frame *frames, size_t max)
{
	struct ct_elf *elf = elf_of(object);
	size_t count = elf ? ct_elf_lookup(elf, &symbols->names, address, frames, max) : 0;
	if (!elf || !object->cache)
		return count;
	if (ct_cache_is_valid(object->cache) || ct_elf_sources(elf, depend, object->cache)) {
		ct_cache_add(object->cache, address, frames, count);
	} else {
		ct_cache_close(object->cache, false);
		object->cache = NULL;
	}
	return count;
}

size_t ct_symbols_lookup(struct ct_symbols *symbols, int handle, uint64_t address, struct ct_symbol_frame *frames,
			 size_t max)
{
	size_t count;
	if (handle < 0 || (size_t)handle >= symbols->object_count || !max)
		return 0;
	struct object *object = &symbols->objects[handle];
	if (object->cache && ct_cache_find(object->cache, address, frames, max, &count))
		return count;
	memset(frames, 0, max * sizeof(*frames));
	if (!object->is_known && !ct_rights_lower(&symbols->rights))
		return 0;
	count = look_up(symbols, object, address, frames, max);
	if (!object->is_known)
		ct_rights_raise(&symbols->rights);
	return count;
}

const char *ct_symbols_reader(void)
{
	return ct_elf_reader();
}

struct ct_symbol_facts ct_symbols_facts(struct ct_symbols *symbols, int handle)
{
	struct ct_elf *elf = NULL;
	if (handle >= 0 && (size_t)handle < symbols->object_count)
		elf = elf_of(&symbols->objects[handle]);
	return elf ? ct_elf_facts(elf) : (struct ct_symbol_facts){0};
}

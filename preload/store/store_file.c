/* SPDX-License-Identifier: MIT */
#include "store/store_file.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ctrace/report_name.h"
#include "ctrace/ring.h"
#include "hot/state.h"
#include "sys/lock.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/sandbox.h"
#include "sys/say.h"
#include "sys/sys.h"

#define EXTENT_MAX_BYTES (16u << 20)
#define NAME_TRIES 100u
#define ROOM_FACTOR 3u /* how much room to make, as a multiple of what is used */
#define ROOM_MIN_BYTES (512u << 10) /* for each section: sshd's child has used little when it enters its sandbox */

/* The addresses reserved for a section limit how much it can ever hold. */
static const struct section_shape {
	uint32_t element_bytes;
	uint32_t first_bytes;
	uint64_t reserved_bytes;
} shapes[CT_SECTION_COUNT] = {
	[CT_SECTION_STRINGS] = {1, 16u << 10, 256ull << 20},
	[CT_SECTION_MODULES] = {sizeof(struct ct_module), 16u << 10, 64ull << 20},
	[CT_SECTION_NODES] = {sizeof(struct ct_node), 64u << 10, 2048ull << 20},
	[CT_SECTION_SITES] = {sizeof(struct ct_site), 64u << 10, 2048ull << 20},
	[CT_SECTION_RINGS] = {sizeof(struct ct_ring), 4u << 10, 1ull << 20},
	[CT_SECTION_SNAPSHOTS] = {sizeof(struct ct_snapshot_row), 4u << 10, 512ull << 20},
	[CT_SECTION_MARKS] = {sizeof(struct ct_mark_row), 4u << 10, CT_MARKS_MAX * sizeof(struct ct_mark_row)},
	[CT_SECTION_REACH] = {sizeof(struct ct_reach_row), 4u << 10, 1024ull << 20},
	[CT_SECTION_SEGMENTS] = {sizeof(struct ct_segment_head), 4u << 10, 1024ull << 20},
	[CT_SECTION_COUNTERS] = {sizeof(uint64_t), 4u << 10, 512ull << 20},
	[CT_SECTION_EVENTS] = {sizeof(struct ct_event), CT_RING_EVENTS_SHORT * sizeof(struct ct_event), 1ull << 30},
};

static struct section_place {
	char *base;
	size_t reserved;
	size_t mapped;
} places[CT_SECTION_COUNT];

static struct ct_text store_path;
static uint64_t file_bytes;
static uint64_t file_device, file_inode;
static uid_t file_owner;

struct ct_lock ct_lock_store;

bool ct_store_reserve_addresses(void)
{
	for (int i = 0; i < CT_SECTION_COUNT; i++) {
		size_t bytes = shapes[i].reserved_bytes;
		places[i].base = ct_region_reserve(bytes);
		places[i].reserved = bytes;
		if (!places[i].base)
			return false;
	}
	return true;
}

void *ct_store_base(enum ct_section_id section)
{
	return places[section].base;
}

size_t ct_store_mapped(enum ct_section_id section)
{
	return places[section].mapped;
}

uint64_t ct_store_capacity(enum ct_section_id section)
{
	return places[section].mapped / shapes[section].element_bytes;
}

uint64_t ct_store_limit(enum ct_section_id section)
{
	return places[section].reserved / shapes[section].element_bytes;
}

const char *ct_store_path(void)
{
	return store_path.bytes;
}

void ct_store_stop(const char *why)
{
	uint32_t on = CT_PHASE_ON;
	if (!__atomic_compare_exchange_n(&ct_gate.phase, &on, CT_PHASE_OFF, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	struct ct_store_header *header = ct_tracer.header;
	header->stop_reason = ct_store_string(why, strlen(why));
	ct_set_release(&header->state, CT_STATE_STOPPED);
	ct_say("recording stopped: ", why, "; data recorded so far is kept");
}

bool ct_store_stopped(void)
{
	return ct_get_acquire(&ct_tracer.header->state) == CT_STATE_STOPPED;
}

static int seek_write(int fd, uint64_t offset, const void *bytes, size_t length)
{
	while (length) {
		long done = ct_syscall4(SYS_pwrite64, fd, bytes, length, offset);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -ENOSPC;
		bytes = (const char *)bytes + done;
		offset += (uint64_t)done;
		length -= (size_t)done;
	}
	return 0;
}

int ct_store_allocate(int fd, uint64_t offset, uint64_t bytes)
{
	static const char zeros[CT_STORE_PAGE];
	struct rlimit limit;
	long error;
	/* Beyond RLIMIT_FSIZE the kernel sends a signal that kills the process. */
	if (ct_syscall4(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) == 0 && offset + bytes > limit.rlim_cur)
		return -EFBIG;
	do
		error = ct_syscall4(SYS_fallocate, fd, 0, offset, bytes);
	while (error == -EINTR);
	if (error != -EOPNOTSUPP && error != -ENOSYS)
		return (int)error;
	for (error = 0; bytes && !error; bytes -= sizeof(zeros), offset += sizeof(zeros))
		error = seek_write(fd, offset, zeros, sizeof(zeros));
	return (int)error;
}

static bool map_file(void *place, int fd, uint64_t offset, size_t bytes)
{
	return ct_sys_mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) != NULL;
}

/* Open the store again; -ESTALE if another file has its name now. */
static int reopen(void)
{
	struct stat now;
	int fd = ct_sys_open(store_path.bytes, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (ct_syscall3(SYS_fstat, fd, &now, 0) < 0 || now.st_dev != file_device || now.st_ino != file_inode) {
		ct_sys_close(fd);
		return -ESTALE;
	}
	return fd;
}

static bool is_on(void)
{
	return ct_get_acquire(&ct_gate.phase) == CT_PHASE_ON;
}

bool ct_store_is_lent(void)
{
	return is_on() && ct_sys_getpid() != ct_tracer.header->pid;
}

/*
 * What setfsuid changes in a thread: the user whose files it may open, and two properties that the kernel resets along
 * with it.
 */
struct rights {
	long user, dumpable;
	int death_signal;
};

/*
 * Open files as the store's owner: a program that has changed its user only for a while may still reach its store.
 * False: nothing has changed.
 */
static bool become_owner(struct rights *before)
{
	before->user = ct_syscall3(SYS_setfsuid, -1, 0, 0);
	if (before->user < 0 || (uid_t)before->user == file_owner)
		return false;
	before->dumpable = ct_syscall3(SYS_prctl, PR_GET_DUMPABLE, 0, 0);
	ct_syscall3(SYS_prctl, PR_GET_PDEATHSIG, &before->death_signal, 0);
	ct_syscall3(SYS_setfsuid, file_owner, 0, 0);
	return true;
}

static void become_before(const struct rights *before)
{
	ct_syscall3(SYS_setfsuid, before->user, 0, 0);
	ct_syscall3(SYS_prctl, PR_SET_DUMPABLE, before->dumpable, 0);
	ct_syscall3(SYS_prctl, PR_SET_PDEATHSIG, before->death_signal, 0);
}

int ct_store_open(void)
{
	struct rights before = {0};
	int fd = reopen();
	if (fd == -EACCES && become_owner(&before)) {
		fd = reopen();
		become_before(&before);
	}
	return fd;
}

void ct_store_give_to(uid_t user)
{
	struct rights before = {0};
	if (!is_on() || ct_store_is_lent() || user == file_owner)
		return;
	bool changed = become_owner(&before);
	int fd = reopen();
	if (fd >= 0) {
		if (ct_syscall3(SYS_fchown, fd, user, -1) == 0)
			file_owner = user;
		ct_sys_close(fd);
	}
	if (changed)
		become_before(&before);
}

uid_t ct_store_owner(void)
{
	return file_owner;
}

static int add_extent(int fd, enum ct_section_id section, size_t bytes)
{
	struct ct_store_header *header = ct_tracer.header;
	struct section_place *place = &places[section];
	bytes = ct_page_round_up(bytes);
	if (header->extent_count == CT_EXTENTS_MAX || bytes > place->reserved - place->mapped)
		return -ENOMEM;
	int error = ct_store_allocate(fd, file_bytes, bytes);
	if (error)
		return error;
	if (!ct_region_fill(place->base + place->mapped, bytes, fd, file_bytes))
		return -ENOMEM;
	header->extents[header->extent_count] = (struct ct_extent){
		.file_offset = file_bytes,
		.pages = (uint32_t)(bytes / CT_STORE_PAGE),
		.section = section,
	};
	ct_set_release(&header->extent_count, header->extent_count + 1);
	place->mapped += bytes;
	file_bytes += bytes;
	return 0;
}

static const char *reason(int error)
{
	switch (-error) {
	case ENOSPC:
	case EDQUOT:
		return "no space left for the store";
	case EFBIG:
		return "the store has reached the file size limit";
	case ENOMEM:
		return "no memory or address space left for the store";
	default:
		if (ct_get_relaxed(&ct_filters))
			return "the store cannot grow in the program's sandbox (seccomp)";
		if (ct_get_relaxed(&ct_landlock))
			return "the store cannot grow in the program's sandbox (Landlock)";
		return "the store cannot grow (moved, removed, or its folder is out of reach)";
	}
}

static int grow(enum ct_section_id section, uint64_t elements)
{
	struct section_place *place = &places[section];
	int error = 0;
	ct_lock_get(&ct_lock_store);
	while (!error && ct_store_capacity(section) < elements) {
		size_t bytes = place->mapped < EXTENT_MAX_BYTES ? place->mapped : EXTENT_MAX_BYTES;
		if (bytes > place->reserved - place->mapped)
			bytes = place->reserved - place->mapped;
		int fd = bytes ? ct_store_open() : -ENOMEM;
		error = fd < 0 ? fd : add_extent(fd, section, bytes);
		if (fd >= 0)
			ct_sys_close(fd);
	}
	ct_lock_put(&ct_lock_store);
	return error;
}

bool ct_store_grow(enum ct_section_id section, uint64_t elements)
{
	int error = grow(section, elements);
	if (error)
		ct_store_stop(reason(error));
	return !error;
}

bool ct_store_try_grow(enum ct_section_id section, uint64_t elements)
{
	return elements <= ct_store_capacity(section) || !grow(section, elements);
}

void ct_store_make_room(void)
{
	static const enum ct_section_id growing[] = {
		CT_SECTION_STRINGS,   CT_SECTION_NODES,    CT_SECTION_SITES,
		CT_SECTION_SNAPSHOTS, CT_SECTION_COUNTERS, CT_SECTION_EVENTS}; /* rings of threads that begin later */
	if (!is_on() || ct_store_is_lent())
		return;
	for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++) {
		uint64_t wanted = ROOM_FACTOR * ct_tracer.header->sections[growing[i]].used;
		uint64_t least = ROOM_MIN_BYTES / shapes[growing[i]].element_bytes;
		grow(growing[i], wanted > least ? wanted : least);
	}
}

/*
 * Any thread adds strings, without a lock, because ct_store_stop adds one and may be called under any lock. `used`
 * moves only once there is room, and never back: another thread may have begun its string after this one by then.
 */
struct ct_span ct_store_string(const char *bytes, size_t length)
{
	struct ct_section *strings = &ct_tracer.header->sections[CT_SECTION_STRINGS];
	uint64_t start = ct_get_relaxed(&strings->used);
	do {
		if (start + length > ct_store_capacity(CT_SECTION_STRINGS) &&
		    !ct_store_grow(CT_SECTION_STRINGS, start + length))
			return (struct ct_span){0, 0};
	} while (!__atomic_compare_exchange_n(&strings->used, &start, start + length, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	memcpy(places[CT_SECTION_STRINGS].base + start, bytes, length);
	return (struct ct_span){(uint32_t)start, (uint32_t)length};
}

/*
 * Create the file OUTPUT.store. If it exists, OUTPUT gets the process's number before its extension. A program that the
 * process has started by exec gets a further number, so that no two processes write the same report. Returns fd or
 * -errno.
 */
static int create_file(struct ct_text *output)
{
	struct ct_text *first = &ct_text_scratch;
	int fd = -EEXIST;
	ct_text_clear(first);
	ct_text_add_bytes(first, output->bytes, output->length);
	size_t stem = ct_report_stem(first->bytes);
	for (uint32_t i = 1; i <= NAME_TRIES && fd == -EEXIST; i++) {
		if (i > 1) {
			output->length = stem;
			ct_text_add(output, ".");
			ct_text_add_number(output, ct_sys_getpid());
			if (i > 2) {
				ct_text_add(output, ".");
				ct_text_add_number(output, i - 1);
			}
			ct_text_add(output, first->bytes + stem);
		}
		ct_text_clear(&store_path);
		ct_text_add_bytes(&store_path, output->bytes, output->length);
		ct_text_add(&store_path, ".store");
		if (output->cut || store_path.cut)
			return -ENAMETOOLONG;
		fd = ct_sys_open(store_path.bytes, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	}
	if (fd < 0)
		return fd;
	struct stat now;
	ct_syscall3(SYS_fstat, fd, &now, 0);
	file_device = now.st_dev;
	file_inode = now.st_ino;
	file_owner = (uid_t)ct_syscall3(SYS_geteuid, 0, 0, 0); /* fstat may report another owner */
	return fd;
}

static void give_up_file(int fd)
{
	ct_sys_close(fd);
	ct_sys_unlink(store_path.bytes);
}

int ct_store_create(struct ct_text *output)
{
	int fd = create_file(output);
	if (fd < 0)
		return fd;
	file_bytes = ct_page_round_up(CT_STORE_HEADER_BYTES);
	int error = ct_store_allocate(fd, 0, file_bytes);
	void *place = error ? NULL : ct_region_reserve(file_bytes);
	if (!error && (!place || !ct_region_fill(place, file_bytes, fd, 0)))
		error = -ENOMEM;
	if (!error)
		ct_tracer.header = place;
	if (!error) {
		struct ct_store_header *header = ct_tracer.header;
		header->version = CT_STORE_VERSION;
		header->byte_order = CT_STORE_BYTE_ORDER;
		header->header_bytes = CT_STORE_HEADER_BYTES;
		for (int i = 0; i < CT_SECTION_COUNT && !error; i++) {
			header->sections[i].element_bytes = shapes[i].element_bytes;
			error = add_extent(fd, i, shapes[i].first_bytes);
		}
	}
	if (error) {
		give_up_file(fd);
		ct_tracer.header = NULL;
		for (int i = 0; i < CT_SECTION_COUNT; i++) {
			ct_sys_munmap(places[i].base, places[i].mapped);
			places[i].mapped = 0;
		}
		return error;
	}
	ct_sys_close(fd);
	return 0;
}

void ct_store_remove(void)
{
	int fd = ct_store_open();
	if (fd >= 0)
		give_up_file(fd);
}

static int write_copy(int fd)
{
	struct ct_store_header *header = ct_tracer.header;
	size_t done[CT_SECTION_COUNT] = {0};
	int error = ct_store_allocate(fd, 0, file_bytes);
	if (!error)
		error = seek_write(fd, 0, header, CT_STORE_HEADER_BYTES);
	for (uint32_t i = 0; i < header->extent_count && !error; i++) {
		struct ct_extent *extent = &header->extents[i];
		size_t bytes = (size_t)extent->pages * CT_STORE_PAGE;
		size_t used = header->sections[extent->section].used * shapes[extent->section].element_bytes;
		size_t start = done[extent->section];
		size_t filled = used > start ? used - start : 0;
		done[extent->section] += bytes;
		error = seek_write(fd, extent->file_offset, places[extent->section].base + start,
				   filled < bytes ? filled : bytes);
	}
	return error;
}

static bool map_copy(int fd)
{
	struct ct_store_header *header = ct_tracer.header;
	size_t done[CT_SECTION_COUNT] = {0};
	if (!map_file(header, fd, 0, ct_page_round_up(CT_STORE_HEADER_BYTES)))
		return false;
	for (uint32_t i = 0; i < header->extent_count; i++) {
		struct ct_extent *extent = &header->extents[i];
		size_t bytes = (size_t)extent->pages * CT_STORE_PAGE;
		if (!map_file(places[extent->section].base + done[extent->section], fd, extent->file_offset, bytes))
			return false;
		done[extent->section] += bytes;
	}
	return true;
}

int ct_store_create_copy(struct ct_text *output)
{
	int fd = create_file(output);
	if (fd < 0)
		return fd;
	int error = write_copy(fd);
	if (!error && !map_copy(fd))
		error = -ENOMEM;
	if (error)
		give_up_file(fd);
	else
		ct_sys_close(fd);
	return error;
}

bool ct_store_replace(void *place, void *copy, size_t bytes)
{
	long at = ct_syscall6(SYS_mremap, (long)copy, (long)bytes, (long)bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			      (long)place, 0);
	return at == (long)place;
}

static bool map_private(void *place, size_t bytes)
{
	return ct_sys_mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	       NULL;
}

bool ct_store_drop_rings(void)
{
	static const enum ct_section_id dropped[] = {CT_SECTION_RINGS, CT_SECTION_EVENTS};
	for (size_t i = 0; i < 2; i++) {
		if (!map_private(places[dropped[i]].base, places[dropped[i]].mapped))
			return false;
		ct_tracer.header->sections[dropped[i]].used = 0;
	}
	return true;
}

void ct_store_leave(void)
{
	if (!ct_tracer.header)
		return;
	for (int i = 0; i < CT_SECTION_COUNT; i++)
		map_private(places[i].base, places[i].mapped);
	if (!map_private(ct_tracer.header, ct_page_round_up(CT_STORE_HEADER_BYTES)))
		ct_tracer.header = NULL;
}

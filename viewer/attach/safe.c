/* SPDX-License-Identifier: MIT */
#include "attach/safe.h"

#include <elfutils/libdwfl.h>
#include <linux/rseq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "symbol/process_object.h"
#include "util/open.h"

#define FRAMES_MAX 5000u
#define GET_RSEQ 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION; Linux 5.13 */

struct ct_walker {
	struct ct_remote *remote;
	Dwfl *dwfl;
	char allocator[PATH_MAX]; /* the object that has a malloc besides the C library; empty: none */
	/* of the walk in progress */
	const struct user_regs_struct *registers;
	bool at_call; /* the innermost frame is right behind a system call */
	bool ended_in_libc; /* the latest frame is in the C library or the loader */
	uint32_t frames;
	char why[128];
};

static struct ct_remote *opened; /* find_file has no argument of ours */

/* The file of a module: what the process has mapped, not what has its name by now or in our mount namespace. */
static int find_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start, char **file, Elf **elf)
{
	if (*name == '[')
		return dwfl_linux_proc_find_elf(module, data, name, start, file, elf);
	const struct ct_remote_map *map = ct_remote_map_at(opened, start);
	char path[PATH_MAX];
	struct stat status;
	bool copied;
	if (!map || snprintf(path, sizeof(path), "root%s", map->path) >= (int)sizeof(path))
		return -1;
	int fd = ct_open_regular(opened->process.folder, path, 0, &status);
	if (fd >= 0 && status.st_ino != map->inode) {
		close(fd);
		fd = -1;
	}
	struct ct_process_object object = {
		.pid = (uint32_t)opened->process.pid, .path = map->path, .start = start, .inode = map->inode};
	if (fd < 0)
		fd = ct_process_object_open(&object, &copied);
	*file = fd < 0 ? NULL : strdup(name);
	return fd;
}

/* Unwind tables are in the file itself. */
static int find_nothing(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start, const char *file,
			const char *link, GElf_Word sum, char **found)
{
	(void)module, (void)data, (void)name, (void)start, (void)file, (void)link, (void)sum, (void)found;
	return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_file, .find_debuginfo = find_nothing};

/* Read the list of modules. */
static bool report(struct ct_walker *walker)
{
	struct ct_error_text ignored;
	opened = walker->remote;
	if (ct_remote_read_maps(walker->remote, &ignored) != 0)
		return false;
	dwfl_report_begin(walker->dwfl);
	return dwfl_linux_proc_report(walker->dwfl, walker->remote->process.pid) == 0 &&
	       dwfl_report_end(walker->dwfl, NULL, NULL) == 0;
}

static void find_allocator(struct ct_walker *walker)
{
	const struct ct_remote *remote = walker->remote;
	struct ct_image image;
	for (size_t i = 0; i < remote->map_count && !*walker->allocator; i++) {
		const struct ct_remote_map *map = &remote->maps[i];
		if (map->offset || *map->path != '/' || strstr(map->path, "libctrace") ||
		    !strcmp(map->path, remote->libc_path) || !strcmp(map->path, remote->loader_path) ||
		    !ct_image_read(remote, map->start, &image))
			continue;
		if (ct_image_find(&image, "malloc"))
			snprintf(walker->allocator, sizeof(walker->allocator), "%s", map->path);
		ct_image_free(&image);
	}
}

struct ct_walker *ct_walker_new(struct ct_remote *remote)
{
	struct ct_walker *walker = calloc(1, sizeof(*walker));
	if (!walker)
		return NULL;
	walker->remote = remote;
	find_allocator(walker);
	walker->dwfl = dwfl_begin(&callbacks);
	if (walker->dwfl && report(walker) && dwfl_linux_proc_attach(walker->dwfl, remote->process.pid, true) == 0)
		return walker;
	ct_walker_free(walker);
	return NULL;
}

void ct_walker_free(struct ct_walker *walker)
{
	if (walker && walker->dwfl)
		dwfl_end(walker->dwfl);
	free(walker);
}

static const int well[] = {
	SYS_read,     SYS_readv,   SYS_pread64,       SYS_write,           SYS_writev,      SYS_pwrite64,
	SYS_recvfrom, SYS_recvmsg, SYS_sendto,        SYS_sendmsg,         SYS_accept,      SYS_accept4,
	SYS_poll,     SYS_ppoll,   SYS_nanosleep,     SYS_clock_nanosleep, SYS_futex,       SYS_wait4,
	SYS_waitid,   SYS_pause,   SYS_rt_sigsuspend, SYS_flock,           SYS_sched_yield,
};
/* After restart_syscall, the kernel alone knows which call it was. */
static const int late[] = {
	SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,    SYS_rt_sigtimedwait,
	SYS_select,     SYS_pselect6,    SYS_restart_syscall,
};

static bool is_in(const int *list, size_t count, int64_t call)
{
	while (count-- > 0)
		if (list[count] == call)
			return true;
	return false;
}

enum ct_suits ct_suits(int64_t call)
{
	if (call < 0)
		return CT_SUITS_BUSY;
	if (is_in(well, sizeof(well) / sizeof(well[0]), call))
		return CT_SUITS_WELL;
	return is_in(late, sizeof(late) / sizeof(late[0]), call) ? CT_SUITS_LATE : CT_SUITS_NOT;
}

/* Functions of the C library that hold a lock which dlopen, malloc or the start of a recording may need. */
static bool is_denied(const char *name)
{
	static const char *const names[] = {
		"malloc",
		"free",
		"calloc",
		"realloc",
		"memalign",
		"aligned_alloc",
		"posix_memalign",
		"valloc",
		"pvalloc",
		"reallocarray",
		"cfree",
		"malloc_trim",
		"mallinfo",
		"mallinfo2",
		"malloc_info",
		"malloc_stats",
		"mallopt",
		"malloc_usable_size",
		"dlopen",
		"dlclose",
		"dlsym",
		"dlvsym",
		"dlmopen",
		"dlerror",
		"dladdr",
		"dladdr1",
		"dlinfo",
		"dlopen_mode",
		"dl_iterate_phdr",
		"fork",
		"Fork",
		"vfork",
		"posix_spawn",
		"posix_spawnp",
		"system",
		"popen",
		"exit",
		"quick_exit",
		"Exit",
		"cxa_finalize",
		"cxa_atexit",
		"cxa_at_quick_exit",
		"cxa_thread_atexit_impl",
		"register_atfork",
		"pthread_create",
		"pthread_exit",
		"pthread_atfork",
		"abort",
		"raise",
		"setlocale",
		"newlocale",
		"freelocale",
		"duplocale",
		"uselocale",
		"bindtextdomain",
		"textdomain",
		"gettext",
		"dgettext",
		"dcgettext",
		"ngettext",
		"dngettext",
		"dcngettext",
		"iconv_open",
		"iconv_close",
		"iconv",
		"libc_freeres",
		"longjmp",
		"siglongjmp",
		"pthread_setattr_default_np",
	};
	name += strspn(name, "_");
	if (!strncmp(name, "libc_", 5) || !strncmp(name, "GI_", 3))
		name += name[0] == 'l' ? 5 : 3;
	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Parts of the C library that are files of their own before 2.34. */
static bool is_libc(const struct ct_walker *walker, const char *path)
{
	const char *base = strrchr(path, '/');
	return !strcmp(path, walker->remote->libc_path) ||
	       (base &&
		(!strncmp(base, "/libpthread", 11) || !strncmp(base, "/libdl", 6) || !strncmp(base, "/librt", 6)));
}

/* Some allocators are known by name, as their functions may be called without malloc. */
static bool is_allocator(const struct ct_walker *walker, const char *path)
{
	static const char *const names[] = {"/libjemalloc", "/libtcmalloc",       "/libmimalloc", "/libtbbmalloc",
					    "/libsnmalloc", "/libc_malloc_debug", "/libhoard",    "/librpmalloc"};
	const char *base = strrchr(path, '/');
	for (size_t i = 0; base && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return *walker->allocator && !strcmp(path, walker->allocator);
}

/* The frame that a signal handler returns to. */
static bool is_restorer(const struct ct_walker *walker, uint64_t pc)
{
	unsigned char code[9];
	return ct_remote_read(walker->remote, pc, code, sizeof(code)) &&
	       !memcmp(code, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", sizeof(code));
}

static const char *judge_libc(struct ct_walker *walker, uint64_t pc)
{
	const char *name = ct_image_function(&walker->remote->libc, pc);
	if (walker->frames == 0 && !walker->at_call)
		snprintf(walker->why, sizeof(walker->why), "running in the C library (%s)", name ? name : "?");
	else if (name && is_denied(name))
		snprintf(walker->why, sizeof(walker->why), "in %s", name);
	else
		return NULL;
	return walker->why;
}

static const char *judge(struct ct_walker *walker, uint64_t pc)
{
	const struct ct_remote_map *map = ct_remote_map_at(walker->remote, pc);
	walker->ended_in_libc = false;
	if (!map)
		return walker->frames ? NULL : "at an address that is not mapped";
	if (is_restorer(walker, pc + (walker->frames != 0)))
		return "in a signal handler";
	if (!strcmp(map->path, walker->remote->loader_path)) {
		walker->ended_in_libc = true;
		return "in the loader";
	}
	if (is_allocator(walker, map->path))
		return "in the allocator";
	if (strstr(map->path, "/libctrace") || strstr(map->path, "/memfd:libctrace"))
		return "in the tracer";
	walker->ended_in_libc = is_libc(walker, map->path);
	return walker->ended_in_libc ? judge_libc(walker, pc) : NULL;
}

static int visit(Dwfl_Frame *frame, void *context)
{
	struct ct_walker *walker = context;
	Dwarf_Addr pc;
	bool exact;
	if (!dwfl_frame_pc(frame, &pc, &exact))
		return DWARF_CB_ABORT;
	const char *why = judge(walker, walker->frames == 0 ? walker->registers->rip : exact ? pc : pc - 1);
	if (why) {
		if (why != walker->why)
			snprintf(walker->why, sizeof(walker->why), "%s", why);
		return DWARF_CB_ABORT;
	}
	if (++walker->frames < FRAMES_MAX)
		return DWARF_CB_OK;
	snprintf(walker->why, sizeof(walker->why), "on a stack of more than %u frames", FRAMES_MAX);
	return DWARF_CB_ABORT;
}

/* A restartable sequence (rseq) that was left in the middle would go on as if nothing had happened. */
static bool is_in_rseq(const struct ct_walker *walker, int tid)
{
	struct {
		uint64_t address;
		uint32_t size, signature, flags, rest;
	} where;
	struct rseq rseq;
	struct rseq_cs section;
	uint64_t pc = walker->registers->rip, at;
	if (ptrace(GET_RSEQ, tid, sizeof(where), &where) != sizeof(where) || !where.address ||
	    !ct_remote_read(walker->remote, where.address, &rseq, sizeof(rseq)))
		return false;
	memcpy(&at, (const char *)&rseq + offsetof(struct rseq, rseq_cs), sizeof(at));
	return at && ct_remote_read(walker->remote, at, &section, sizeof(section)) &&
	       pc - section.start_ip < section.post_commit_offset;
}

static bool is_at_call(const struct ct_walker *walker)
{
	unsigned char code[2];
	uint64_t pc = walker->registers->rip;
	return (int64_t)walker->registers->orig_rax >= 0 &&
	       ct_remote_read(walker->remote, pc - sizeof(code), code, sizeof(code)) && code[0] == 0x0f &&
	       code[1] == 0x05;
}

static void walk(struct ct_walker *walker, int tid)
{
	walker->frames = 0;
	walker->why[0] = '\0';
	walker->ended_in_libc = false;
	int result = dwfl_getthread_frames(walker->dwfl, tid, visit, walker);
	if (*walker->why)
		return;
	/* Code without unwind tables that the C library has called (JIT) may end the walk; its own code may not. */
	if (walker->frames == 0 || (result < 0 && walker->ended_in_libc))
		snprintf(walker->why, sizeof(walker->why), "on a stack that cannot be walked");
}

const char *ct_walker_refuses(struct ct_walker *walker, int tid, const struct user_regs_struct *registers)
{
	walker->registers = registers;
	walker->at_call = is_at_call(walker);
	if (walker->at_call && ct_suits((int64_t)registers->orig_rax) == CT_SUITS_NOT) {
		snprintf(walker->why, sizeof(walker->why), "in system call %lld", (long long)registers->orig_rax);
		return walker->why;
	}
	if (!dwfl_addrmodule(walker->dwfl, registers->rip) && !report(walker))
		return "gone";
	if (is_in_rseq(walker, tid))
		return "in a restartable sequence";
	walk(walker, tid);
	return *walker->why ? walker->why : NULL;
}

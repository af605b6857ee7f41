/* SPDX-License-Identifier: MIT */
#include "life/output.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#include "ctrace/store.h"
#include "hot/state.h"
#include "sys/options.h"
#include "sys/sys.h"
#include "unwind/objects.h"

#define EXE "/proc/self/exe"

#define CT_PROGRAM_NAME_BYTES 128u /* of the program's name in that of its report */

static const char *exe = ""; /* the program's path */
static bool through_loader;
static const char *folder; /* the current one at start */

/*
 * If the loader was started as a program (`ld.so ./app`), /proc/self/exe is the loader. The kernel has then loaded no
 * other one (AT_BASE), and the loader puts the address of the real program's headers into the auxiliary vector. The
 * maps cut very long paths, and take long to read, so the link is used where it leads to the same file.
 */
static void find_exe(char *path)
{
	static struct ct_text mapped; /* only one thread starts */
	struct stat file;
	uint64_t inode;
	long length = ct_sys_readlink(EXE, path, CT_PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
	if (getauxval(AT_BASE) && ct_syscall4(SYS_newfstatat, AT_FDCWD, path, &file, 0) == 0)
		return;
	if (!ct_object_file(getauxval(AT_PHDR), &mapped, &inode))
		return;
	/* On older kernels, overlayfs has two inodes for one file. */
	through_loader = (ct_syscall4(SYS_newfstatat, AT_FDCWD, EXE, &file, 0) < 0 || file.st_ino != inode) &&
			 strcmp(path, mapped.bytes) != 0;
	/* The link of a file that has been removed ends in " (deleted)". */
	if (through_loader || ct_syscall4(SYS_newfstatat, AT_FDCWD, path, &file, 0) < 0)
		memcpy(path, mapped.bytes, mapped.length + 1);
}

/* /proc is not mounted: use the name by which the kernel started the program, unless that is a script's. */
static void find_exe_without_proc(void)
{
	static struct ct_text path; /* only one thread starts */
	const char *name = (const char *)getauxval(AT_EXECFN);
	char head[4] = "";
	ct_text_clear(&path);
	if (name)
		ct_output_add_absolute(&path, name);
	int fd = path.cut || !name ? -1 : ct_sys_open(path.bytes, O_RDONLY, 0);
	if (fd < 0)
		return;
	if (ct_sys_read(fd, head, sizeof(head)) == sizeof(head) && !memcmp(head, "\177ELF", sizeof(head)))
		exe = ct_text_keep(&path);
	ct_sys_close(fd);
}

void ct_output_init(void)
{
	struct ct_text *work = &ct_text_scratch;
	find_exe(work->bytes);
	work->length = strlen(work->bytes);
	exe = ct_text_keep(work);
	/* The folder may have been removed, or be outside the root. */
	if (ct_syscall3(SYS_getcwd, work->bytes, sizeof(work->bytes), 0) < 0 || work->bytes[0] != '/')
		strcpy(work->bytes, "/proc/self/cwd");
	work->length = strlen(work->bytes);
	folder = ct_text_keep(work);
	if (!*exe)
		find_exe_without_proc();
}

const char *ct_output_exe(void)
{
	return exe;
}

bool ct_output_through_loader(void)
{
	return through_loader;
}

void ct_output_add_absolute(struct ct_text *text, const char *path)
{
	if (*path != '/') {
		ct_text_add(text, folder);
		ct_text_add(text, "/");
	}
	ct_text_add(text, path);
}

/* A file's name has at most 255 bytes, so a long name is cut, at the start of a character of UTF-8. */
static void add_program(struct ct_text *output)
{
	const char *name = *exe ? ct_base_name(exe) : "unknown";
	size_t length = strlen(name);
	if (length > CT_PROGRAM_NAME_BYTES)
		for (length = CT_PROGRAM_NAME_BYTES; length && (name[length] & 0xc0) == 0x80;)
			length--;
	ct_text_add_bytes(output, name, length);
}

static void add_host(struct ct_text *output)
{
	struct utsname host;
	if (ct_syscall3(SYS_uname, &host, 0, 0) == 0)
		ct_text_add(output, host.nodename);
}

void ct_output_expand(struct ct_text *output)
{
	const char *pattern = ct_options.out;
	ct_text_clear(output);
	if (*pattern != '/')
		ct_output_add_absolute(output, "");
	for (; *pattern; pattern++) {
		if (*pattern != '%' || !pattern[1]) {
			ct_text_add_bytes(output, pattern, 1);
			continue;
		}
		switch (*++pattern) {
		case 'p':
			ct_text_add_number(output, ct_sys_getpid());
			break;
		case 'e':
			add_program(output);
			break;
		case 't':
			ct_text_add_number(output, ct_tracer.start_unix_ns / 1000000000u);
			break;
		case 'h':
			add_host(output);
			break;
		case '%':
			ct_text_add(output, "%");
			break;
		default: /* not one of our letters: keep both characters */
			ct_text_add_bytes(output, pattern - 1, 2);
		}
	}
}

bool ct_output_is_in_memory(const struct ct_text *output)
{
	struct ct_text *place = &ct_text_scratch;
	struct statfs system;
	ct_text_clear(place);
	ct_text_add_bytes(place, output->bytes, (size_t)(ct_base_name(output->bytes) - output->bytes));
	return ct_syscall3(SYS_statfs, place->bytes, &system, 0) == 0 &&
	       (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

void ct_output_fallback(struct ct_text *output)
{
	struct ct_text *name = &ct_text_scratch;
	ct_text_clear(name);
	ct_text_add(name, ct_base_name(output->bytes));
	ct_text_clear(output);
	ct_output_add_absolute(output, ct_options.tmpdir);
	ct_text_add(output, "/");
	ct_text_add(output, name->bytes);
}

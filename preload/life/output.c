/* SPDX-License-Identifier: MIT */
#include "life/output.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

#include "ctrace/store.h"
#include "hot/state.h"
#include "sys/options.h"
#include "sys/sys.h"
#include "unwind/objects.h"

#define EXE "/proc/self/exe"

static char exe[CT_PATH_MAX];
static bool through_loader;
static char folder[CT_PATH_MAX];
static struct utsname host;

/*
 * If the loader was started as a program (`ld.so ./app`), /proc/self/exe is the loader. It then puts the address of the
 * real program's headers into the auxiliary vector. The maps cut very long paths, so the link is used where it leads to
 * the same file.
 */
static void find_exe(void)
{
	static struct ct_text mapped; /* only one thread starts */
	struct stat file;
	uint64_t inode;
	long length = ct_syscall3(SYS_readlink, EXE, exe, sizeof(exe) - 1);
	exe[length > 0 ? length : 0] = '\0';
	if (!ct_object_file(getauxval(AT_PHDR), &mapped, &inode))
		return;
	/* On older kernels, overlayfs has two inodes for one file. */
	through_loader = (ct_syscall4(SYS_newfstatat, AT_FDCWD, EXE, &file, 0) < 0 || file.st_ino != inode) &&
			 strcmp(exe, mapped.bytes) != 0;
	/* The link of a file that has been removed ends in " (deleted)". */
	if (through_loader || ct_syscall4(SYS_newfstatat, AT_FDCWD, exe, &file, 0) < 0)
		memcpy(exe, mapped.bytes, mapped.length + 1);
}

void ct_output_init(void)
{
	find_exe();
	/* The folder may have been removed, or be outside the root. */
	if (ct_syscall3(SYS_getcwd, folder, sizeof(folder), 0) < 0 || folder[0] != '/')
		strcpy(folder, "/proc/self/cwd");
	ct_syscall3(SYS_uname, &host, 0, 0);
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
			ct_text_add(output, *exe ? ct_base_name(exe) : "unknown");
			break;
		case 't':
			ct_text_add_number(output, ct_tracer.start_unix_ns / 1000000000u);
			break;
		case 'h':
			ct_text_add(output, host.nodename);
			break;
		case '%':
			ct_text_add(output, "%");
			break;
		default: /* not one of our letters: keep both characters */
			ct_text_add_bytes(output, pattern - 1, 2);
		}
	}
}

void ct_output_fallback(struct ct_text *output)
{
	static struct ct_text name; /* only one thread at a time starts */
	ct_text_clear(&name);
	ct_text_add(&name, ct_base_name(output->bytes));
	ct_text_clear(output);
	ct_output_add_absolute(output, ct_options.tmpdir);
	ct_text_add(output, "/");
	ct_text_add(output, name.bytes);
}

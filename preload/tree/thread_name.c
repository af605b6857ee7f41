/* SPDX-License-Identifier: MIT */
#include "tree/thread_name.h"

#include <string.h>
#include <sys/prctl.h>

#include "hot/slow.h"
#include "store/store_file.h"
#include "sys/sys.h"
#include "sys/text.h"

static uint32_t thread_number;

static char *name_of(const struct ct_thread *thread)
{
	return (char *)ct_store_base(CT_SECTION_STRINGS) + thread->name;
}

void ct_thread_name_init(struct ct_thread *thread)
{
	char name[CT_THREAD_NAME_BYTES] = "";
	uint32_t number = __atomic_add_fetch(&thread_number, 1, __ATOMIC_RELAXED);
	thread->name = 0;
	if (number > CT_THREADS_MAX)
		return;
	ct_syscall3(SYS_prctl, PR_GET_NAME, name, 0);
	struct ct_span span = ct_store_string(name, sizeof(name));
	if (!span.bytes)
		return;
	thread->name = span.offset;
	thread->root = thread->own_root =
		(uint32_t)ct_tree_intern_pseudo(0, CT_PSEUDO_THREAD_FRAME(number, span.offset));
}

void ct_thread_name_note(struct ct_thread *thread)
{
	ct_syscall3(SYS_prctl, PR_GET_NAME, name_of(thread), 0);
}

void ct_thread_name_read(struct ct_thread *thread)
{
	static struct ct_text path; /* under ct_lock_thread */
	char name[CT_THREAD_NAME_BYTES + 1];
	ct_text_clear(&path);
	ct_text_add(&path, "/proc/self/task/");
	ct_text_add_number(&path, thread->tid);
	ct_text_add(&path, "/comm");
	int fd = ct_sys_open(path.bytes, O_RDONLY, 0);
	if (fd < 0)
		return;
	long length = ct_sys_read(fd, name, sizeof(name));
	ct_sys_close(fd);
	if (length <= 1)
		return;
	name[length - 1] = '\0'; /* replaces the newline */
	memcpy(name_of(thread), name, (size_t)length < CT_THREAD_NAME_BYTES ? (size_t)length : CT_THREAD_NAME_BYTES);
}

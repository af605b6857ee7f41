/* SPDX-License-Identifier: MIT */
/*
 * Threads that still exist when the process ends: where their stacks end, and their registers. For a thread in a system
 * call, /proc shows the arguments but no other registers. So if it is allowed, the threads are stopped by ptrace. That
 * also keeps memory from changing.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "reach/reach.h"
#include "sys/machine.h"
#include "sys/sys.h"
#include "sys/text.h"

#define WORD sizeof(uintptr_t)
#define STOP_TRIES 1000 /* of 1 ms each: a thread in the kernel may not stop at all */

static uintptr_t read_hex(const char **at)
{
	uintptr_t value = 0;
	if (!strncmp(*at, "0x", 2))
		*at += 2;
	for (;; (*at)++) {
		if (**at >= '0' && **at <= '9')
			value = value << 4 | (uintptr_t)(**at - '0');
		else if (**at >= 'a' && **at <= 'f')
			value = value << 4 | (uintptr_t)(**at - 'a' + 10);
		else
			return value;
	}
}

/* Parse /proc/PID/task/TID/syscall: "running", "-1 SP PC", or "NUMBER ARGUMENT... SP PC". */
static bool parse_syscall(const char *at, struct ct_thread_words *thread)
{
	uintptr_t numbers[8];
	size_t count = 0;
	if (*at != '-' && (*at < '0' || *at > '9'))
		return false;
	while (*at && *at != ' ')
		at++;
	while (*at == ' ' && count < sizeof(numbers) / WORD) {
		at++;
		numbers[count++] = read_hex(&at);
	}
	if (count != 2 && count != 8)
		return false;
	thread->sp = numbers[count - 2];
	if (count == 8)
		memcpy(thread->words, numbers, 6 * WORD);
	return true;
}

static void add_task(struct ct_text *path, uint64_t process)
{
	ct_text_clear(path);
	ct_text_add(path, "/proc/");
	ct_text_add_number(path, process);
	ct_text_add(path, "/task/");
}

/* Read a thread's stack pointer from /proc. False: it is running, or the kernel does not show it. */
static bool read_thread(const struct ct_reach *reach, struct ct_thread_words *thread)
{
	struct ct_text path;
	char line[256];
	add_task(&path, reach->pid);
	ct_text_add_number(&path, thread->tid);
	ct_text_add(&path, "/syscall");
	int fd = ct_sys_open(path.bytes, O_RDONLY, 0);
	if (fd < 0)
		return false;
	long length = ct_sys_read(fd, line, sizeof(line) - 1);
	ct_sys_close(fd);
	line[length > 0 ? length : 0] = '\0';
	return parse_syscall(line, thread);
}

struct entry { /* struct linux_dirent64 */
	uint64_t inode;
	int64_t offset;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

/*
 * List the other threads of the process: the first `most` of them in threads[]. Returns their number, UINT32_MAX if
 * /proc cannot be read.
 */
static uint32_t list_threads(const struct ct_reach *reach, struct ct_thread_words *threads, uint32_t most)
{
	char entries[1024] CT_ALIGNED(8);
	struct ct_text path;
	uint32_t count = 0;
	long got;
	add_task(&path, reach->pid);
	int fd = ct_sys_open(path.bytes, O_RDONLY | O_DIRECTORY, 0);
	while (fd >= 0 && (got = ct_syscall3(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		const struct entry *entry;
		for (long at = 0; at < got; at += entry->bytes) {
			uint64_t tid;
			entry = (const struct entry *)(entries + at);
			if (!ct_parse_number(entry->name, &tid) || tid == reach->tid)
				continue;
			if (count < most)
				threads[count].tid = (uint32_t)tid;
			count++;
		}
	}
	if (fd >= 0)
		ct_sys_close(fd);
	return fd >= 0 ? count : UINT32_MAX;
}

void ct_reach_find_threads(struct ct_reach *reach)
{
	uint32_t count = list_threads(reach, reach->threads, CT_REACH_THREADS_MAX);
	reach->threads_unknown = count > CT_REACH_THREADS_MAX;
	reach->thread_count = reach->threads_unknown ? 0 : count;
	for (uint32_t i = 0; i < reach->thread_count; i++)
		reach->threads[i].known = read_thread(reach, &reach->threads[i]);
}

static bool has_stopped(uint32_t tid)
{
	struct timespec wait = {0, 1000000};
	for (int i = 0; i < STOP_TRIES; i++) {
		int status;
		long got = ct_syscall4(SYS_wait4, tid, &status, __WALL | WNOHANG, NULL);
		if (got)
			return got == (long)tid && WIFSTOPPED(status);
		ct_syscall3(SYS_nanosleep, &wait, NULL, 0);
	}
	return false;
}

static void read_registers(struct ct_thread_words *thread)
{
	struct user_regs_struct registers;
	struct iovec part = {&registers, sizeof(registers)};
	_Static_assert(sizeof(registers) <= sizeof(thread->words), "room for the registers");
	if (ct_syscall4(SYS_ptrace, PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &part) < 0)
		return;
	memcpy(thread->words, &registers, sizeof(registers));
	thread->sp = CT_MACHINE_SP(&registers);
	thread->known = true;
}

void ct_reach_stop_threads(struct ct_reach *reach)
{
	for (uint32_t i = 0; i < reach->thread_count; i++)
		reach->threads[i].seized = ct_syscall4(SYS_ptrace, PTRACE_SEIZE, reach->threads[i].tid, 0, 0) == 0 &&
					   ct_syscall4(SYS_ptrace, PTRACE_INTERRUPT, reach->threads[i].tid, 0, 0) == 0;
	for (uint32_t i = 0; i < reach->thread_count; i++) {
		struct ct_thread_words *thread = &reach->threads[i];
		if (thread->seized && has_stopped(thread->tid))
			read_registers(thread);
		reach->threads_unknown = reach->threads_unknown || !thread->known;
	}
	/* New threads may have started meanwhile. */
	if (list_threads(reach, NULL, 0) != reach->thread_count)
		reach->threads_unknown = true;
}

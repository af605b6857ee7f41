/* SPDX-License-Identifier: MIT */
#include "sys/lock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "sys/sys.h"

#define WAIT_NS 10000000u /* how long to wait for a fork, doubled each time */
#define DOUBLINGS 6u
/* After 70 ms, look whether the forking thread is stuck: so it is if the next look finds the same. */
#define WAITS_MIN 3u
#define WAITS_MAX 13u /* 5 s, if it cannot be found out whether it is stuck */

#define FREE 0u
#define TAKEN 1u
#define AWAITED 2u /* taken, and there may be waiters */
#define FORK_KEEPS 3u /* the same, but the waiters do not know yet that a fork keeps it */
#define STACK_BYTES 1536u /* stack space needed while a lock is held */
#define CALL_BYTES 32u /* of a line in /proc: a system call's number and its first argument */

#define BIT(signal) (1ull << ((signal)-1))
#define FAULTS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS))

static struct ct_lock *const all[] = {&ct_lock_thread, &ct_lock_combine, &ct_lock_claim,  &ct_lock_mappings,
				      &ct_lock_tree,   &ct_lock_store,   &ct_lock_objects};
#define LOCKS (sizeof(all) / sizeof(all[0]))

static uint64_t forking; /* the fork that keeps all locks: its number << 32 | its thread's id; 0: none */
static uint32_t forks; /* under all locks */
static __thread uint64_t own_fork;

static __thread uint32_t held; /* locks of this thread */
static __thread bool blocked; /* signals are blocked, and `mask` must be restored */
static __thread uint64_t mask;

/*
 * Fault here, before the lock, if the stack is exhausted: the program's handler may jump away. The stack pointer moves,
 * because Valgrind lets a stack grow only down to it.
 */
static __attribute__((noinline)) void probe_stack(void)
{
	char room[STACK_BYTES];
	char *end = room;
	__asm__ volatile("" : "+r"(end));
	(void)*(volatile char *)end;
}

static void block_signals(void)
{
	static const uint64_t async = ~FAULTS;
	uint64_t old; /* qemu's system calls refuse the thread's variables if its pages are larger than the host's */
	if (held)
		return;
	probe_stack();
	blocked = ct_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, &async, &old, sizeof(old)) == 0;
	if (blocked)
		mask = old;
}

static void restore_signals(void)
{
	uint64_t old = mask;
	if (!held && blocked)
		ct_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
}

static void release(struct ct_lock *lock)
{
	if (__atomic_exchange_n(&lock->word, FREE, __ATOMIC_RELEASE) > TAKEN)
		ct_syscall3(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}

struct waiting {
	uint32_t times;
	char call[CALL_BYTES]; /* the system call of the forking thread at the latest look */
};

/* Does the line begin with a futex? On x86-64 it is 202, on aarch64 98; an emulated program sees its host's number. */
static bool is_futex(const char *call)
{
	return !memcmp(call, "202 ", 4) || !memcmp(call, "98 ", 3);
}

/* Is the thread waiting in the same futex as at the latest look? -1: not known. */
static int still_waits(uint32_t tid, struct waiting *waiting)
{
	static const char task[] = "/proc/self/task/",
			  call_of[] = "/syscall"; /* the file holds the call's number and arguments, or "running" */
	char path[sizeof(task) + sizeof(call_of) + 10];
	char call[CALL_BYTES] = {0};
	size_t length = sizeof(task) - 1;
	uint32_t unit = 1;
	while (tid / unit > 9)
		unit *= 10;
	memcpy(path, task, length);
	for (; unit; unit /= 10)
		path[length++] = (char)('0' + tid / unit % 10);
	memcpy(path + length, call_of, sizeof(call_of));
	int fd = ct_sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	long got = ct_sys_read(fd, call, sizeof(call));
	ct_sys_close(fd);
	bool same = !memcmp(call, waiting->call, sizeof(call));
	memcpy(waiting->call, call, sizeof(call));
	return got < 4 ? -1 : same && is_futex(call);
}

/*
 * A fork keeps a lock that this thread needs: take all locks from it if it is stuck. One look does not tell: the fork
 * may wait for a lock of the C library whose owner only waits for a processor.
 */
static void take_from_fork(uint64_t fork, struct waiting *waiting)
{
	int stuck = waiting->times < WAITS_MIN ? 0 : still_waits((uint32_t)fork, waiting);
	if (!stuck || (stuck < 0 && waiting->times < WAITS_MAX))
		return;
	if (__atomic_compare_exchange_n(&forking, &fork, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		for (size_t i = LOCKS; i-- > 0;)
			release(all[i]);
}

/* Only a fork needs a timeout: thousands of threads that wake up now and then would leave no time for the work. */
static void wait_for(struct ct_lock *lock, struct waiting *waiting)
{
	uint64_t fork = ct_get_acquire(&forking);
	const struct timespec most = {0, WAIT_NS << (waiting->times < DOUBLINGS ? waiting->times : DOUBLINGS)};
	long error = ct_syscall4(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, AWAITED, fork ? &most : NULL);
	if (error == -ETIMEDOUT) {
		waiting->times++;
		take_from_fork(fork, waiting);
	}
}

void ct_lock_get(struct ct_lock *lock)
{
	uint32_t word = FREE;
	block_signals();
	if (!__atomic_compare_exchange_n(&lock->word, &word, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		struct waiting waiting = {0};
		while (__atomic_exchange_n(&lock->word, AWAITED, __ATOMIC_ACQ_REL) != FREE) {
			restore_signals();
			wait_for(lock, &waiting);
			block_signals();
		}
	}
	held++;
}

bool ct_lock_try(struct ct_lock *lock)
{
	uint32_t word = FREE;
	block_signals();
	bool taken = __atomic_compare_exchange_n(&lock->word, &word, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
	held += taken;
	if (!taken)
		restore_signals();
	return taken;
}

void ct_lock_put(struct ct_lock *lock)
{
	release(lock);
	held--;
	restore_signals();
}

void ct_lock_begin(void)
{
	block_signals();
	held++;
}

void ct_lock_end(void)
{
	held--;
	restore_signals();
}

void ct_lock_keep_for_fork(void)
{
	own_fork = (uint64_t)++forks << 32 | ct_sys_gettid();
	ct_set_release(&forking, own_fork);
	for (size_t i = 0; i < LOCKS; i++)
		if (__atomic_exchange_n(&all[i]->word, FORK_KEEPS, __ATOMIC_ACQ_REL) == AWAITED)
			ct_syscall3(SYS_futex, &all[i]->word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

bool ct_lock_all_kept(void)
{
	return ct_get_relaxed(&forking) == own_fork;
}

void ct_lock_put_after_fork(bool child)
{
	uint64_t fork = own_fork;
	bool kept = __atomic_compare_exchange_n(&forking, &fork, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	for (size_t i = LOCKS; i-- > 0;) {
		if (child)
			ct_set_relaxed(&all[i]->word, FREE);
		else if (kept)
			release(all[i]);
	}
	if (child)
		ct_set_relaxed(&forking, 0);
	held = 0;
	restore_signals();
}

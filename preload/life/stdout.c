/* SPDX-License-Identifier: MIT */
#include "life/stdout.h"

#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>

#include "sys/loader.h"
#include "sys/sys.h"

/*
 * The stream itself, not the variable `stdout`: a program may set that to a stream which it then closes. After fclose
 * this one is empty for ever. musl lacks it.
 */
extern FILE _IO_2_1_stdout_ CT_WEAK;

bool ct_stdout_begin(uint64_t *mask)
{
	const uint64_t signals = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
	FILE *stream = &_IO_2_1_stdout_;
	if (ct_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, &signals, mask, sizeof(*mask)) != 0)
		return false;
	/* Another thread may print at this moment: its lock is not waited for, and exit does not wait for ours. */
	if (stream && __fpending(stream) && ftrylockfile(stream) == 0) {
		fflush_unlocked(stream);
		funlockfile(stream);
	}
	return true;
}

void ct_stdout_end(uint64_t mask)
{
	ct_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

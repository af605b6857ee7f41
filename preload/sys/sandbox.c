/* SPDX-License-Identifier: MIT */
#include "sys/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "ctrace/bpf.h"
#include "sys/machine.h"
#include "sys/region.h"
#include "sys/sys.h"

struct ct_filter {
	struct ct_filter *older;
	uint32_t length; /* 0: it allows nothing */
	struct sock_filter code[BPF_MAXINSNS];
};

static struct ct_filter nothing;

struct ct_filter *ct_filters;
uint32_t ct_landlock;

/*
 * Do the filters allow the call, or fail it with an error? The strictest action decides; as a signed number it is the
 * smallest.
 */
static bool permit(const struct seccomp_data *data)
{
	int32_t strictest = (int32_t)SECCOMP_RET_ALLOW;
	for (const struct ct_filter *filter = ct_get_acquire(&ct_filters); filter; filter = filter->older) {
		int32_t action = (int32_t)(ct_bpf_run(filter->code, filter->length, data) & SECCOMP_RET_ACTION_FULL);
		if (action < strictest)
			strictest = action;
	}
	return strictest == SECCOMP_RET_ALLOW || strictest == SECCOMP_RET_LOG || strictest == SECCOMP_RET_ERRNO;
}

long ct_syscall_filtered(long number, long a, long b, long c, long d, long e, long f)
{
	const struct seccomp_data data = {
		.nr = (int)number,
		.arch = CT_MACHINE_AUDIT,
		.args = {(uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d, (uint64_t)e, (uint64_t)f},
	};
	return permit(&data) ? ct_machine_syscall(number, a, b, c, d, e, f) : -EPERM;
}

struct ct_filter *ct_sandbox_prepare(void)
{
	return ct_region_map(sizeof(struct ct_filter));
}

static void add(struct ct_filter *filter)
{
	filter->older = ct_get_relaxed(&ct_filters);
	while (!__atomic_compare_exchange_n(&ct_filters, &filter->older, filter, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

void ct_sandbox_begin(struct ct_filter *filter, const struct sock_fprog *program)
{
	if (!filter && program) {
		ct_sandbox_forbid();
	} else if (program) {
		filter->length = program->len;
		memcpy(filter->code, program->filter, program->len * sizeof(*program->filter));
		add(filter);
	} else if (filter) {
		ct_sys_munmap(filter, sizeof(*filter));
	}
}

void ct_sandbox_forbid(void)
{
	static bool done;
	if (!__atomic_exchange_n(&done, true, __ATOMIC_RELAXED))
		add(&nothing);
}

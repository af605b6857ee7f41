/* SPDX-License-Identifier: MIT */
/*
 * The functions of ctrace/ctrace.h that concern the whole process: totals, marks, snapshots, pauses. Any thread. Cold.
 */
#include "ctrace/ctrace.h"

#include <errno.h>
#include <string.h>

#include "hot/journal.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "life/control.h"
#include "life/exit.h"
#include "store/combine.h"
#include "store/marks.h"
#include "store/store_file.h"
#include "sys/lock.h"
#include "sys/region.h"
#include "sys/sys.h"

static uint32_t pauses; /* pauses that have not been resumed; under ct_lock_combine */
static uint32_t snapshots; /* taken so far; atomic */

/* Begin a call. True: end() must follow. False: this process is not recorded. */
static bool begin(void)
{
	uint32_t phase = ct_get_acquire(&ct_gate.phase);
	if (phase == CT_PHASE_OFF || phase == CT_PHASE_STARTING)
		return false;
	/* A hook that a signal handler has interrupted must go on in the store that it began with. */
	if (phase != CT_PHASE_ON && (ct_tls.busy || !ct_start()))
		return false;
	if (ct_sys_getpid() != ct_tracer.header->pid) /* a child of vfork, in its parent's memory */
		return false;
	ct_own_begin();
	return true;
}

static void end(void)
{
	ct_own_end();
}

CT_EXPORT int ctrace_api_is_active(void)
{
	if (!begin())
		return 0;
	end();
	return 1;
}

static uint64_t loss(enum ct_loss loss)
{
	return ct_get_relaxed(&ct_tracer.header->losses[loss]);
}

static struct ct_totals fold_totals(void)
{
	ct_lock_get(&ct_lock_combine);
	ct_combine_locked();
	struct ct_totals totals = ct_tracer.header->totals;
	ct_lock_put(&ct_lock_combine);
	return totals;
}

CT_EXPORT int ctrace_api_totals(struct ctrace_heap *totals)
{
	size_t size = totals->size;
	if (!begin())
		return CTRACE_ERROR_INACTIVE;
	struct ct_totals now = fold_totals();
	struct ctrace_heap all = {
		.size = size,
		.total_bytes = now.total_bytes,
		.total_blocks = now.total_blocks,
		.live_bytes = (uint64_t)now.live_bytes,
		.live_blocks = (uint64_t)now.live_blocks,
		.peak_bytes = now.peak_bytes,
		.peak_blocks = now.peak_blocks,
		.dropped = loss(CT_LOSS_DROPPED),
		.paused = loss(CT_LOSS_PAUSED),
	};
	memcpy(totals, &all, size < sizeof(all) ? size : sizeof(all));
	end();
	return 0;
}

CT_EXPORT void ctrace_api_mark(const char *name)
{
	size_t length = 0;
	if (!name || !begin())
		return;
	while (length < CT_MARK_NAME_MAX && name[length])
		length++;
	ct_lock_get(&ct_lock_combine);
	ct_mark_add(name, length);
	ct_lock_put(&ct_lock_combine);
	end();
}

CT_EXPORT void ctrace_api_pause(void)
{
	if (!begin())
		return;
	ct_lock_get(&ct_lock_combine);
	pauses++;
	ct_control_set(CT_SPECIAL_PAUSED, true);
	ct_lock_put(&ct_lock_combine);
	end();
}

CT_EXPORT void ctrace_api_resume(void)
{
	if (!begin())
		return;
	ct_lock_get(&ct_lock_combine);
	if (pauses && --pauses == 0)
		ct_control_set(CT_SPECIAL_PAUSED, false);
	ct_lock_put(&ct_lock_combine);
	end();
}

/* The report's name with a number: app.snapshot-1.json for app.json. */
static void name_snapshot(struct ct_text *path)
{
	static const char suffix[] = ".json";
	struct ct_span span = ct_tracer.header->output;
	const char *output = (const char *)ct_store_base(CT_SECTION_STRINGS) + span.offset;
	size_t length = span.bytes, end = sizeof(suffix) - 1;
	if (length > end && !memcmp(output + length - end, suffix, end))
		length -= end;
	ct_text_clear(path);
	ct_text_add_bytes(path, output, length);
	ct_text_add(path, ".snapshot-");
	ct_text_add_number(path, __atomic_add_fetch(&snapshots, 1, __ATOMIC_RELAXED));
	ct_text_add(path, suffix);
}

static int export_snapshot(const char *path)
{
	struct ct_text *name = NULL;
	if (ct_exporter_is_forbidden())
		return -EPERM;
	if (!path) {
		name = ct_region_map(sizeof(*name)); /* not on the stack: a signal handler's may be small */
		if (!name)
			return -ENOMEM;
		name_snapshot(name);
		path = name->bytes;
	}
	const char *const arguments[] = {"ctrace", "export", "--output", path, ct_store_path(), NULL};
	int error = -ENAMETOOLONG;
	if (!name || !name->cut) {
		int status = ct_exporter_run(arguments);
		error = status < 0 ? -ENOEXEC : status ? -EIO : 0;
	}
	if (name)
		ct_sys_munmap(name, sizeof(*name));
	return error;
}

CT_EXPORT int ctrace_api_snapshot(const char *path)
{
	if (!begin())
		return CTRACE_ERROR_INACTIVE;
	int saved = errno;
	int error = path && !*path ? -ENOENT : export_snapshot(path);
	errno = saved;
	end();
	return error;
}

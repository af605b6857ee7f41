/* SPDX-License-Identifier: MIT */
#include "life/attach.h"

#include <errno.h>
#include <link.h>
#include <string.h>

#include "ctrace/attach.h"
#include "heap/real.h"
#include "hooks/entries.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "sys/arena.h"
#include "sys/environment.h"
#include "sys/loader.h"
#include "sys/text.h"

extern uint32_t ctrace_attach_state;
void ctrace_attach_call(struct ct_attach_call *call);

CT_EXPORT uint32_t ctrace_attach_state; /* enum ct_attach_state */

/* The loader lists a preloaded library before the C library, and a late one after it. */
static bool is_behind_libc(void)
{
	struct link_map *object;
	Dl_info info;
	if (!ct_loader_is_ours() || !dladdr1((const void *)&ct_attach_init, &info, (void **)&object, RTLD_DL_LINKMAP))
		return false;
	for (object = object->l_prev; object; object = object->l_prev) {
		const char *name = ct_base_name(object->l_name);
		if (!strncmp(name, "libc.so.6", 9) || !strncmp(name, "libc-2.", 7))
			return true;
	}
	return false;
}

bool ct_attach_init(void)
{
	if (!is_behind_libc())
		return false;
	ct_real_is_late = true;
	ct_set_release(&ctrace_attach_state, CT_ATTACH_LOADED);
	return true;
}

/* A copy of the variables that stays. NULL: no memory. */
static char **keep_variables(const char *variables)
{
	size_t count = 0, bytes = 1;
	for (const char *at = variables; *at; at += strlen(at) + 1, count++)
		bytes += strlen(at) + 1;
	char **vector = ct_arena_alloc((count + 1) * sizeof(*vector));
	char *copy = vector ? ct_arena_alloc(bytes) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, variables, bytes);
	for (size_t i = 0; i < count; i++, copy += strlen(copy) + 1)
		vector[i] = copy;
	vector[count] = NULL;
	return vector;
}

static bool start(struct ct_attach_call *call)
{
	char **variables = keep_variables(call->variables);
	if (!variables)
		return false;
	ct_environment_use(variables);
	if (!ct_start() && ct_get_acquire(&ct_gate.phase) != CT_PHASE_ASLEEP)
		return false;
	ct_tracer.partial = true;
	ct_entries_want_hooks();
	call->started = 1;
	return true;
}

static uint32_t act(struct ct_attach_call *call)
{
	struct ct_slots_count count;
	uint32_t state = ct_get_acquire(&ctrace_attach_state);
	if (state == CT_ATTACH_PRELOADED)
		return CT_ATTACH_NOT_LATE;
	bool in = call->action != CT_ATTACH_DETACH;
	if (state == CT_ATTACH_LOADED && (!in || !start(call)))
		return CT_ATTACH_NOT_STARTED;
	ct_entries_pass(in, &count);
	call->slots = count.slots;
	call->objects = count.objects;
	call->locked = count.locked;
	ct_set_release(&ctrace_attach_state, in ? CT_ATTACH_ATTACHED : CT_ATTACH_DETACHED);
	return CT_ATTACH_DONE;
}

CT_EXPORT void ctrace_attach_call(struct ct_attach_call *call)
{
	int saved = errno;
	ct_own_begin();
	uint32_t answer = act(call);
	ct_own_end();
	errno = saved;
	ct_set_release(&call->answer, answer);
}

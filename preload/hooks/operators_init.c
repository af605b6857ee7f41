/* SPDX-License-Identifier: MIT */
#include "hooks/operators.h"

#include "heap/real.h"
#include "hot/thread.h"
#include "sys/loader.h"
#include "unwind/objects.h"

static const char *const names[] = {
#define CT_HOOK_NEW(name, kind) #name,
#include "hooks/hooks.def"
};

static bool in_one_object(void *a, void *b)
{
	return ct_objects_same((uintptr_t)a, (uintptr_t)b);
}

void ct_operators_init(void)
{
	for (uint32_t i = 0; i < CT_OPERATORS; i++)
		ct_operator_next[i] = ct_real_next(names[i]);
	ct_loader_forget_miss();
	/* An operator new in malloc's own library does not call malloc through its hook. */
	bool bypass = ct_operator_next[0] && in_one_object(ct_operator_next[0], (void *)ct_real.malloc);
	for (uint32_t i = 0; i < CT_OPERATORS; i++)
		if (ct_operator_next[i])
			ct_set_release(&ct_operator_targets[i],
				       bypass && in_one_object(ct_operator_next[i], (void *)ct_real.malloc)
					       ? ct_operator_recorded[i]
					       : ct_operator_next[i]);
}

static void *in_loaded(const char *library, const char *name)
{
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	void *found = handle ? ct_real_find(handle, name) : NULL;
	if (handle)
		dlclose(handle);
	return found;
}

/*
 * No global library defines the operator: the caller is a C++ plugin of a C program, or uses one. Without us it would
 * have found the definition in its own scope, or the one of its C++ library. *callers_own: it is in the caller's
 * object.
 */
static void *look_up_for(uint32_t index, void *caller, bool *callers_own)
{
	struct ct_object object;
	struct ct_text path;
	void *found = NULL;
	*callers_own = false;
	if (ct_object_find((uintptr_t)caller, &object)) {
		ct_object_path(&object, &path);
		/*
		 * Opened by name: dlsym does not accept the link map of an object that was loaded only as a dependency.
		 */
		found = in_loaded(path.bytes, names[index]);
		*callers_own = found && in_one_object(found, caller);
	}
	if (!found)
		found = in_loaded("libstdc++.so.6", names[index]);
	if (!found)
		found = in_loaded("libc++.so.1", names[index]);
	return found;
}

void *ct_operator_resolve(uint32_t index, void *caller)
{
	if (ct_operator_next[index])
		return ct_operator_next[index];
	bool callers_own;
	ct_own_begin();
	void *found = ct_real_next(names[index]);
	if (!found)
		found = look_up_for(index, caller, &callers_own);
	else
		callers_own = false;
	ct_own_end();
	if (!found) /* impossible: the caller could not have been linked */
		found = names[index][2] == 'n' ? (void *)ct_real.malloc : (void *)ct_real.free;
	else if (!callers_own)
		ct_set_release(&ct_operator_targets[index], found);
	return found;
}

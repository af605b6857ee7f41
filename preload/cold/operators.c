/* SPDX-License-Identifier: MIT */
#include "hot/operators.h"

#include <dlfcn.h>
#include <link.h>

#include "cold/real.h"
#include "hot/thread.h"

static const char *const names[] = {
#define CT_HOOK_NEW(name, kind) #name,
#include "hot/hooks.def"
};

static bool in_one_object(void *a, void *b, struct dl_find_object *object_of_a)
{
	struct dl_find_object object_of_b;
	return _dl_find_object(a, object_of_a) == 0 && _dl_find_object(b, &object_of_b) == 0 &&
	       object_of_a->dlfo_link_map == object_of_b.dlfo_link_map;
}

void ct_operators_init(void)
{
	struct dl_find_object object;
	for (uint32_t i = 0; i < CT_OPERATORS; i++)
		ct_operator_next[i] = dlsym(RTLD_NEXT, names[i]);
	dlerror(); /* the program must not find our misses */
	/* An operator new beside malloc, in the same library, takes a way of its own. */
	bool bypass = ct_operator_next[0] && in_one_object(ct_operator_next[0], (void *)ct_real.malloc, &object);
	for (uint32_t i = 0; i < CT_OPERATORS; i++)
		if (ct_operator_next[i])
			ct_store_release(&ct_operator_targets[i],
					 bypass && in_one_object(ct_operator_next[i], (void *)ct_real.malloc, &object)
						 ? ct_operator_recorded[i]
						 : ct_operator_next[i]);
}

static void *in_loaded(const char *library, const char *name)
{
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	void *found = handle ? dlsym(handle, name) : NULL;
	if (handle)
		dlclose(handle);
	return found;
}

/*
 * No global library defines it: the caller is a C++ plugin of a C program, or uses one. Without us it
 * would have found the definition in its own scope, or one that its C++ library brings.
 */
static void *look_up_for(uint32_t index, void *caller, bool *callers_own)
{
	struct dl_find_object object;
	void *found = NULL;
	*callers_own = false;
	if (_dl_find_object(caller, &object) == 0) {
		/* By name: the link map of what was loaded as a dependency only is no handle that dlsym takes. */
		found = in_loaded(object.dlfo_link_map->l_name, names[index]);
		*callers_own = found && in_one_object(found, caller, &object);
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
	ct_tls.busy += 2;
	void *found = dlsym(RTLD_NEXT, names[index]);
	if (!found)
		found = look_up_for(index, caller, &callers_own);
	else
		callers_own = false;
	ct_tls.busy -= 2;
	if (!found) /* cannot be: the caller could not have been linked */
		found = names[index][2] == 'n' ? (void *)ct_real.malloc : (void *)ct_real.free;
	else if (!callers_own)
		ct_store_release(&ct_operator_targets[index], found);
	return found;
}

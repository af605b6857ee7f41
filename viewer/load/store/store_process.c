/* SPDX-License-Identifier: MIT */
#include "load/store/store_process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t build_id_of(const struct ct_module *module, struct ct_profile *profile)
{
	char text[2 * CT_BUILD_ID_MAX + 1] = "";
	for (uint32_t i = 0; i < module->build_id_bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", module->build_id[i]);
	return ct_profile_string(profile, text, 2 * (size_t)module->build_id_bytes);
}

int ct_store_facts(const struct ct_store_file *store, struct ct_profile *profile)
{
	struct ct_span exe = store->header->exe;
	char host[HOST_NAME_MAX + 1] = "";
	uint64_t before_ns = 1000 * ct_store_file_us(store, store->start_ticks); /* before the segment */
	profile->start_unix_ns = store->header->start_unix_ns + before_ns;
	if (store->header->flags & CT_STORE_FORKED && store->header->forked_ns > store->header->boot_ns + before_ns)
		profile->fork_time = (store->header->forked_ns - store->header->boot_ns - before_ns) / 1000;
	/* A store does not know its host. It is mostly read where it was recorded. */
	gethostname(host, sizeof(host) - 1);
	if (ct_profile_set_text(&profile->program, store->strings + exe.offset, exe.bytes) ||
	    ct_profile_set_text(&profile->host, host, strlen(host)))
		return -1;
	profile->modules = calloc(store->module_count + 1, sizeof(*profile->modules));
	if (!profile->modules)
		return -1;
	for (size_t i = 1; i < store->module_count; i++) {
		const struct ct_module *module = &store->modules[i];
		int64_t path = ct_profile_string(profile, store->strings + module->path.offset, module->path.bytes);
		int64_t build_id = build_id_of(module, profile);
		if (path < 0 || build_id < 0)
			return -1;
		profile->modules[profile->module_count++] = (struct ct_module_row){
			.path = (uint32_t)path,
			.build_id = (uint32_t)build_id,
			.start = module->start,
			.limit = module->end,
			.bias = module->bias,
		};
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "write/mappings.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Is this the program's own file? If its path is unknown, compare with the first word of the command. */
static bool is_program(const struct ct_profile *profile, const char *program, const char *path)
{
	return *profile->program ? !strcmp(program, path) : *program && !strcmp(base_name(program), base_name(path));
}

static struct ct_module_mapping *mapping_for(struct ct_mappings *mappings, const struct ct_profile *profile,
					     uint32_t path_id)
{
	const char *path = profile->strings[path_id];
	bool first = !*mappings->rows[0].build_id && !mappings->rows[0].placed &&
		     is_program(profile, mappings->program, path);
	size_t index = first ? 0 : mappings->count++;
	mappings->of_module[path_id] = (uint32_t)index + 1;
	mappings->rows[index] = (struct ct_module_mapping){.path = path, .build_id = ""};
	if (*path == '[') /* not a file: [jit] has run-time addresses, and none of them is 0 */
		mappings->rows[index].start = UINT64_MAX;
	return &mappings->rows[index];
}

static uint64_t page_end(uint64_t address)
{
	return address / PAGE < UINT64_MAX / PAGE ? (address / PAGE + 1) * PAGE : UINT64_MAX;
}

/* Make the mapping contain an address; in a damaged file it might not. */
static void widen(struct ct_module_mapping *mapping, uint64_t address)
{
	if (address < mapping->start)
		mapping->start = address / PAGE * PAGE;
	if (address >= mapping->limit)
		mapping->limit = page_end(address);
}

static void add_frames(struct ct_mappings *mappings, const struct ct_profile *profile)
{
	for (size_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		if (!frame->module)
			continue;
		if (!mappings->of_module[frame->module])
			mapping_for(mappings, profile, frame->module);
		struct ct_module_mapping *mapping = &mappings->rows[mappings->of_module[frame->module] - 1];
		mapping->has_files = mapping->has_files || frame->file;
		widen(mapping, mapping->bias + frame->address);
	}
}

int ct_mappings_init(struct ct_mappings *mappings, const struct ct_profile *profile)
{
	size_t word = strcspn(profile->command, " ");
	*mappings = (struct ct_mappings){
		.rows = calloc(profile->module_count + profile->string_count + 1, sizeof(*mappings->rows)),
		.of_module = calloc(profile->string_count + 1, sizeof(*mappings->of_module)),
		.program = *profile->program ? strdup(profile->program) : strndup(profile->command, word),
	};
	if (!mappings->rows || !mappings->of_module || !mappings->program)
		return -1;
	mappings->rows[0] = (struct ct_module_mapping){.path = mappings->program, .build_id = "", .limit = PAGE};
	mappings->count = 1;
	for (size_t i = 0; i < profile->module_count; i++) {
		const struct ct_module_row *module = &profile->modules[i];
		struct ct_module_mapping *mapping = mapping_for(mappings, profile, module->path);
		mapping->build_id = profile->strings[module->build_id];
		mapping->start = module->start / PAGE * PAGE;
		mapping->limit = page_end(module->limit - (module->limit > 0));
		mapping->bias = module->bias;
		mapping->placed = true;
	}
	add_frames(mappings, profile);
	return 0;
}

void ct_mappings_fini(struct ct_mappings *mappings)
{
	free(mappings->rows);
	free(mappings->of_module);
	free(mappings->program);
}

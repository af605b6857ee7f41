/* SPDX-License-Identifier: MIT */
/*
 * Writes V8's sampling heap profile, for the Memory panel of Chrome's DevTools: the call tree from the root down, and
 * a list of samples that refer to its nodes. Sites come in the order of a walk through that tree. So a node is opened
 * at its first stack, and closed before the first stack that is not below it.
 *
 * DevTools considers functions equal if name, scriptId, line and column are, and ignores the url. So each file gets
 * its own scriptId. Lines are counted from 0.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/functions.h"
#include "write/put_json.h"
#include "write/stacks.h"
#include "write/write.h"

#define ROOT_ID 1

static void open_node(const struct ct_profile *profile, const struct ct_function *function, uint64_t id, uint64_t size,
		      FILE *out)
{
	char room[CT_FUNCTION_NAME_ROOM];
	uint32_t script = function->file ? function->file : function->module;
	fputs("{\"callFrame\":{\"functionName\":", out);
	ct_put_text(out, ct_function_name(profile, function, room));
	fputs(",\"scriptId\":\"", out);
	ct_put_number(out, script);
	putc_unlocked('"', out);
	ct_put_text_member(out, "url", profile->strings[script]);
	if (function->line) {
		ct_put_number_member(out, "lineNumber", function->line - 1);
		fputs(",\"columnNumber\":0}", out);
	} else {
		fputs(",\"lineNumber\":-1,\"columnNumber\":-1}", out);
	}
	ct_put_number_member(out, "selfSize", size);
	ct_put_number_member(out, "id", id);
	fputs(",\"children\":[", out);
}

static void put_tree(const struct ct_stacks *stacks, const struct ct_functions *functions, enum ct_metric metric,
		     FILE *out)
{
	const struct ct_profile *profile = stacks->profile;
	const struct ct_site_row *site, *before = NULL;
	uint64_t value, id = ROOT_ID;
	fputs("{\"head\":{\"callFrame\":{\"functionName\":\"(root)\",\"scriptId\":\"0\",\"url\":\"\","
	      "\"lineNumber\":-1,\"columnNumber\":-1},\"selfSize\":0,\"id\":1,\"children\":[",
	      out);
	for (size_t at = 0; (site = ct_stacks_next(stacks, &at, metric, &value)); before = site) {
		uint32_t common = before ? ct_stacks_common(stacks, before, site) : 0;
		for (uint32_t i = common; before && i < before->frame_count; i++)
			fputs("]}", out);
		for (uint32_t i = common; i < site->frame_count; i++) {
			uint32_t function = stacks->labels[ct_stack_frame(profile, site, i)];
			/* a comma if a sibling has just been closed; the first child has none */
			fputs(before && i == common && before->frame_count > common ? ",\n" : "\n", out);
			open_node(profile, &functions->rows[function], ++id, i + 1 == site->frame_count ? value : 0,
				  out);
		}
	}
	for (uint32_t i = 0; before && i < before->frame_count; i++)
		fputs("]}", out);
	fputs("]}", out);
}

/* Write the nodes that allocate themselves, with the ids that put_tree gave them. */
static void put_samples(const struct ct_stacks *stacks, enum ct_metric metric, FILE *out)
{
	const struct ct_site_row *site, *before = NULL;
	uint64_t value, id = ROOT_ID, ordinal = 0;
	fputs(",\n\"samples\":[", out);
	for (size_t at = 0; (site = ct_stacks_next(stacks, &at, metric, &value)); before = site) {
		id += site->frame_count - (before ? ct_stacks_common(stacks, before, site) : 0);
		fputs(ordinal ? ",\n{\"size\":" : "\n{\"size\":", out);
		ct_put_number(out, value);
		ct_put_number_member(out, "nodeId", id);
		ct_put_number_member(out, "ordinal", ++ordinal);
		putc_unlocked('}', out);
	}
	fputs("]}\n", out);
}

int ct_write_heapprofile(const struct ct_profile *profile, enum ct_metric metric, FILE *out,
			 struct ct_error_text *error)
{
	struct ct_functions functions;
	struct ct_stacks stacks = {0};
	bool memory = ct_functions_init(&functions, profile) == 0 &&
		      ct_stacks_init(&stacks, profile, functions.of_frame) == 0;
	errno = 0;
	if (memory) {
		put_tree(&stacks, &functions, metric, out);
		put_samples(&stacks, metric, out);
	}
	ct_stacks_fini(&stacks);
	ct_functions_fini(&functions);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}

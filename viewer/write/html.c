/* SPDX-License-Identifier: MIT */
/*
 * Writes a page that shows the profile, in one file. Its markup, script and style are built once from viewer/html/
 * (`make html`). The data is inserted packed (write/packed.h), so that no name in it can be taken for markup.
 *
 * In the data, each text is stored once and referred to by index; text 0 is "". Large tables are stored by column.
 * `nodes` is the call tree of frames, parents first. A site is a node in it, `skip` frames below its leaf and `own`
 * frames below its own frame (model/origin.h). `call` names the functions of libraries in two words; the others have
 * "". A recording with threads has a site for each stack on each thread (write/split.h), so the page can fold them.
 * viewer/html/src/data.js reads the data.
 */
#include <errno.h>
#include <stdlib.h>

#include "ctrace/version.h"
#include "model/advise.h"
#include "model/functions.h"
#include "model/origin.h"
#include "model/threads.h"
#include "names/names.h"
#include "util/progress.h"
#include "write/diff.h"
#include "write/editor_link.h"
#include "write/gather.h"
#include "write/html.h"
#include "write/html_histograms.h"
#include "write/packed.h"
#include "write/put_findings.h"
#include "write/put_what_if.h"
#include "write/put_places.h"
#include "write/put_profile.h"
#include "write/split.h"
#include "write/stacks.h"
#include "write/template.h"
#include "write/write.h"

#define VERSION 1

struct page {
	const struct ct_profile *profile;
	const struct ct_diff *diff; /* NULL = a profile; else sites are the diff's rows, frames are functions alone */
	FILE *out;
	struct ct_origins origins; /* of a profile, not of a diff */
	struct ct_functions functions;
	uint32_t *example; /* by function: one of its frames */
	uint32_t *text_of; /* by string id: index in the page's texts */
	uint32_t *labels; /* each frame's own id */
	struct ct_stacks stacks;
	uint32_t *place; /* by site: its index in the order of stacks */
	struct ct_gather gather;
	uint32_t *path; /* the previous site's node at each depth */
	uint32_t *node_of; /* by place */
	const struct ct_html *html;
	struct ct_split split; /* if its threads are known; then profile is split.profile */
	struct ct_findings findings; /* only for a heap profile, not for a diff */
	uint32_t *finding_place; /* by site of the profile that the findings are about */
};

static void begin_list(const struct page *page, const char *name, bool more)
{
	fprintf(page->out, "%s\"%s\":[", more ? ",\n" : "", name);
}

static void put_item(const struct page *page, size_t i, uint64_t number)
{
	if (i)
		putc_unlocked(',', page->out);
	ct_put_number(page->out, number);
}

/* Write a list of `count` numbers; `number` is an expression of the index `i`. */
#define PUT_LIST(page, name, more, count, number)                                                                      \
	do {                                                                                                           \
		begin_list(page, name, more);                                                                          \
		for (size_t i = 0; i < (count); i++)                                                                   \
			put_item(page, i, number);                                                                     \
		putc_unlocked(']', (page)->out);                                                                       \
	} while (0)

/* Only a frame without function and module is shown by its whole text. */
static uint32_t text_of_frame(const struct ct_frame *frame)
{
	return frame->function || frame->module ? 0 : frame->text;
}

static void find_texts(const struct page *page)
{
	for (size_t i = 0; i < page->functions.count; i++) {
		const struct ct_function *function = &page->functions.rows[i];
		page->text_of[function->name] = page->text_of[function->file] = page->text_of[function->module] = 1;
	}
	for (size_t i = 1; i < page->profile->frame_count; i++)
		page->text_of[text_of_frame(&page->profile->frames[i])] = 1;
}

static void put_texts(const struct page *page)
{
	uint32_t count = 0;
	find_texts(page);
	begin_list(page, "texts", true);
	for (size_t i = 0; i < page->profile->string_count; i++) {
		if (i && !page->text_of[i])
			continue;
		if (i)
			putc_unlocked(',', page->out);
		ct_put_text(page->out, page->profile->strings[i]);
		page->text_of[i] = count++;
	}
	putc_unlocked(']', page->out);
}

static void put_functions(const struct page *page)
{
	const struct ct_function *rows = page->functions.rows;
	size_t count = page->functions.count;
	char room[CT_NAME_ROOM];
	fputs(",\n\"functions\":{", page->out);
	PUT_LIST(page, "name", false, count, page->text_of[rows[i].name]);
	PUT_LIST(page, "file", true, count, page->text_of[rows[i].file]);
	PUT_LIST(page, "module", true, count, page->text_of[rows[i].module]);
	begin_list(page, "short", true);
	for (size_t i = 0; i < count; i++) {
		if (i)
			putc_unlocked(',', page->out);
		ct_put_text(page->out, ct_name_short(page->profile, &page->profile->frames[page->example[i]], room));
	}
	putc_unlocked(']', page->out);
	begin_list(page, "call", true);
	for (size_t i = 0; i < count; i++) {
		bool own = ct_origin_is_own(&page->origins, page->example[i]);
		if (i)
			putc_unlocked(',', page->out);
		ct_put_text(page->out,
			    own ? "" : ct_name_call(page->profile, &page->profile->frames[page->example[i]], room));
	}
	fputs("]}", page->out);
}

static void put_frames(const struct page *page)
{
	const struct ct_frame *frames = page->profile->frames + 1;
	size_t count = page->profile->frame_count - 1;
	fputs(",\n\"frames\":{", page->out);
	PUT_LIST(page, "function", false, count, page->functions.of_frame[i + 1]);
	PUT_LIST(page, "line", true, count, frames[i].line);
	PUT_LIST(page, "text", true, count, page->text_of[text_of_frame(&frames[i])]);
	PUT_LIST(page, "inlined", true, count, frames[i].inlined);
	putc_unlocked('}', page->out);
}

#define NODES_OF_ALL 4u /* the two lists of nodes are half of the work */

/* Write each node's frame or, for parents, the distance back to its parent; 0 = no parent. */
static void put_nodes(const struct page *page, const char *name, bool parents)
{
	uint32_t count = 0;
	begin_list(page, name, parents);
	for (size_t place = 0; place < page->profile->site_count; place++) {
		const struct ct_gathered *stack = &page->gather.rows[place];
		ct_progress_at(place + parents * page->profile->site_count, NODES_OF_ALL * page->profile->site_count);
		for (uint32_t depth = stack->common; depth < stack->count; depth++) {
			put_item(page, count,
				 !parents ? stack->frames[stack->count - 1 - depth] - 1
				 : depth  ? count - page->path[depth - 1]
					  : 0);
			page->path[depth] = count++;
		}
		page->node_of[place] = page->path[stack->count - 1];
	}
	putc_unlocked(']', page->out);
}

static const struct ct_diff_row *row_at(const struct page *page, size_t place)
{
	return &page->diff->rows[page->stacks.order[place]];
}

static void put_causes(const struct page *page, enum ct_metric metric)
{
	int64_t parts[CT_CAUSES];
	bool more = false;
	for (int c = 0; c < CT_CAUSES; c++) {
		if (!ct_diff_knows_cause(page->diff, metric, (enum ct_cause)c))
			continue;
		begin_list(page, ct_diff_cause_member((enum ct_cause)c), more);
		for (size_t i = 0; i < page->profile->site_count; i++) {
			ct_diff_causes(row_at(page, i), metric, parts);
			if (i)
				putc_unlocked(',', page->out);
			ct_put_signed(page->out, parts[c]);
		}
		putc_unlocked(']', page->out);
		more = true;
	}
}

/* For each metric, write the old numbers, the new ones, and the causes of the change. */
static int put_sides(const struct page *page)
{
	size_t count = page->profile->site_count;
	PUT_LIST(page, "onlyOld", true, count, !row_at(page, i)->examples[CT_DIFF_NEW]);
	PUT_LIST(page, "onlyNew", true, count, !row_at(page, i)->examples[CT_DIFF_OLD]);
	int code = ct_put_places(page->diff, page->stacks.order, page->html->source_path, page->out);
	fputs("},\n\"changes\":{", page->out);
	bool more = false;
	for (int m = 1; m < CT_METRIC_COUNT; m++) {
		if (!ct_diff_compares(page->diff, (enum ct_metric)m))
			continue;
		fprintf(page->out, "%s\"%s\":{", more ? ",\n" : "", ct_metric_member((enum ct_metric)m));
		PUT_LIST(page, "old", false, count, row_at(page, i)->values[CT_DIFF_OLD][m]);
		PUT_LIST(page, "new", true, count, row_at(page, i)->values[CT_DIFF_NEW][m]);
		fputs(",\"causes\":{", page->out);
		put_causes(page, (enum ct_metric)m);
		fputs("}}", page->out);
		more = true;
	}
	putc_unlocked('}', page->out);
	return code;
}

static int put_sites(const struct page *page)
{
	const struct ct_profile *profile = page->profile;
	size_t count = profile->site_count;
	fputs(",\n\"nodes\":{", page->out);
	put_nodes(page, "frame", false);
	put_nodes(page, "up", true);
	fputs("},\n\"sites\":{", page->out);
	PUT_LIST(page, "node", false, count, page->node_of[i]);
	PUT_LIST(page, "skip", true, count, page->diff ? 0 : page->gather.rows[i].leaf);
	PUT_LIST(page, "own", true, count, page->diff ? row_at(page, i)->own : page->gather.rows[i].own);
	PUT_LIST(page, "truncated", true, count, page->gather.rows[i].truncated);
	if (page->diff)
		return put_sides(page);
	for (int m = 1; m < CT_COUNTER_COUNT; m++) {
		ct_progress_at(CT_COUNTER_COUNT + (uint64_t)m, 2 * CT_COUNTER_COUNT);
		const uint64_t *values = ct_gather_values(&page->gather, (enum ct_metric)m);
		if (ct_metric_exists(profile, (enum ct_metric)m))
			PUT_LIST(page, ct_metric_member((enum ct_metric)m), true, count, values[i]);
	}
	if (page->split.label_count)
		PUT_LIST(page, "thread", true, count, page->split.thread[page->stacks.order[i]]);
	putc_unlocked('}', page->out);
	return 0;
}

/* Write the threads' names and the frames of their labels. */
static void put_threads(const struct page *page)
{
	const struct ct_split *split = &page->split;
	char text[CT_THREAD_ROOM];
	ct_put_bool_member(page->out, "splitThreads", page->html->split_threads);
	begin_list(page, "threads", true);
	for (size_t i = 0; i < split->label_count; i++) {
		const char *label = ct_thread_label(page->profile, &page->profile->frames[split->labels[i]]);
		fputs(i ? ",{\"name\":" : "{\"name\":", page->out);
		ct_put_text(page->out, ct_thread_text(label, text));
		ct_put_number_member(page->out, "frame", split->labels[i] - 1);
		putc_unlocked('}', page->out);
	}
	putc_unlocked(']', page->out);
}

static void put_timeline(const struct page *page, const struct ct_profile *profile)
{
	const struct ct_timeline_point *points = profile->timeline;
	fputs(",\n\"timeline\":{", page->out);
	PUT_LIST(page, "time", false, profile->timeline_count, points[i].time);
	PUT_LIST(page, "most", true, profile->timeline_count, points[i].max_bytes);
	PUT_LIST(page, "live", true, profile->timeline_count, points[i].last_bytes);
	if (ct_profile_has_live_blocks(profile))
		PUT_LIST(page, "blocks", true, profile->timeline_count, points[i].last_blocks);
	if (ct_profile_has_rss(profile))
		PUT_LIST(page, "resident", true, profile->timeline_count, points[i].rss_bytes);
	putc_unlocked('}', page->out);
}

static void put_marks(const struct page *page)
{
	const struct ct_profile *profile = page->profile;
	fputs(",\n\"marks\":[", page->out);
	for (size_t i = 0; i < profile->mark_count; i++) {
		fprintf(page->out, "%s{\"time\":%" PRIu64, i ? "," : "", profile->marks[i].time);
		ct_put_text_member(page->out, "name", profile->marks[i].name);
		ct_put_number_member(page->out, "live", profile->marks[i].live_bytes);
		putc_unlocked('}', page->out);
	}
	putc_unlocked(']', page->out);
}

static void put_snapshots(const struct page *page)
{
	const struct ct_profile *profile = page->profile;
	fputs(",\n\"snapshots\":[", page->out);
	for (size_t s = 0; s < profile->snapshot_count; s++) {
		const struct ct_snapshot *snapshot = &profile->snapshots[s];
		const struct ct_snapshot_site *rows = snapshot->rows;
		fprintf(page->out, "%s\n{\"time\":%" PRIu64 ",\"bytes\":%" PRIu64, s ? "," : "", snapshot->time,
			snapshot->bytes);
		if (ct_profile_has_live_blocks(profile))
			ct_put_number_member(page->out, "blocks", snapshot->blocks);
		ct_put_bool_member(page->out, "partial", snapshot->partial);
		PUT_LIST(page, "site", true, snapshot->row_count, page->place[rows[i].site]);
		PUT_LIST(page, "siteBytes", true, snapshot->row_count, rows[i].bytes);
		if (ct_profile_has_live_blocks(profile))
			PUT_LIST(page, "siteBlocks", true, snapshot->row_count, rows[i].blocks);
		putc_unlocked('}', page->out);
	}
	putc_unlocked(']', page->out);
}

static int put_old(const struct page *page)
{
	const struct ct_profile *old = page->diff->profiles[CT_DIFF_OLD];
	ct_put_text_member(page->out, "file", page->diff->names[CT_DIFF_NEW]);
	fputs(",\n\"old\":{\"file\":", page->out);
	ct_put_text(page->out, page->diff->names[CT_DIFF_OLD]);
	ct_put_profile(old, page->out);
	put_timeline(page, old);
	putc_unlocked('}', page->out);
	return 0;
}

/* False when out of memory. */
static bool put_data(const struct page *page, enum ct_metric metric)
{
	const struct ct_profile *profile = page->profile;
	fprintf(page->out, "{\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"", VERSION);
	ct_put_profile(profile, page->out);
	ct_put_bool_member(page->out, "foreign", profile->foreign);
	if (profile->state)
		ct_put_text_member(page->out, "processState", profile->state);
	ct_put_text_member(page->out, "verb", profile->verb);
	ct_put_text_member(page->out, "bytesUnit", profile->bytes_unit);
	ct_put_text_member(page->out, "blocksUnit", profile->blocks_unit);
	ct_put_text_member(page->out, "metric", ct_metric_member(metric));
	put_texts(page);
	put_functions(page);
	put_frames(page);
	if (put_sites(page))
		return false;
	if (!page->diff)
		ct_put_html_histograms(profile, page->stacks.order, page->out);
	put_timeline(page, profile);
	put_marks(page);
	put_snapshots(page);
	put_threads(page);
	if (!page->diff)
		ct_put_what_if_of(page->split.label_count ? &page->split.folded : profile, page->finding_place,
				  page->out);
	ct_put_findings(page->split.label_count ? &page->split.folded : profile, &page->findings, page->finding_place,
			page->out);
	ct_put_text_member(page->out, "editorLink", page->html->editor_link ? page->html->editor_link : CT_EDITOR_LINK);
	if (ct_put_paths(profile, &page->functions, page->text_of, page->html->source_path, page->out))
		return false;
	int code = page->diff           ? put_old(page)
		   : page->html->source ? ct_put_source(profile, &page->origins, page->text_of, page->html->source_path,
							page->html->source, page->out)
					: 0;
	fputs("}\n", page->out);
	return code == 0;
}

static uint32_t *numbers(size_t count)
{
	return calloc(count + 1, sizeof(uint32_t));
}

/* Note where in the page each site is. */
static bool place_sites(struct page *page)
{
	const struct ct_profile *folded = &page->split.folded;
	size_t count = page->split.label_count ? folded->site_count : page->profile->site_count;
	for (size_t i = 0; i < page->profile->site_count; i++)
		page->place[page->stacks.order[i]] = (uint32_t)i;
	page->finding_place = numbers(count);
	for (size_t i = 0; page->finding_place && i < count; i++)
		page->finding_place[i] = page->place[page->split.label_count ? page->split.site_of[i] : i];
	return page->finding_place != NULL;
}

/* False when out of memory; call page_fini in both cases. */
static bool page_init(struct page *page, const struct ct_profile *profile, const struct ct_diff *diff,
		      const struct ct_html *html)
{
	*page = (struct page){.profile = profile, .diff = diff, .html = html};
	struct ct_error_text error;
	bool split = !diff && profile->has_threads && !profile->threads_folded;
	if (split && ct_split_init(&page->split, profile, &error))
		return false;
	if (page->split.label_count)
		page->profile = profile = &page->split.profile;
	if (!diff && ct_advise(page->split.label_count ? &page->split.folded : profile, &page->findings, &error) ==
			     CT_ERR_MEMORY)
		return false;
	page->text_of = numbers(profile->string_count);
	page->labels = numbers(profile->frame_count);
	page->place = numbers(profile->site_count);
	page->path = numbers(ct_profile_longest_stack(profile));
	page->node_of = numbers(profile->site_count);
	if (ct_origins_init(&page->origins, profile, CT_ORIGIN_RULE) || ct_functions_init(&page->functions, profile) ||
	    !page->text_of || !page->labels || !page->place || !page->path || !page->node_of)
		return false;
	page->example = numbers(page->functions.count);
	for (size_t i = 0; page->example && i < profile->frame_count; i++) {
		page->labels[i] = (uint32_t)i;
		if (i)
			page->example[page->functions.of_frame[i]] = (uint32_t)i;
	}
	return page->example && !ct_stacks_init(&page->stacks, profile, page->labels) &&
	       !ct_gather_init(&page->gather, profile, &page->stacks, &page->origins) && place_sites(page);
}

static void page_fini(struct page *page)
{
	ct_findings_fini(&page->findings);
	ct_gather_fini(&page->gather);
	ct_stacks_fini(&page->stacks);
	ct_functions_fini(&page->functions);
	ct_origins_fini(&page->origins);
	free(page->example);
	free(page->text_of);
	free(page->labels);
	free(page->place);
	free(page->path);
	free(page->node_of);
	free(page->finding_place);
	ct_split_fini(&page->split);
}

static int write_page(const struct ct_profile *profile, const struct ct_diff *diff, enum ct_metric metric,
		      const struct ct_html *html, FILE *out, struct ct_error_text *error)
{
	struct page page;
	char *template, *rest;
	int code = ct_template_read(&template, &rest, error);
	if (code)
		return code;
	bool memory = page_init(&page, profile, diff, html);
	errno = 0;
	fputs(template, out);
	page.out = memory ? ct_packed_open(out) : NULL;
	memory = page.out != NULL;
	if (memory) {
		bool complete = put_data(&page, metric);
		memory = (fclose(page.out) == 0 && complete) || ferror(out);
	}
	fputs(rest, out);
	page_fini(&page);
	free(template);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}

int ct_write_html(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	return ct_write_page(profile, metric, &(struct ct_html){0}, out, error);
}

int ct_write_page(const struct ct_profile *profile, enum ct_metric metric, const struct ct_html *html, FILE *out,
		  struct ct_error_text *error)
{
	return write_page(profile, NULL, metric, html, out, error);
}

int ct_write_diff_html(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	return ct_write_diff_page(diff, metric, &(struct ct_html){0}, out, error);
}

/* Write the page of the new profile, with the diff's rows as its sites and the chains' texts as its functions. */
int ct_write_diff_page(const struct ct_diff *diff, enum ct_metric metric, const struct ct_html *html, FILE *out,
		       struct ct_error_text *error)
{
	const struct ct_profile *chains = diff->chains.profile;
	struct ct_profile shown = *diff->profiles[CT_DIFF_NEW];
	shown.sites = calloc(diff->row_count + 1, sizeof(*shown.sites));
	shown.frames = calloc(chains->frame_count, sizeof(*shown.frames));
	shown.site_count = diff->row_count;
	shown.frame_count = chains->frame_count;
	shown.frame_ids = chains->frame_ids;
	shown.strings = chains->strings;
	shown.string_count = chains->string_count;
	shown.snapshot_count = 0;
	bool memory = shown.sites && shown.frames;
	for (size_t i = 0; memory && i < shown.site_count; i++)
		shown.sites[i] = chains->sites[diff->rows[i].chain];
	for (size_t i = 1; memory && i < shown.frame_count; i++) {
		uint32_t text = chains->frames[i].text;
		shown.frames[i] = (struct ct_frame){.function = text, .text = text};
	}
	int code = memory ? write_page(&shown, diff, metric, html, out, error) : ct_error_no_memory(error);
	free(shown.sites);
	free(shown.frames);
	return code;
}

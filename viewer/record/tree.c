/* SPDX-License-Identifier: MIT */
#include "record/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/store/store_file.h"
#include "names/names.h"
#include "util/array.h"
#include "util/progress.h"

#define SMALL 100u /* part of the largest image */
#define SMALL_SHELL 10u

bool ct_tree_has(const struct ct_tree *tree, const struct ct_left_store *left)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->images[i].inode == left->status.st_ino && tree->images[i].device == left->status.st_dev)
			return true;
	return false;
}

int ct_tree_add(struct ct_tree *tree, const char *store, const struct ct_left_store *left, const char *formats)
{
	if (!ct_array_room(&tree->images, &tree->room, tree->count + 1, sizeof(*tree->images)))
		return CT_ERR_MEMORY;
	struct ct_tree_image *image = &tree->images[tree->count];
	*image = (struct ct_tree_image){
		.store = strdup(store),
		.output = strdup(left->output),
		.program = strdup(ct_name_base(left->exe)),
		.formats = formats ? strdup(formats) : NULL,
		.pid = left->pid,
		.begin_ns = left->begin_ns,
		.end_ns = UINT64_MAX,
		.device = left->status.st_dev,
		.inode = left->status.st_ino,
		.file_bytes = (uint64_t)left->status.st_size,
		.kept = left->kept,
	};
	image->chosen = true; /* until ct_tree_choose */
	tree->count++;
	return image->store && image->output && image->program && (image->formats || !formats) ? CT_OK : CT_ERR_MEMORY;
}

/* From a forked child's copy of its parent's timeline, only what comes after the fork is the child's. */
static int read_steps(struct ct_tree_image *image, const struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	const struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	uint64_t start_ns = header->boot_ns + 1000 * ct_store_file_us(store, store->start_ticks);
	image->end_ns = header->boot_ns + 1000 * ct_store_file_us(store, store->end_ticks);
	image->steps = calloc(timeline->used + 1, sizeof(*image->steps));
	if (!image->steps)
		return CT_ERR_MEMORY;
	for (uint32_t i = 0; i < timeline->used; i++) {
		uint64_t from = start_ns + 1000 * ct_store_file_us(store, (uint64_t)i << timeline->shift);
		uint64_t to = start_ns + 1000 * ct_store_file_us(store, (uint64_t)(i + 1) << timeline->shift);
		if (to > image->begin_ns)
			image->steps[image->step_count++] = (struct ct_tree_step){
				from > image->begin_ns ? from : image->begin_ns, timeline->bucket[i].max_bytes};
	}
	return CT_OK;
}

static int read_image(struct ct_tree_image *image)
{
	struct ct_store_file store;
	struct ct_error_text ignored; /* the export reports it */
	int code = ct_store_file_open(image->store, &store, &ignored);
	if (!code) {
		image->read = true;
		image->total_bytes = store.header->totals.total_bytes;
		image->peak_bytes = store.header->totals.peak_bytes;
		code = read_steps(image, &store);
	}
	ct_store_file_close(&store);
	return code == CT_ERR_MEMORY ? code : CT_OK;
}

static int compare_begins(const void *left, const void *right)
{
	const struct ct_tree_image *a = left, *b = right;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->begin_ns < b->begin_ns ? -1 : a->begin_ns > b->begin_ns;
}

/* An exec ends the image before it. */
static void end_replaced(struct ct_tree *tree)
{
	if (tree->count)
		qsort(tree->images, tree->count, sizeof(*tree->images), compare_begins);
	for (size_t i = 1; i < tree->count; i++) {
		struct ct_tree_image *before = &tree->images[i - 1], *after = &tree->images[i];
		if (before->pid == after->pid && before->end_ns > after->begin_ns)
			before->end_ns = after->begin_ns;
	}
}

struct change {
	uint64_t ns;
	uint64_t image;
	uint64_t bytes; /* live in the image from here on */
};

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	return a->ns < b->ns ? -1 : a->ns > b->ns;
}

/* The most that all images had live at one moment, as far as their timelines show it. */
static int add_up(struct ct_tree *tree)
{
	size_t count = 0, room = 0;
	for (size_t i = 0; i < tree->count; i++)
		room += tree->images[i].step_count + 1;
	struct change *changes = calloc(room + 1, sizeof(*changes));
	uint64_t *live = calloc(tree->count + 1, sizeof(*live)), sum = 0;
	bool memory = changes && live;
	for (size_t i = 0; i < tree->count && memory; i++) {
		const struct ct_tree_image *image = &tree->images[i];
		for (size_t j = 0; j < image->step_count && image->steps[j].begin_ns < image->end_ns; j++)
			changes[count++] = (struct change){image->steps[j].begin_ns, i, image->steps[j].bytes};
		if (image->step_count)
			changes[count++] = (struct change){image->end_ns, i, 0};
	}
	if (memory)
		qsort(changes, count, sizeof(*changes), compare_changes);
	for (size_t i = 0; i < count; i++) {
		sum += changes[i].bytes - live[changes[i].image];
		live[changes[i].image] = changes[i].bytes;
		/* What happens at one moment counts together. */
		if (sum > tree->together_bytes && (i + 1 == count || changes[i + 1].ns > changes[i].ns)) {
			tree->together_bytes = sum;
			tree->together_ns = changes[i].ns;
		}
	}
	free(changes);
	free(live);
	return memory ? CT_OK : CT_ERR_MEMORY;
}

/* The largest first; those that could not be read come first of all. */
static int compare_images(const void *left, const void *right)
{
	const struct ct_tree_image *a = left, *b = right;
	if (a->read != b->read)
		return a->read ? 1 : -1;
	if (a->total_bytes != b->total_bytes)
		return a->total_bytes < b->total_bytes ? 1 : -1;
	if (a->begin_ns != b->begin_ns)
		return a->begin_ns < b->begin_ns ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* Does the image allocate less than this part of the largest ones? */
static bool is_below(const struct ct_tree_image *image, uint64_t part, uint64_t most_total, uint64_t most_peak)
{
	return image->total_bytes < most_total / part && image->peak_bytes < most_peak / part;
}

/* A shell that runs a script has a heap of its own, but is not what the user wants to know. */
static bool is_shell(const char *program)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "busybox", "ksh", "ksh93", "mksh", "zsh"};
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (!strcmp(program, shells[i]))
			return true;
	return false;
}

/* A store that cannot be read is chosen, so that its error is reported. */
static bool is_chosen(const struct ct_tree_image *image, const struct ct_globs *only, const struct ct_globs *skip,
		      uint64_t most_total, uint64_t most_peak)
{
	if (ct_globs_match(skip, image->program))
		return false;
	if (only->count)
		return ct_globs_match(only, image->program);
	return !image->read || !is_below(image, is_shell(image->program) ? SMALL_SHELL : SMALL, most_total, most_peak);
}

int ct_tree_choose(struct ct_tree *tree, const struct ct_globs *only, const struct ct_globs *skip)
{
	uint64_t total = 0, peak = 0;
	int code = CT_OK;
	bool needed = tree->count > 1 || only->count || skip->count;
	for (size_t i = 0; i < tree->count && needed && !code; i++) {
		ct_progress_at(i, tree->count);
		code = read_image(&tree->images[i]);
	}
	end_replaced(tree);
	if (!code)
		code = add_up(tree);
	tree->begin_ns = UINT64_MAX;
	for (size_t i = 0; i < tree->count; i++) {
		const struct ct_tree_image *image = &tree->images[i];
		total = image->total_bytes > total ? image->total_bytes : total;
		peak = image->peak_bytes > peak ? image->peak_bytes : peak;
		tree->begin_ns = image->begin_ns < tree->begin_ns ? image->begin_ns : tree->begin_ns;
	}
	if (tree->count)
		qsort(tree->images, tree->count, sizeof(*tree->images), compare_images);
	for (size_t i = 0; i < tree->count; i++) {
		tree->images[i].chosen = is_chosen(&tree->images[i], only, skip, total, peak);
		tree->chosen += tree->images[i].chosen;
	}
	return code;
}

struct counted {
	const char *program;
	size_t count;
};

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct counted *)left)->program, ((const struct counted *)right)->program);
}

static int compare_counts(const void *left, const void *right)
{
	const struct counted *a = left, *b = right;
	return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->program, b->program);
}

void ct_tree_name_others(const struct ct_tree *tree, char *text, size_t room)
{
	struct counted *programs = calloc(tree->count + 1, sizeof(*programs));
	size_t count = 0, kept = 0, used = 0;
	*text = '\0';
	for (size_t i = 0; i < tree->count && programs; i++)
		if (!tree->images[i].chosen)
			programs[count++] = (struct counted){tree->images[i].program, 1};
	if (count)
		qsort(programs, count, sizeof(*programs), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (kept && !strcmp(programs[kept - 1].program, programs[i].program))
			programs[kept - 1].count++;
		else
			programs[kept++] = programs[i];
	}
	if (kept)
		qsort(programs, kept, sizeof(*programs), compare_counts);
	for (size_t i = 0; i < kept; i++) {
		char number[32] = "", one[CT_NAME_ROOM];
		if (programs[i].count > 1)
			snprintf(number, sizeof(number), " %zu", programs[i].count);
		int length = snprintf(one, sizeof(one), "%s%.128s%s", i ? ", " : "", programs[i].program, number);
		if (used + (size_t)length + sizeof(", ...") > room) {
			strcpy(text + used, ", ...");
			break;
		}
		strcpy(text + used, one);
		used += (size_t)length;
	}
	free(programs);
}

void ct_tree_fini(struct ct_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->images[i].store);
		free(tree->images[i].output);
		free(tree->images[i].program);
		free(tree->images[i].formats);
		free(tree->images[i].steps);
	}
	free(tree->images);
	*tree = (struct ct_tree){.images = NULL};
}

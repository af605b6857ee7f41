/* SPDX-License-Identifier: MIT */
/*
 * Writes heaptrack's data file (interpreted, version 3), for heaptrack_gui and heaptrack_print. The file is a list of
 * single allocations and frees. They are synthetic (write/heaptrack_plan.h): heaptrack counts the profile's calls,
 * temporary allocations, peak and leaks for each stack, but the times are not the real ones:
 *
 *   at 0         fleeting blocks that would exceed the peak beside the kept blocks
 *   at the peak  all blocks of the peak; frees of those that are not kept; the other fleeting blocks
 *   at the end   blocks that are live only at the end
 *
 * An entry stands for all blocks of one size and stack. heaptrack considers a block temporary if its entry's free
 * directly follows its entry's allocation. Other fleeting blocks therefore overlap with the next block, which must be
 * of another entry, so blocks of one size and stack use two entries. heaptrack_gui crashes unless the entries are in
 * the order of their first allocations.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/progress.h"
#include "names/number.h"
#include "write/gzip.h"
#include "write/heaptrack_plan.h"
#include "write/stacks.h"
#include "write/write.h"

/* 400 MB of lines and 780 KB in gzip: 2 s to write them, 8 s for heaptrack_print. */
#define FLEETING_MAX 50000000u
#define LIVE_MAX 500000000u /* keeps a damaged report from becoming an endless file */

/* An instruction pointer, and the frames that it was made from, to recognize it later. */
struct address {
	uint64_t id; /* 0 = none yet */
	uint32_t first, count; /* in frame_ids */
};

struct block {
	uint64_t entry;
	uint64_t size;
	bool live;
};

enum step {
	EARLY,
	TO_PEAK,
	FROM_PEAK,
	LATER,
	TO_END,
};

struct writer {
	const struct ct_profile *profile;
	struct ct_gzip *gzip;
	struct ct_stacks stacks;
	uint32_t *labels; /* each frame's own id */
	uint64_t *string_of; /* by string id: heaptrack's number, 0 = not written yet */
	struct address *address_of; /* by innermost frame id */
	uint64_t *trace_of; /* by site */
	uint64_t *peak_entry; /* by site: the entry of its first piece at the peak */
	uint64_t *path; /* instruction pointers of the previous site, root first */
	uint64_t *traces; /* the traces along that path */
	uint32_t path_length;
	uint64_t strings, addresses, trace_count, entries;
	uint64_t kept_bytes; /* live between the peak and the end */
	uint64_t fleeting; /* number of fleeting blocks */
	uint64_t live; /* number of blocks at the peak and at the end */
	size_t inexact; /* number of sites without an exact plan */
	struct block held; /* the fleeting block that is live now */
	bool temporary_at_peak; /* the last site in the order has temporary blocks at the peak */
	struct {
		struct ct_block_piece piece;
		size_t site, index;
	} first; /* the piece that gets entry 0 */
};

static void put(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
	char line[256];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	ct_gzip_put(writer->gzip, line, (size_t)length);
}

static void put_repeated(struct writer *writer, uint64_t times, const char *text)
{
	char many[8192];
	size_t length = strlen(text), copies = sizeof(many) / length;
	for (size_t i = 0; i < copies && i < times; i++)
		memcpy(many + i * length, text, length);
	for (; times && !writer->gzip->failed; times -= copies) {
		if (copies > times)
			copies = times;
		ct_gzip_put(writer->gzip, many, copies * length);
	}
}

static uint64_t put_string(struct writer *writer, uint32_t id)
{
	if (id && !writer->string_of[id]) {
		const char *text = writer->profile->strings[id];
		put(writer, "s %zx ", strlen(text));
		ct_gzip_put(writer->gzip, text, strlen(text));
		ct_gzip_put(writer->gzip, "\n", 1);
		writer->string_of[id] = ++writer->strings;
	}
	return writer->string_of[id];
}

/* Write a frame and those that are inlined into it, innermost first. */
static uint64_t put_address(struct writer *writer, const uint32_t *frames, uint32_t count)
{
	const struct ct_profile *profile = writer->profile;
	const struct ct_frame *first = &profile->frames[*frames];
	uint64_t module = put_string(writer, first->module);
	for (uint32_t i = 0; i < count; i++) {
		put_string(writer, profile->frames[frames[i]].function);
		put_string(writer, profile->frames[frames[i]].file);
	}
	put(writer, "i %" PRIx64 " %" PRIx64, first->address, module);
	for (uint32_t i = 0; i < count && profile->frames[frames[i]].function; i++) {
		const struct ct_frame *frame = &profile->frames[frames[i]];
		put(writer, " %" PRIx64 " %" PRIx64 " %x", put_string(writer, frame->function),
		    put_string(writer, frame->file), frame->line);
	}
	ct_gzip_put(writer->gzip, "\n", 1);
	return ++writer->addresses;
}

/* Find the address of the frames from `first` to the next one that is not inlined. Returns their number. */
static uint32_t find_address(struct writer *writer, uint32_t first, uint32_t left, uint64_t *id)
{
	const struct ct_profile *profile = writer->profile;
	const uint32_t *frames = profile->frame_ids + first;
	struct address *known = &writer->address_of[*frames];
	uint32_t count = 1;
	while (count < left && profile->frames[frames[count - 1]].inlined)
		count++;
	/* In a damaged report, a frame may be inlined into several others. Each then gets its own address. */
	if (!known->id || known->count != count ||
	    memcmp(frames, profile->frame_ids + known->first, count * sizeof(*frames)) != 0)
		*known = (struct address){put_address(writer, frames, count), first, count};
	*id = known->id;
	return count;
}

/* Write the site's stack as a trace. The callers that it shares with the previous site already have traces. */
static uint64_t put_trace(struct writer *writer, const struct ct_site_row *site, uint64_t *leaf_first)
{
	uint32_t length = 0, same = 0;
	for (uint32_t i = 0; i < site->frame_count; length++)
		i += find_address(writer, site->first_frame + i, site->frame_count - i, &leaf_first[length]);
	while (same < length && same < writer->path_length && leaf_first[length - 1 - same] == writer->path[same])
		same++;
	for (; same < length; same++) {
		writer->path[same] = leaf_first[length - 1 - same];
		put(writer, "t %" PRIx64 " %" PRIx64 "\n", writer->path[same], same ? writer->traces[same - 1] : 0);
		writer->traces[same] = ++writer->trace_count;
	}
	writer->path_length = length;
	return writer->traces[length - 1];
}

static size_t make_pieces(const struct writer *writer, size_t site, struct ct_block_piece *pieces)
{
	const struct ct_counters *counters = &writer->profile->sites[site].counters;
	struct ct_block_plan plan;
	ct_block_plan_make(&plan, counters);
	size_t count = ct_block_plan_pieces(&plan, counters->temporary_blocks, pieces);
	if (writer->fleeting > FLEETING_MAX)
		for (size_t i = 0; i < count; i++)
			if (pieces[i].kind == CT_BLOCKS_FLEETING)
				pieces[i].count = 1 + (uint64_t)((double)(pieces[i].count - 1) * FLEETING_MAX /
								 (double)writer->fleeting);
	return count;
}

static void put_site(struct writer *writer, size_t site, uint64_t *leaf_first)
{
	writer->trace_of[site] = put_trace(writer, &writer->profile->sites[site], leaf_first);
}

static uint64_t put_entry(struct writer *writer, uint64_t size, uint64_t trace)
{
	put(writer, "a %" PRIx64 " %" PRIx64 "\n", size, trace);
	return writer->entries++;
}

static void put_blocks(struct writer *writer, char what, uint64_t entry, uint64_t times)
{
	char line[32];
	snprintf(line, sizeof(line), "%c %" PRIx64 "\n", what, entry);
	put_repeated(writer, times, line);
}

static void free_held(struct writer *writer)
{
	if (writer->held.live)
		put_blocks(writer, '-', writer->held.entry, 1);
	writer->held.live = false;
}

/* Is there room for this many bytes beside the others without exceeding the peak? */
static bool is_room(const struct writer *writer, uint64_t others, uint64_t bytes)
{
	uint64_t peak = writer->profile->totals.peak_bytes;
	return others <= peak && bytes <= peak - others;
}

/* Write `count` blocks, each of which overlaps with the next. */
static void put_overlapping(struct writer *writer, uint64_t count, uint64_t size, uint64_t trace)
{
	char lines[128];
	uint64_t other = put_entry(writer, size, trace), entry = writer->held.entry;
	snprintf(lines, sizeof(lines), "+ %" PRIx64 "\n- %" PRIx64 "\n+ %" PRIx64 "\n- %" PRIx64 "\n", other, entry,
		 entry, other);
	put_repeated(writer, count / 2, lines);
	if (count % 2) {
		put_blocks(writer, '+', other, 1);
		put_blocks(writer, '-', entry, 1);
		writer->held.entry = other;
	}
}

/* Write blocks that come and go while `live` bytes are live. */
static void put_fleeting(struct writer *writer, const struct ct_block_piece *piece, uint64_t trace, uint64_t live)
{
	char lines[64];
	uint64_t left = piece->count, entry = put_entry(writer, piece->size, trace);
	if (writer->held.live && !is_room(writer, live + writer->held.size, piece->size))
		free_held(writer);
	if (!piece->temporary) {
		put_blocks(writer, '+', entry, 1);
		free_held(writer);
		writer->held = (struct block){entry, piece->size, true};
		if (!--left)
			return;
		if (is_room(writer, live + piece->size, piece->size)) {
			put_overlapping(writer, left, piece->size, trace);
			return;
		}
		free_held(writer);
	}
	snprintf(lines, sizeof(lines), "+ %" PRIx64 "\n- %" PRIx64 "\n", entry, entry);
	put_repeated(writer, left, lines);
}

static bool is_early(const struct writer *writer, const struct ct_block_piece *piece)
{
	return piece->kind == CT_BLOCKS_FLEETING && !is_room(writer, writer->kept_bytes, piece->size);
}

static void put_piece(struct writer *writer, const struct ct_block_piece *piece, uint64_t trace, enum step step)
{
	bool early = is_early(writer, piece);
	if (piece->kind == CT_BLOCKS_FLEETING && step == (early ? EARLY : LATER))
		put_fleeting(writer, piece, trace, early ? 0 : writer->kept_bytes);
	if ((step == TO_PEAK && (piece->kind == CT_BLOCKS_KEPT || piece->kind == CT_BLOCKS_PEAK)) ||
	    (step == TO_END && piece->kind == CT_BLOCKS_END))
		put_blocks(writer, '+', put_entry(writer, piece->size, trace), piece->count);
}

/* Is this the piece with entry 0? It is written before the others. */
static bool is_first(const struct writer *writer, size_t site, size_t piece)
{
	return writer->first.piece.count && site == writer->first.site && piece == writer->first.index;
}

/* Free a site's blocks that are live only at the peak, last one first. They were allocated after the kept ones. */
static void free_pieces(struct writer *writer, size_t site, const struct ct_block_piece *pieces, size_t count)
{
	uint64_t entry = writer->peak_entry[site];
	size_t end = 0;
	for (; end < count && pieces[end].kind <= CT_BLOCKS_PEAK; end++)
		entry += !is_first(writer, site, end);
	while (end--)
		if (!is_first(writer, site, end)) {
			entry--;
			if (pieces[end].kind == CT_BLOCKS_PEAK)
				put_blocks(writer, '-', entry, pieces[end].count);
		}
}

static void put_first(struct writer *writer, enum step step)
{
	const struct ct_block_piece *piece = &writer->first.piece;
	uint64_t trace = writer->trace_of[writer->first.site];
	if (!piece->count)
		return;
	if (step == EARLY && piece->kind == CT_BLOCKS_FLEETING)
		put_fleeting(writer, piece, trace, 0);
	else if (step == TO_PEAK)
		put_piece(writer, piece, trace, step);
	else if (step == FROM_PEAK && piece->kind == CT_BLOCKS_PEAK)
		put_blocks(writer, '-', 0, piece->count);
}

static void put_step(struct writer *writer, enum step step)
{
	struct ct_block_piece pieces[CT_BLOCK_PIECES_MAX];
	size_t sites = writer->profile->site_count;
	bool backward = step == FROM_PEAK && writer->temporary_at_peak;
	put_first(writer, step);
	for (size_t i = 0; i < sites && !writer->gzip->failed; i++) {
		size_t site = writer->stacks.order[backward ? sites - 1 - i : i];
		size_t count = make_pieces(writer, site, pieces);
		ct_progress_at((uint64_t)step * sites + i, (TO_END + 1) * (uint64_t)sites);
		if (step == FROM_PEAK)
			free_pieces(writer, site, pieces, count);
		if (step == TO_PEAK)
			writer->peak_entry[site] = writer->entries;
		for (size_t j = 0; j < count; j++)
			if (!is_first(writer, site, j))
				put_piece(writer, &pieces[j], writer->trace_of[site], step);
	}
	free_held(writer);
}

static void add_blocks(uint64_t *sum, const struct ct_block_group *group)
{
	if (__builtin_add_overflow(*sum, group->blocks, sum))
		*sum = UINT64_MAX;
}

static void add_up(struct writer *writer)
{
	struct ct_block_plan plan;
	for (size_t i = 0; i < writer->profile->site_count; i++) {
		ct_block_plan_make(&plan, &writer->profile->sites[i].counters);
		writer->kept_bytes += plan.groups[CT_BLOCKS_KEPT].bytes;
		for (int kind = 0; kind < CT_BLOCKS_KINDS; kind++)
			add_blocks(kind == CT_BLOCKS_FLEETING ? &writer->fleeting : &writer->live, &plan.groups[kind]);
		writer->inexact += !plan.exact;
	}
}

/* How well a piece suits entry 0; lower is better. */
static uint64_t rank_first(const struct ct_block_piece *piece)
{
	if (piece->temporary)
		return 0;
	if (piece->kind == CT_BLOCKS_KEPT)
		return 1;
	return piece->kind == CT_BLOCKS_END ? UINT64_MAX : 1 + piece->count;
}

/*
 * To heaptrack, 0 also means "no entry", so a free of entry 0 that follows another free would count as temporary.
 * Therefore entry 0 is given to temporary blocks, to blocks that are never freed, or to a piece of few blocks. If
 * there are early blocks, only fleeting ones qualify: entry 0 must be allocated first, and early blocks precede the
 * peak.
 */
static void choose_first(struct writer *writer)
{
	struct ct_block_piece pieces[CT_BLOCK_PIECES_MAX];
	bool early = false;
	uint64_t best = UINT64_MAX;
	for (size_t site = 0; site < writer->profile->site_count; site++) {
		size_t count = make_pieces(writer, site, pieces);
		for (size_t i = 0; i < count; i++) {
			uint64_t rank = rank_first(&pieces[i]);
			if (is_early(writer, &pieces[i]) && !early) {
				early = true;
				best = best ? UINT64_MAX : 0;
			}
			if (rank >= best || (early && pieces[i].kind != CT_BLOCKS_FLEETING))
				continue;
			best = rank;
			writer->first.site = site;
			writer->first.index = i;
			writer->first.piece = pieces[i];
		}
	}
}

/*
 * The block that makes the peak is often temporary. Its site then has more temporary blocks than fleeting ones. This
 * site is written last before the peak and first after it, so that the free of its block follows the allocation.
 */
static void choose_last(struct writer *writer)
{
	uint32_t *order = writer->stacks.order;
	size_t count = writer->profile->site_count;
	struct ct_block_plan plan;
	for (size_t i = 0; i < count && !writer->temporary_at_peak; i++) {
		uint32_t site = order[i];
		const struct ct_counters *counters = &writer->profile->sites[site].counters;
		ct_block_plan_make(&plan, counters);
		if (counters->temporary_blocks <= plan.groups[CT_BLOCKS_FLEETING].blocks ||
		    !plan.groups[CT_BLOCKS_PEAK].blocks)
			continue;
		memmove(order + i, order + i + 1, (count - 1 - i) * sizeof(*order));
		order[count - 1] = site;
		writer->temporary_at_peak = true;
	}
}

static void put_time(struct writer *writer, uint64_t time)
{
	bool known = !strcmp(writer->profile->time_unit, "µs");
	put(writer, "c %" PRIx64 "\n", known ? time / 1000 : time);
}

static void put_all(struct writer *writer, uint64_t *leaf_first)
{
	const struct ct_profile *profile = writer->profile;
	uint64_t peak_time = profile->peak_time < profile->end_time ? profile->peak_time : profile->end_time;
	put(writer, "v 10400 3\nX ");
	ct_gzip_put(writer->gzip, profile->command, strlen(profile->command));
	ct_gzip_put(writer->gzip, "\n", 1);
	for (size_t i = 0; i < profile->site_count && !writer->gzip->failed; i++)
		put_site(writer, writer->stacks.order[i], leaf_first);
	choose_last(writer);
	choose_first(writer);
	put_time(writer, 0);
	put_step(writer, EARLY);
	put_time(writer, peak_time);
	put_step(writer, TO_PEAK);
	put_step(writer, FROM_PEAK);
	put_step(writer, LATER);
	put_time(writer, profile->end_time);
	put_step(writer, TO_END);
}

static bool init(struct writer *writer, uint64_t **leaf_first)
{
	const struct ct_profile *profile = writer->profile;
	uint32_t longest = ct_profile_longest_stack(profile);
	*leaf_first = calloc(longest, sizeof(uint64_t));
	writer->gzip = malloc(sizeof(*writer->gzip));
	writer->labels = calloc(profile->frame_count + 1, sizeof(*writer->labels));
	writer->string_of = calloc(profile->string_count + 1, sizeof(*writer->string_of));
	writer->address_of = calloc(profile->frame_count + 1, sizeof(*writer->address_of));
	writer->trace_of = calloc(profile->site_count + 1, sizeof(*writer->trace_of));
	writer->peak_entry = calloc(profile->site_count + 1, sizeof(*writer->peak_entry));
	writer->path = calloc(longest, sizeof(*writer->path));
	writer->traces = calloc(longest, sizeof(*writer->traces));
	if (!*leaf_first || !writer->gzip || !writer->labels || !writer->string_of || !writer->address_of ||
	    !writer->trace_of || !writer->peak_entry || !writer->path || !writer->traces)
		return false;
	for (size_t i = 0; i < profile->frame_count; i++)
		writer->labels[i] = (uint32_t)i;
	return ct_stacks_init(&writer->stacks, profile, writer->labels) == 0;
}

int ct_write_heaptrack(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	(void)metric; /* the file has everything that heaptrack knows */
	struct writer writer = {.profile = profile};
	uint64_t *leaf_first;
	int code = CT_OK;
	add_up(&writer);
	if (writer.live > LIVE_MAX)
		return ct_error_set(error, CT_ERR_USAGE,
				    "%" PRIu64
				    " blocks of the peak and the end are too many for heaptrack, whose file has a "
				    "line for each",
				    writer.live);
	errno = 0;
	if (!init(&writer, &leaf_first) || !ct_gzip_begin(writer.gzip, out)) {
		code = ct_error_no_memory(error);
	} else {
		put_all(&writer, leaf_first);
		if (!ct_gzip_end(writer.gzip))
			code = ferror(out) ? ct_error_set(error, CT_ERR_IO, "cannot write: %s", strerror(errno))
					   : ct_error_no_memory(error);
	}
	ct_stacks_fini(&writer.stacks);
	free(leaf_first);
	free(writer.gzip);
	free(writer.labels);
	free(writer.string_of);
	free(writer.address_of);
	free(writer.trace_of);
	free(writer.peak_entry);
	free(writer.path);
	free(writer.traces);
	return code;
}

bool ct_note_heaptrack(const struct ct_profile *profile, char *line, size_t room)
{
	struct writer writer = {.profile = profile};
	char number[CT_NUMBER_ROOM];
	add_up(&writer);
	if (writer.fleeting > FLEETING_MAX)
		snprintf(line, room,
			 "heaptrack: of %" PRIu64 " blocks that come and go, about %u are in the file: calls and "
			 "temporary allocations are less, in proportion; peak and leaks are exact",
			 writer.fleeting, FLEETING_MAX);
	else if (writer.inexact)
		snprintf(line, room,
			 "heaptrack: the calls of %s differ, since no blocks have their numbers (estimates of "
			 "a sampled recording?); peak and leaks are exact",
			 ct_number_count(number, writer.inexact, "sites"));
	return writer.fleeting > FLEETING_MAX || writer.inexact;
}

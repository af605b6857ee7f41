/* SPDX-License-Identifier: MIT */
#include "write/put_source.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "model/metric.h"
#include "util/source_file.h"
#include "util/utf8.h"
#include "write/put_json.h"

#define CONTEXT 8 /* lines around those of frames */
#define PLACES_MAX 3000 /* so at most 51,000 lines */
#define LINE_BYTES_MAX 400
#define ELLIPSIS "…"
#define TAB 8
#define NS_PER_S 1000000000u

/* A line that an own frame is at. */
struct place {
	uint32_t file; /* string id */
	uint32_t line;
	uint64_t bytes; /* of the sites with this frame */
};

static int compare_lines(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int compare_bytes(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return compare_lines(left, right);
}

int ct_put_paths(const struct ct_profile *profile, const struct ct_functions *functions, const uint32_t *text_of,
		 const char *folders, FILE *out)
{
	bool *done = calloc(profile->string_count + 1, sizeof(*done));
	bool more = false, memory = done != NULL;
	fputs(",\n\"paths\":{", out);
	for (size_t i = 0; memory && i < functions->count; i++) {
		uint32_t file = functions->rows[i].file;
		char *place = NULL;
		if (file && !done[file])
			memory = ct_source_place(profile->strings[file], folders, &place) == 0;
		done[file] = true;
		if (place) {
			fprintf(out, "%s\"%u\":", more ? "," : "", text_of[file]);
			ct_put_text(out, place);
			more = true;
		}
		free(place);
	}
	putc_unlocked('}', out);
	free(done);
	return memory ? 0 : -1;
}

/* The lines of all own frames, each once, those with the most bytes first. To be freed; NULL: out of memory. */
static struct place *find_places(const struct ct_profile *profile, const struct ct_origins *origins, size_t *count)
{
	enum ct_metric metric = ct_metric_main(profile);
	struct place *places = calloc(profile->frame_count + 1, sizeof(*places));
	size_t kept = 0;
	*count = 0;
	if (!places)
		return NULL;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		for (uint32_t j = 0; j < site->frame_count; j++)
			places[profile->frame_ids[site->first_frame + j]].bytes +=
				ct_metric_value(&site->counters, metric) + 1; /* at least 1 if it is used */
	}
	for (uint32_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		if (places[i].bytes && frame->file && frame->line && ct_origin_is_own(origins, i))
			places[kept++] = (struct place){frame->file, frame->line, places[i].bytes};
	}
	qsort(places, kept, sizeof(*places), compare_lines);
	for (size_t i = 0; i < kept; i++) {
		if (*count && !compare_lines(&places[*count - 1], &places[i]))
			places[*count - 1].bytes += places[i].bytes;
		else
			places[(*count)++] = places[i];
	}
	qsort(places, *count, sizeof(*places), compare_bytes);
	return places;
}

/* Write a line of source: tabs become blanks, and it is cut if it is long. */
static void put_line(const char *line, FILE *out)
{
	char text[LINE_BYTES_MAX + TAB + sizeof(ELLIPSIS)];
	size_t used = 0, columns = 0;
	for (; *line && used < LINE_BYTES_MAX; line++) {
		size_t blanks = *line == '\t' ? TAB - columns % TAB : 0;
		if (blanks)
			memset(text + used, ' ', blanks);
		else
			text[used] = *line;
		used += blanks ? blanks : 1;
		columns += blanks ? blanks : (*line & 0xc0) != 0x80;
	}
	if ((*line & 0xc0) == 0x80) { /* no part of a character */
		while (used && (text[used - 1] & 0xc0) == 0x80)
			used--;
		used -= used > 0;
	}
	if (*line) {
		memcpy(text + used, ELLIPSIS, sizeof(ELLIPSIS) - 1);
		used += sizeof(ELLIPSIS) - 1;
	}
	char *clean = ct_utf8_clean(text, used, NULL);
	ct_put_text(out, clean ? clean : "");
	free(clean);
}

/* Write the lines around these places of one file, as runs of adjacent lines. */
static void put_lines(const struct place *places, size_t count, const struct ct_source *source,
		      struct ct_source_sum *sum, FILE *out)
{
	size_t next = 0; /* the first line that is not yet written */
	for (size_t i = 0; i < count && places[i].line <= source->count; i++) {
		size_t line = places[i].line, end = line + CONTEXT < source->count ? line + CONTEXT : source->count;
		size_t first = line > CONTEXT ? line - CONTEXT : 1;
		bool begins = !next || first > next;
		if (begins) {
			fprintf(out, "%s{\"first\":%zu,\"lines\":[", next ? "]},\n" : "", first);
			next = first;
		}
		for (; next <= end; next++) {
			if (!begins)
				putc_unlocked(',', out);
			put_line(source->lines[next - 1], out);
			begins = false;
			sum->lines++;
		}
	}
	if (next)
		fputs("]}", out);
}

/* Was the file written after the program started? */
static bool is_newer(const struct ct_profile *profile, const char *path)
{
	struct stat status;
	return profile->start_unix_ns && stat(path, &status) == 0 &&
	       (uint64_t)status.st_mtime > profile->start_unix_ns / NS_PER_S;
}

/* Is it source code, by its extension? */
static bool is_code(const char *path)
{
	static const char *const extensions[] = {
		"asm",   "c",    "c++", "cc",  "cpp", "cppm", "cr",   "cs",   "cu",  "cuh", "cxx", "d",
		"def",   "f",    "f90", "for", "go",  "h",    "h++",  "hh",   "hpp", "hs",  "hxx", "i",
		"ii",    "impl", "inc", "inl", "ino", "ipp",  "ixx",  "java", "js",  "kt",  "l",   "ll",
		"m",     "ml",   "mm",  "nim", "pas", "pl",   "py",   "pyx",  "rb",  "rs",  "s",   "sx",
		"swift", "tcc",  "tpp", "ts",  "txx", "v",    "vala", "y",    "yy",  "zig"};
	const char *dot = strrchr(path, '.');
	bool found = false;
	for (size_t i = 0; dot && i < sizeof(extensions) / sizeof(extensions[0]); i++)
		found = found || !strcasecmp(dot + 1, extensions[i]);
	return found;
}

static void put_file(const struct ct_profile *profile, const struct place *places, size_t count,
		     const uint32_t *text_of, const char *folders, struct ct_source_sum *sum, FILE *out)
{
	const char *file = profile->strings[places->file];
	char *found = ct_source_path(file, folders), *path = found ? realpath(found, NULL) : NULL;
	struct ct_source source;
	fprintf(out, "{\"file\":%u", text_of[places->file]);
	if (path && !is_code(path)) {
		fputs(",\"other\":true", out);
		sum->other++;
	} else if (path && ct_source_open(&source, path, NULL) == 0) {
		fprintf(out, ",\"newer\":%s,\"parts\":[", is_newer(profile, path) ? "true" : "false");
		put_lines(places, count, &source, sum, out);
		putc_unlocked(']', out);
		ct_source_close(&source);
		sum->files++;
	} else {
		sum->missing++;
	}
	putc_unlocked('}', out);
	free(path);
	free(found);
}

int ct_put_source(const struct ct_profile *profile, const struct ct_origins *origins, const uint32_t *text_of,
		  const char *folders, struct ct_source_sum *sum, FILE *out)
{
	size_t count;
	struct place *places = find_places(profile, origins, &count);
	*sum = (struct ct_source_sum){.left = count > PLACES_MAX ? count - PLACES_MAX : 0};
	count -= sum->left;
	if (!places)
		return -1;
	qsort(places, count, sizeof(*places), compare_lines);
	fputs(",\n\"source\":[", out);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i; end < count && places[end].file == places[i].file; end++)
			;
		fputs(i ? ",\n" : "\n", out);
		put_file(profile, places + i, end - i, text_of, folders, sum, out);
	}
	putc_unlocked(']', out);
	free(places);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * gperftools' text, which its Perl pprof and `go tool pprof` read: numbers and return addresses, with the process's
 * mappings at the end. The reader asks for names by address (/pprof/symbol).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/store/store_builder.h"
#include "names/names.h"
#include "serve/view.h"
#include "write/mappings.h"

#define NOT_PLACED UINT64_MAX

/* The return address of a frame in the process; NOT_PLACED: it is inlined, or not code. */
static uint64_t address_of(const struct ct_profile *profile, const struct ct_mappings *mappings,
			   const struct ct_frame *frame)
{
	uint32_t mapping =
		frame->module && frame->module < profile->string_count ? mappings->of_module[frame->module] : 0;
	if (frame->inlined || !frame->address)
		return NOT_PLACED;
	return frame->address + (mapping ? mappings->rows[mapping - 1].bias : 0) + 1;
}

static void put_site(const struct ct_profile *profile, const struct ct_mappings *mappings,
		     const struct ct_site_row *site, bool growth, FILE *out)
{
	const struct ct_counters *counters = &site->counters;
	fprintf(out, "%6" PRIu64 ": %8" PRIu64 " [%6" PRIu64 ": %8" PRIu64 "] @",
		growth ? counters->peak_blocks : counters->end_blocks,
		growth ? counters->peak_bytes : counters->end_bytes,
		growth ? counters->peak_blocks : counters->total_blocks,
		growth ? counters->peak_bytes : counters->total_bytes);
	for (uint32_t i = 0; i < site->frame_count; i++) {
		uint64_t address =
			address_of(profile, mappings, &profile->frames[profile->frame_ids[site->first_frame + i]]);
		if (address != NOT_PLACED)
			fprintf(out, " 0x%" PRIx64, address);
	}
	putc('\n', out);
}

/* The names of a stack as comments, as Go writes them. */
static void put_names(const struct ct_profile *profile, const struct ct_mappings *mappings,
		      const struct ct_site_row *site, FILE *out)
{
	char name[CT_NAME_ROOM];
	for (uint32_t i = 0; i < site->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + i]];
		uint64_t address = address_of(profile, mappings, frame);
		fprintf(out, "#\t0x%" PRIx64 "\t%s\t%s:%" PRIu32 "\n", address == NOT_PLACED ? 0 : address,
			ct_name_short(profile, frame, name), profile->strings[frame->file], frame->line);
	}
}

/* The mappings of the running process, or those that its store knows. */
static void put_mappings(const struct ct_served *served, const struct ct_mappings *mappings, FILE *out)
{
	char room[65536];
	bool any = false;
	ssize_t got;
	int fd = served->process.folder < 0 ? -1 : openat(served->process.folder, "maps", O_RDONLY | O_CLOEXEC);
	fputs("\nMAPPED_LIBRARIES:\n", out);
	while (fd >= 0 && (got = read(fd, room, sizeof(room))) > 0) {
		fwrite(room, 1, (size_t)got, out);
		any = true;
	}
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < mappings->count && !any; i++)
		if (mappings->rows[i].placed)
			fprintf(out, "%" PRIx64 "-%" PRIx64 " r-xp 00000000 00:00 0 %s\n", mappings->rows[i].start,
				mappings->rows[i].limit, mappings->rows[i].path);
}

int ct_pprof_write_text(struct ct_served *served, const struct ct_pprof_ask *ask, bool names, FILE *out,
			struct ct_error_text *error)
{
	struct ct_view view;
	struct ct_mappings mappings = {0};
	bool growth = ask->kind == CT_PPROF_GROWTH;
	int code = ct_view_make(served, ask, &view, error);
	if (!code && ct_mappings_init(&mappings, &view.profile))
		code = ct_error_no_memory(error);
	if (!code) {
		const struct ct_site_row all = {.counters = view.profile.totals};
		fputs("heap profile: ", out);
		put_site(&view.profile, &mappings, &all, growth, out);
		fseek(out, -1, SEEK_CUR); /* over the end of the line */
		fputs(" heapprofile\n", out);
		for (size_t i = 0; i < view.profile.site_count; i++) {
			put_site(&view.profile, &mappings, &view.profile.sites[i], growth, out);
			if (names)
				put_names(&view.profile, &mappings, &view.profile.sites[i], out);
		}
		put_mappings(served, &mappings, out);
	}
	ct_mappings_fini(&mappings);
	ct_view_free(&view);
	return code;
}

struct placed {
	uint64_t address;
	uint32_t frame;
};

static int by_address(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;
	return (a->address > b->address) - (a->address < b->address);
}

/* The addresses are separated by +, as in "0x401136+0x401150". A reader may have taken 1 from a return address. */
static void put_symbols(const struct ct_profile *profile, const struct placed *rows, size_t count, const char *text,
			size_t bytes, FILE *out)
{
	char name[CT_NAME_ROOM], word[32];
	for (size_t at = 0; at < bytes;) {
		size_t length = 0;
		while (at + length < bytes && !strchr("+, \r\n", text[at + length]))
			length++;
		snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : 0), text + at);
		char *end;
		uint64_t asked = strtoull(word, &end, 16);
		for (uint64_t more = 0; more < 2 && *word && !*end; more++) {
			struct placed key = {.address = asked + more};
			const struct placed *found = bsearch(&key, rows, count, sizeof(*rows), by_address);
			if (!found)
				continue;
			fprintf(out, "%s\t%s\n", word, ct_name_short(profile, &profile->frames[found->frame], name));
			break;
		}
		at += length + 1;
	}
}

int ct_pprof_write_symbols(struct ct_served *served, const char *addresses, size_t bytes, FILE *out,
			   struct ct_error_text *error)
{
	const struct ct_profile *profile = ct_store_builder_profile(served->builder);
	struct ct_mappings mappings = {0};
	struct placed *rows = calloc(profile->frame_count + 1, sizeof(*rows));
	size_t count = 0;
	int code = !rows || ct_mappings_init(&mappings, profile) ? ct_error_no_memory(error) : CT_OK;
	for (size_t i = 1; i < profile->frame_count && !code; i++) {
		uint64_t address = address_of(profile, &mappings, &profile->frames[i]);
		if (address != NOT_PLACED)
			rows[count++] = (struct placed){address, (uint32_t)i};
	}
	if (!code) {
		qsort(rows, count, sizeof(*rows), by_address);
		put_symbols(profile, rows, count, addresses, bytes, out);
	}
	ct_mappings_fini(&mappings);
	free(rows);
	return code;
}

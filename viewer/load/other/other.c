/* SPDX-License-Identifier: MIT */
#include "load/other/other.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "load/unpack.h"
#include "util/cut.h"

int ct_other_damaged(struct ct_other *other, const char *at, const char *format, ...)
{
	char what[256];
	va_list list;
	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	return ct_error_set(other->error, CT_ERR_DAMAGED, "damaged at byte %zu: %s", (size_t)(at - other->file.at),
			    what);
}

int ct_other_no_memory(struct ct_other *other)
{
	return ct_error_set(other->error, CT_ERR_MEMORY, "not enough memory to load the file");
}

static int64_t intern(struct ct_profile *profile, const char *text)
{
	return *text ? ct_profile_string(profile, text, strlen(text)) : 0;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A frame has a text as in DHAT's files, by which it is interned. */
static char *frame_text(const struct ct_other_frame *frame, const char *function, const char *file, const char *module)
{
	char *text, address[32] = "";
	int length;
	if (frame->address)
		snprintf(address, sizeof(address), "0x%" PRIX64 ": ", frame->address);
	if (!*function)
		function = "???";
	if (*file)
		length = asprintf(&text, "%s%s (%s:%" PRIu32 ")", address, function, base_of(file), frame->line);
	else if (*module || frame->address)
		length = asprintf(&text, "%s%s (in %s)", address, function, *module ? module : "???");
	else
		length = asprintf(&text, "%s", function);
	return length < 0 ? NULL : text;
}

/* A cut copy; to be freed. */
static char *copy(struct ct_text text)
{
	return ct_cut_name(text.at ? text.at : "", text.bytes, text.at, text.bytes);
}

int64_t ct_other_frame(struct ct_other *other, const struct ct_other_frame *frame)
{
	struct ct_profile *profile = other->profile;
	char *function = copy(frame->function), *file = copy(frame->file), *module = copy(frame->module);
	char *text = function && file && module ? frame_text(frame, function, file, module) : NULL;
	int64_t ids[4] = {-1, -1, -1, -1}, id = -1;
	if (text) {
		ids[0] = intern(profile, text);
		ids[1] = intern(profile, function);
		ids[2] = intern(profile, file);
		ids[3] = intern(profile, module);
	}
	if (ids[0] > 0 && ids[1] >= 0 && ids[2] >= 0 && ids[3] >= 0)
		id = ct_profile_frame(profile, &(struct ct_frame){.address = frame->address,
								  .text = (uint32_t)ids[0],
								  .function = (uint32_t)ids[1],
								  .file = (uint32_t)ids[2],
								  .module = (uint32_t)ids[3],
								  .line = *file ? frame->line : 0,
								  .inlined = frame->inlined});
	free(function);
	free(file);
	free(module);
	free(text);
	return id;
}

int64_t ct_other_mark(struct ct_other *other, const char *text)
{
	int64_t id = intern(other->profile, text);
	return id < 0 ? id
		      : ct_profile_frame(other->profile,
					 &(struct ct_frame){.text = (uint32_t)id, .function = (uint32_t)id});
}

bool ct_other_line(struct ct_text *rest, struct ct_text *line)
{
	if (!rest->bytes)
		return false;
	const char *end = memchr(rest->at, '\n', rest->bytes);
	size_t length = end ? (size_t)(end - rest->at) : rest->bytes, step = length + (end != NULL);
	*line = (struct ct_text){rest->at, length};
	if (length && line->at[length - 1] == '\r')
		line->bytes--;
	rest->at += step;
	rest->bytes -= step;
	return true;
}

bool ct_text_take(struct ct_text *text, const char *word)
{
	size_t length = strlen(word);
	if (text->bytes < length || memcmp(text->at, word, length) != 0)
		return false;
	text->at += length;
	text->bytes -= length;
	return true;
}

void ct_text_skip_blanks(struct ct_text *text)
{
	while (text->bytes && (*text->at == ' ' || *text->at == '\t')) {
		text->at++;
		text->bytes--;
	}
}

bool ct_text_take_number(struct ct_text *text, unsigned base, uint64_t *number)
{
	size_t digits = 0;
	*number = 0;
	for (; text->bytes; digits++, text->at++, text->bytes--) {
		unsigned char c = (unsigned char)*text->at;
		unsigned digit = c >= '0' && c <= '9'   ? c - 48u
				 : c >= 'a' && c <= 'f' ? c - 97u + 10
				 : c >= 'A' && c <= 'F' ? c - 65u + 10
							: 16;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(*number, base, number) || __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return digits;
}

static int set_texts(struct ct_profile *profile, const char *producer)
{
	return ct_profile_set_text(&profile->verb, "Allocated", 9) ||
			       ct_profile_set_text(&profile->byte_unit, "byte", 4) ||
			       ct_profile_set_text(&profile->bytes_unit, "bytes", 5) ||
			       ct_profile_set_text(&profile->blocks_unit, "blocks", 6) ||
			       ct_profile_set_text(&profile->time_unit, "µs", strlen("µs")) ||
			       ct_profile_set_text(&profile->mega_time_unit, "s", 1) ||
			       ct_profile_set_text(&profile->producer, producer, strlen(producer))
		       ? -1
		       : 0;
}

/* Numbers that the file does not have were never added up, so only their bits tell them from 0. */
static void end(struct ct_other *other)
{
	struct ct_profile *profile = other->profile;
	for (int i = CT_METRIC_TOTAL_BYTES; i < CT_METRIC_COUNT; i++)
		if (!(other->known & CT_METRIC_BIT(i)))
			profile->lacks |= CT_METRIC_BIT(i);
	profile->foreign = true;
	profile->ended = true;
	profile->has_lifetimes = true;
	profile->has_temporaries = other->known & CT_METRIC_BIT(CT_METRIC_TEMPORARY_BLOCKS);
	if (!(other->known & CT_METRIC_BIT(CT_METRIC_MAX_BYTES)))
		profile->losses.merged_sites = 0; /* that is about maxima */
}

int ct_other_parse(enum ct_foreign_kind kind, struct ct_text text, uid_t owner, struct ct_profile **profile,
		   struct ct_error_text *error)
{
	static const struct {
		const char *producer;
		int (*read)(struct ct_other *other);
	} readers[] = {
		[CT_FOREIGN_PPROF] = {"pprof", ct_other_pprof},
		[CT_FOREIGN_HEAP_TEXT] = {"gperftools", ct_other_heap_text},
		[CT_FOREIGN_MASSIF] = {"Massif", ct_other_massif},
		[CT_FOREIGN_HEAPTRACK] = {"heaptrack", ct_other_heaptrack},
	};
	struct ct_other other = {.file = text, .owner = owner, .profile = ct_profile_new(), .error = error};
	int code = other.profile && !set_texts(other.profile, readers[kind].producer) ? readers[kind].read(&other)
										      : ct_other_no_memory(&other);
	if (code) {
		ct_profile_free(other.profile);
		return code;
	}
	end(&other);
	*profile = other.profile;
	return CT_OK;
}

/* Begin the line with what the file is; every reader's line goes on from there. */
static int add_kind(enum ct_foreign_kind kind, const char *path, int code, struct ct_error_text *error)
{
	static const char *const names[] = {[CT_FOREIGN_PPROF] = "pprof profile",
					    [CT_FOREIGN_HEAP_TEXT] = "heap profile as text",
					    [CT_FOREIGN_MASSIF] = "massif file",
					    [CT_FOREIGN_HEAPTRACK] = "heaptrack file"};
	struct ct_error_text line = *error;
	if (code == CT_ERR_MEMORY || code == CT_ERR_IO)
		return ct_error_context(error, code, "%s", path);
	return ct_error_set(error, code, "%s: this is a %s, but %.800s", path, names[kind], line.line);
}

int ct_load_other(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_json_file file = {0};
	struct stat status;
	if (fstat(input->fd, &status) < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", input->path, strerror(errno));
	int code = input->packed ? ct_unpack(input->fd, &file.text, &file.length, error)
				 : ct_json_read(input->fd, &file, error);
	if (code)
		return ct_error_context(error, code, "%s", input->path);
	code = ct_other_parse(input->foreign, (struct ct_text){file.text, file.length}, status.st_uid, profile, error);
	ct_json_free(&file);
	return code ? add_kind(input->foreign, input->path, code, error) : CT_OK;
}

/* SPDX-License-Identifier: MIT */
#include "load/foreign.h"

#include <ctype.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>

#define MASSIF "a massif file; ms_print or massif-visualizer opens it"
#define CALLGRIND "a callgrind file; callgrind_annotate or kcachegrind opens it"
#define CACHEGRIND "a cachegrind file; cg_annotate opens it"
#define HEAPTRACK "a heaptrack file; heaptrack_gui or heaptrack_print opens it"
#define PPROF "a pprof profile; go tool pprof opens it"
#define GPERFTOOLS "a heap profile of gperftools; pprof PROGRAM FILE opens it"
#define CPU_PROFILE "a CPU profile of gperftools; pprof PROGRAM FILE opens it"
#define GO_TEXT "a heap profile as text, of Go or jemalloc; go tool pprof or jeprof opens it"
#define JEMALLOC "a heap profile of jemalloc; jeprof PROGRAM FILE opens it"
#define MEMRAY "a memray file; memray flamegraph or memray summary opens it"
#define BYTEHOUND "a bytehound file; bytehound server opens it"
#define TRACE_EVENTS "a trace in Chrome's format; Perfetto or chrome://tracing opens it"
#define FOLDED "a file of folded stacks; flamegraph.pl or speedscope opens it"
#define ZSTD "compressed by zstd; heaptrack_gui opens it if heaptrack wrote it, else unpack it first (unzstd)"

/* Lengths are given because some bytes are zeros. */
static const struct {
	const char *start;
	size_t bytes;
	const char *what;
} starts[] = {
#define START(text, what)                                                                                              \
	{                                                                                                              \
		text, sizeof(text) - 1, what                                                                           \
	}
	START("# callgrind format", CALLGRIND),
	START("version: 1\ncreator: ", CALLGRIND),
	START("heap_v2/", JEMALLOC),
	START("--- ", "a profile of gperftools with its symbols; pprof opens it"),
	START("memray", MEMRAY),
	START("PERFILE2", "a recording of perf; perf report opens it"),
	START("PERFFILE", "a recording of perf; perf report opens it"),
	START("2ELIFREP", "a recording of perf from a machine of the other byte order; perf report opens it"),
	START("= Start\n", "a log of mtrace; mtrace PROGRAM FILE opens it"),
	START("JAVA PROFILE ", "a heap dump of Java; VisualVM or Eclipse MAT opens it"),
	START("FLR\0", "a recording of Java's flight recorder; JDK Mission Control opens it"),
	START("\x28\xb5\x2f\xfd", ZSTD),
	START("\xfd"
	      "7zXZ\0",
	      "compressed by xz; unpack it first (unxz)"),
	START("BZh", "compressed by bzip2; unpack it first (bunzip2)"),
	START("PK\3\4", "a zip archive; unpack it first (unzip)"),
	START("\x1f\x8b", "compressed twice; unpack it first (gunzip)"),
	START("<!doctype html", "a page; a browser opens it"),
	START("<!DOCTYPE html", "a page; a browser opens it"),
	START("<html", "a page; a browser opens it"),
	START("<svg", "a picture; a browser opens it"),
	START("<?xml", "XML, such as a picture; a browser opens it"),
	START("digraph ", "a graph; dot of graphviz draws it"),
#undef START
};

struct bytes {
	const unsigned char *at, *end;
};

static bool has(struct bytes bytes, const char *text)
{
	return memmem(bytes.at, (size_t)(bytes.end - bytes.at), text, strlen(text));
}

static bool starts_with(struct bytes bytes, const char *text)
{
	size_t length = strlen(text);
	return (size_t)(bytes.end - bytes.at) >= length && !memcmp(bytes.at, text, length);
}

/* The first line, without its end. */
static struct bytes first_line(struct bytes bytes)
{
	const unsigned char *end = memchr(bytes.at, '\n', (size_t)(bytes.end - bytes.at));
	return (struct bytes){bytes.at, end ? end : bytes.end};
}

static const char *is_elf(struct bytes bytes)
{
	if (bytes.end - bytes.at < EI_NIDENT + 2 || memcmp(bytes.at, ELFMAG, SELFMAG) != 0)
		return NULL;
	bool core = bytes.at[EI_NIDENT] == ET_CORE || bytes.at[EI_NIDENT + 1] == ET_CORE;
	return core ? "a core dump; gdb PROGRAM FILE opens it"
		    : "a program or library, not a recording; ctrace record makes one of it";
}

/* Both begin with lines "desc:" and "cmd:". */
static const char *is_valgrind(struct bytes bytes)
{
	if (!starts_with(bytes, "desc:") && !starts_with(bytes, "cmd:"))
		return NULL;
	if (has(bytes, "\ntime_unit:"))
		return MASSIF;
	if (has(bytes, "\nevents:"))
		return CACHEGRIND;
	return starts_with(bytes, "desc:") ? "a massif or cachegrind file; ms_print or cg_annotate opens it" : NULL;
}

/* "heap profile: 1: 100 [ 2: 300] @ KIND", where a kind of "heap/" and a number is Go's. */
static const char *is_heap_profile(struct bytes bytes)
{
	if (!starts_with(bytes, "heap profile:"))
		return NULL;
	return has(first_line(bytes), "@ heap/") ? GO_TEXT : GPERFTOOLS;
}

/* "v 10400 3" and then one letter for each line, X first. */
static const char *is_heaptrack(struct bytes bytes)
{
	if (!starts_with(bytes, "v "))
		return NULL;
	struct bytes line = first_line(bytes);
	for (const unsigned char *c = line.at + 2; c < line.end; c++)
		if (!isxdigit(*c) && *c != ' ')
			return NULL;
	return line.end - line.at > 3 && line.end < bytes.end ? HEAPTRACK : NULL;
}

/* gperftools' CPU profiles begin with words of the machine: 0, 3, 0, period, 0. */
static const char *is_cpu_profile(struct bytes bytes)
{
	uint64_t words[5];
	if ((size_t)(bytes.end - bytes.at) < sizeof(words))
		return NULL;
	memcpy(words, bytes.at, sizeof(words));
	return !words[0] && words[1] == 3 && !words[2] && words[3] && !words[4] ? CPU_PROFILE : NULL;
}

static bool read_varint(struct bytes *bytes, uint64_t *number)
{
	*number = 0;
	for (int shift = 0; shift < 64 && bytes->at < bytes->end; shift += 7) {
		*number |= (uint64_t)(*bytes->at & 0x7f) << shift;
		if (!(*bytes->at++ & 0x80))
			return true;
	}
	return false;
}

/* One protobuf field: its number, and its length if it has one (else 0). Only varints and lengths are in a profile. */
static bool read_field(struct bytes *bytes, uint64_t *field, uint64_t *length)
{
	uint64_t key, number;
	if (!read_varint(bytes, &key) || !read_varint(bytes, &number))
		return false;
	*field = key >> 3;
	*length = (key & 7) == 2 ? number : 0;
	return (key & 7) == 2 || (key & 7) == 0;
}

/* A value type: numbers of two strings. */
static bool is_value_type(struct bytes bytes)
{
	uint64_t field, length;
	while (bytes.at < bytes.end)
		if (!read_field(&bytes, &field, &length) || length || (field != 1 && field != 2))
			return false;
	return true;
}

/*
 * A protobuf message of fields that a pprof profile has, among them a type of its samples or of its period. It begins
 * with one, with a number or with the first string, which is empty. Go's types of samples are far behind.
 */
static const char *is_pprof(struct bytes bytes)
{
	uint64_t field, length;
	bool is_first = true, typed = false;
	while (bytes.at < bytes.end && read_field(&bytes, &field, &length)) { /* the last field may be cut */
		uint64_t left = (uint64_t)(bytes.end - bytes.at);

		if (!field || field > 15 ||
		    (is_first && field != 1 && (field < 9 || field > 12) && (field != 6 || length)))
			return NULL;
		is_first = false;
		if (field == 1 || field == 11) {
			if (length > left || !is_value_type((struct bytes){bytes.at, bytes.at + length}))
				return NULL;
			typed = true;
		}
		bytes.at += length < left ? length : left;
	}
	return typed ? PPROF : NULL;
}

/* Unpack the first bytes of an LZ4 block. Returns how many. */
static size_t unpack_lz4(struct bytes in, unsigned char *out, size_t room)
{
	size_t used = 0;
	while (in.at < in.end && used < room) {
		unsigned token = *in.at++;
		size_t literals = token >> 4, match = token & 15, offset;

		for (unsigned more = 255; literals >= 15 && more == 255 && in.at < in.end; literals += more)
			more = *in.at++;
		for (; literals && used < room && in.at < in.end; literals--)
			out[used++] = *in.at++;
		if (used == room || in.end - in.at < 2)
			break;
		offset = in.at[0] | (size_t)in.at[1] << 8;
		in.at += 2;
		for (unsigned more = 255; match >= 15 && more == 255 && in.at < in.end; match += more)
			more = *in.at++;
		if (!offset || offset > used)
			break;
		for (match += 4; match && used < room; match--, used++)
			out[used] = out[used - offset];
	}
	return used;
}

/*
 * memray's files are frames of LZ4, whose first bytes stand as they are. bytehound's are blocks: 1, the block's length,
 * and in it events: an event's length and its kind, of which the first is 0.
 */
static const char *is_lz4(struct bytes bytes)
{
	unsigned char event[8];
	uint32_t length, kind;
	if (starts_with(bytes, "\x04\x22\x4d\x18")) {
		struct bytes head = {bytes.at, bytes.end - bytes.at > 64 ? bytes.at + 64 : bytes.end};
		return has(head, "memray") ? MEMRAY : "compressed by lz4; unpack it first (unlz4)";
	}
	if (bytes.end - bytes.at < 16 || *bytes.at != 1)
		return NULL;
	memcpy(&length, bytes.at + 1, sizeof(length));
	if (length < 8 || length > 1u << 20 ||
	    unpack_lz4((struct bytes){bytes.at + 5, bytes.end}, event, sizeof(event)) < sizeof(event))
		return NULL;
	memcpy(&length, event, sizeof(length));
	memcpy(&kind, event + 4, sizeof(kind));
	return length >= 64 && length < 1u << 20 && !kind ? BYTEHOUND : NULL;
}

/* "==123== Memcheck, ..." */
static const char *is_valgrind_log(struct bytes bytes)
{
	if (!starts_with(bytes, "=="))
		return NULL;
	for (bytes.at += 2; bytes.at < bytes.end && isdigit(*bytes.at);)
		bytes.at++;
	return starts_with(bytes, "== ") ? "a log of Valgrind; DHAT's report is in the file dhat.out.PID" : NULL;
}

/* An array of events, each with its phase. */
static const char *is_trace_events(struct bytes bytes)
{
	return starts_with(bytes, "[") && has(bytes, "\"ph\"") ? TRACE_EVENTS : NULL;
}

/* "main;work;malloc 123" */
static const char *is_folded(struct bytes bytes)
{
	struct bytes line = first_line(bytes);
	const unsigned char *digits = line.end;
	while (digits > line.at && isdigit(digits[-1]))
		digits--;
	if (digits == line.end || digits - line.at < 2 || digits[-1] != ' ')
		return NULL;
	for (const unsigned char *c = line.at; c < line.end; c++)
		if (*c < ' ' && *c != '\t')
			return NULL;
	return memchr(line.at, ';', (size_t)(line.end - line.at)) ? FOLDED : NULL;
}

const char *ct_foreign_file(const void *start, size_t bytes)
{
	static const char *(*const kinds[])(struct bytes) = {
		is_elf, is_valgrind,     is_heap_profile, is_heaptrack, is_cpu_profile,
		is_lz4, is_valgrind_log, is_trace_events, is_folded,    is_pprof,
	};
	struct bytes all = {start, (const unsigned char *)start + bytes};
	const char *what = NULL;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (bytes >= starts[i].bytes && !memcmp(start, starts[i].start, starts[i].bytes))
			return starts[i].what;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !what; i++)
		what = kinds[i](all);
	return what;
}

enum ct_foreign_kind ct_foreign_kind(const void *start, size_t bytes)
{
	static const struct {
		const char *what;
		enum ct_foreign_kind kind;
	} kinds[] = {
		{MASSIF, CT_FOREIGN_MASSIF},        {HEAPTRACK, CT_FOREIGN_HEAPTRACK}, {PPROF, CT_FOREIGN_PPROF},
		{GPERFTOOLS, CT_FOREIGN_HEAP_TEXT}, {GO_TEXT, CT_FOREIGN_HEAP_TEXT},   {JEMALLOC, CT_FOREIGN_HEAP_TEXT},
	};
	const char *what = ct_foreign_file(start, bytes);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && what; i++)
		if (!strcmp(what, kinds[i].what))
			return kinds[i].kind;
	return CT_FOREIGN_NONE;
}

/* Members of the outermost object, and a part of their values if that decides. */
static const struct {
	const char *key, *value, *what;
} objects[] = {
	{"$schema", "speedscope", "a speedscope file; speedscope opens it"},
	{"traceEvents", "", TRACE_EVENTS},
	{"format", "ctrace-sites", "ctrace's own JSON for scripts; name the report or the store that it was made from"},
	{"format", "ctrace-", "ctrace's own JSON for scripts; name the reports that it was made from"},
	{"head", "callFrame", "a heap profile for Chrome; DevTools' Memory panel or speedscope opens it"},
	{"timeDeltas", "", "a CPU profile for Chrome; DevTools' Performance panel or speedscope opens it"},
	{"snapshot", "\"meta\"", "a heap snapshot of V8; DevTools' Memory panel opens it"},
	{"jemalloc", "", "a file of jemalloc's statistics, without stacks; jeprof opens its heap profiles"},
	{"flamebearer", "", "a profile of Pyroscope; its page opens it"},
	{"meta", "preprocessedProfileVersion", "a profile for Firefox; profiler.firefox.com opens it"},
	{"meta", "\"stackwalk\"", "a profile for Firefox; profiler.firefox.com opens it"},
};

static bool piece_has(struct ct_json_piece piece, const char *text)
{
	return !*text || memmem(piece.text, piece.length, text, strlen(text));
}

const char *ct_foreign_json(const struct ct_json_file *file)
{
	struct ct_error_text error;
	struct ct_json_cursor cursor;
	struct ct_json_piece key = {0}, value;
	if (ct_json_begin(&cursor, file, &error) < 0)
		return NULL;
	while (ct_json_next(&cursor, &key, &value, &error) > 0)
		for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
			if (ct_json_is(key, objects[i].key) && piece_has(value, objects[i].value))
				return objects[i].what;
	return NULL;
}

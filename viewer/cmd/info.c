/* SPDX-License-Identifier: MIT */
/* ctrace info: describes a file, checks that its parts fit together, and says what could not be recorded. */
#include "cmd/cmd.h"
#include "model/losses.h"
#include "view/caveat.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/option.h"
#include "cmd/pick.h"
#include "cmd/shared_options.h"
#include "load/load.h"
#include "load/store/store_file.h"
#include "model/metric.h"
#include "names/number.h"
#include "symbol/symbol.h"
#include "util/utf8.h"

#define COMMAND "info"

__attribute__((format(printf, 2, 3))) static void print_row(const char *name, const char *format, ...)
{
	va_list arguments;
	printf("%-14s ", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static void print_losses(const struct ct_profile *profile)
{
	char text[CT_LOSS_ROOM];
	bool any = false;
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		any = any || ct_loss_value(&profile->losses, i);
	print_row("losses", "%s", any ? "" : "none");
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (*ct_loss_text(&profile->losses, i, text))
			print_row("  lost", "%s", text);
}

/* Print bytes, exact and readable, and, if the file knows them, blocks, which are the next metric. */
static void print_amount(const struct ct_profile *profile, const char *name, enum ct_metric metric)
{
	char bytes[CT_NUMBER_ROOM], exact[CT_NUMBER_ROOM], blocks[CT_NUMBER_ROOM + 64] = "";
	uint64_t value = ct_metric_value(&profile->totals, metric);
	if (!ct_metric_exists(profile, metric))
		return;
	if (ct_metric_exists(profile, metric + 1))
		snprintf(blocks, sizeof(blocks), " in %s",
			 ct_number_count(exact, ct_metric_value(&profile->totals, metric + 1), profile->blocks_unit));
	ct_number_exact(exact, value);
	if (value >= 1024 && (profile->mode == CT_MODE_HEAP || profile->mode == CT_MODE_MAPPINGS))
		print_row(name, "%s (%s %s)%s", ct_number_bytes(bytes, value), exact, profile->bytes_unit, blocks);
	else
		print_row(name, "%s %s%s", exact, profile->bytes_unit, blocks);
}

static void print_profile(const struct ct_profile *profile)
{
	char a[CT_NUMBER_ROOM];
	print_row("producer", "%s", profile->producer);
	print_row("command", "%s", profile->command);
	if (profile->pid || !profile->foreign)
		print_row("pid", "%" PRIu64, profile->pid);
	if (profile->end_time || !profile->foreign)
		print_row("run time", "%s", ct_number_time(a, (double)profile->end_time, profile->time_unit));
	print_row("state", "%s", profile->ended ? "ended" : "killed, stopped, or still running");
	if (profile->sample_bytes)
		print_row("sampled", "mean interval %s; the numbers are estimates",
			  ct_number_bytes(a, profile->sample_bytes));
	print_row("sites", "%zu, of %s", profile->site_count,
		  ct_number_count(a, profile->frame_count - 1, "distinct frames"));
	print_amount(profile, "total", CT_METRIC_TOTAL_BYTES);
	print_amount(profile, "peak", CT_METRIC_PEAK_BYTES);
	if (ct_metric_exists(profile, CT_METRIC_PEAK_BYTES))
		print_row("peak time", "%s", ct_number_time(a, (double)profile->peak_time, profile->time_unit));
	print_amount(profile, "at end", CT_METRIC_END_BYTES);
	print_losses(profile);
}

static bool print_check(bool good, const char *what)
{
	print_row("check", "%-6s %s", good ? "ok" : "FAILED", what);
	return good;
}

/* Check rules that hold for every correct producer. Valgrind's own maximum is known to break one of them. */
static bool check_sites(const struct ct_profile *profile)
{
	bool order = true, blocks = true, lifetime = true;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_counters *c = &profile->sites[i].counters;
		order = order && c->peak_bytes <= c->max_bytes && c->end_bytes <= c->max_bytes &&
			c->max_bytes <= c->total_bytes;
		blocks = blocks && c->peak_blocks <= c->total_blocks && c->end_blocks <= c->total_blocks &&
			 c->max_blocks <= c->total_blocks && c->total_blocks;
		lifetime = lifetime && (long double)c->lifetime <= (long double)c->total_blocks * profile->end_time;
	}
	bool good = true;
	if (!ct_metric_exists(profile, CT_METRIC_TOTAL_BLOCKS))
		return true;
	if (ct_metric_all_exist(profile)) {
		good = print_check(order, "at peak and at end <= max <= total, in each site");
		good = print_check(lifetime, "no block lives longer than the program") && good;
	}
	return print_check(blocks, "no more blocks at any moment than in total") && good;
}

static bool check_store(const struct ct_store_file *store)
{
	for (int i = 0; i < CT_STORE_CHECKS; i++)
		print_check(!(store->failed & 1u << i), ct_store_check_texts[i]);
	return !store->failed;
}

static bool check_roots(const struct ct_profile *profile)
{
	uint64_t cut = 0;
	for (size_t i = 0; i < profile->site_count; i++)
		cut += profile->sites[i].truncated;
	return print_check(!cut || profile->losses.truncated || profile->losses.unrooted,
			   "every stack reaches its root, or is counted as cut");
}

static bool check_report(const struct ct_profile *profile)
{
	bool good = check_sites(profile);
	good = check_roots(profile) && good;
	return print_check(!profile->torn, "made of a whole store") && good;
}

/* A string of the store, made safe for a terminal; to be freed. */
static char *clean(const struct ct_store_file *store, struct ct_span span)
{
	return ct_utf8_clean(store->strings + span.offset, span.bytes, NULL);
}

/* Find out what has happened to a module's file. */
static enum ct_module_file look_for(struct ct_symbols *symbols, const struct ct_store_file *store, size_t index)
{
	const struct ct_module *module = &store->modules[index];
	enum ct_module_file known = store->module_files[index];
	char *path = strndup(store->strings + module->path.offset, module->path.bytes);
	if (known == CT_MODULE_FILE_UNKNOWN && path) {
		if (!strchr(path, '/'))
			known = CT_MODULE_FILE_NONE;
		else if (ct_store_module_open(store, index, path, symbols) >= 0)
			known = CT_MODULE_FILE_SAME;
		else
			known = CT_MODULE_FILE_OTHER;
	}
	free(path);
	return known;
}

static void print_modules(const struct ct_store_file *store)
{
	static const char *const remarks[] = {
		[CT_MODULE_FILE_UNKNOWN] = "",
		[CT_MODULE_FILE_SAME] = "",
		[CT_MODULE_FILE_OTHER] = "  file is gone or of another build: no names",
		[CT_MODULE_FILE_NONE] = "  has no file",
	};
	struct ct_symbols *symbols = ct_symbols_new();
	if (symbols)
		ct_symbols_read_as(symbols, store->owner);
	for (size_t i = 1; i < store->module_count && symbols; i++) {
		const struct ct_module *module = &store->modules[i];
		char id[2 * CT_BUILD_ID_MAX + 1] = "no build-id";
		char *path = clean(store, module->path);
		for (uint32_t j = 0; j < module->build_id_bytes; j++)
			snprintf(id + 2 * j, 3, "%02x", module->build_id[j]);
		print_row(i == 1 ? "modules" : "", "%s  %s%s", path ? path : "", id,
			  remarks[look_for(symbols, store, i)]);
		free(path);
	}
	ct_symbols_free(symbols);
}

/* The parts into which `ctrace ctl` has divided the recording, if there are several. */
static void print_segments(const struct ct_store_file *store)
{
	static const char *const modes[CT_CONTROL_MODES] = {"exact", "sample", "off"};
	char from[CT_NUMBER_ROOM], to[CT_NUMBER_ROOM];
	const struct ct_segment *segment;
	size_t at = 0;
	while (store->segment_rows && (segment = ct_store_segment_next(store, &at))) {
		uint64_t end = segment->end_ticks ? segment->end_ticks : store->end_ticks;
		char *name = clean(store, segment->name);
		print_row("segment", "%u  %s  %s to %s  %s", segment->number,
			  segment->mode < CT_CONTROL_MODES ? modes[segment->mode] : "?",
			  ct_number_time(from, (double)ct_store_file_us(store, segment->start_ticks), "µs"),
			  ct_number_time(to, (double)ct_store_file_us(store, end), "µs"), name ? name : "");
		free(name);
	}
	if (store->header->segments_dropped)
		print_row("dropped", "%u earlier segments, since there was no room", store->header->segments_dropped);
}

static bool print_store(const struct ct_store_file *store)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM];
	const struct ct_store_header *header = store->header;
	char *program = clean(store, header->exe), *reason = clean(store, header->stop_reason);
	print_row("store", "version %u", header->version);
	print_row("program", "%s", program ? program : "");
	if (header->state == CT_STATE_STOPPED)
		print_row("stopped early", "%s", reason ? reason : "");
	free(program);
	free(reason);
	print_row("nodes", "%zu in the call tree, %s, rings of %s", store->node_count - 1,
		  ct_number_count(a, store->site_count - 1, "sites"), ct_number_count(b, store->ring_count, "threads"));
	print_row("replayed", "%s not folded yet", ct_number_count(a, store->replayed, "events"));
	print_row("fallbacks", "%s walked by libunwind",
		  ct_number_count(a, header->losses[CT_LOSS_FALLBACK], "stacks"));
	print_row("ctrace itself", "%s beside the store", ct_number_bytes(a, header->own_bytes));
	print_segments(store);
	print_modules(store);
	return check_store(store);
}

static int print_file(const char *path, struct ct_error_text *error)
{
	struct ct_store_file store = {0};
	struct ct_profile *profile = NULL;
	struct ct_input input;
	ct_cmd_begin_work("reading", NULL);
	int code = ct_input_open(path, &input, error);
	if (!code && input.is_store) {
		code = ct_store_file_read(input.fd, path, &store, error);
		if (!code)
			code = ct_store_profile(&store, &profile, error);
	} else if (!code) {
		code = ct_load_report(&input, &profile, error);
	}
	ct_cmd_end_work();
	if (!code) {
		print_profile(profile);
		bool good = input.is_store ? print_store(&store) : check_report(profile);
		ct_caveat_input(profile, path);
		code = good ? CT_EXIT_FINE : CT_EXIT_FINDINGS;
	}
	ct_profile_free(profile);
	ct_store_file_close(&store);
	ct_input_close(&input);
	return code;
}

static int run(int argc, char **argv)
{
	struct ct_error_text error;
	int code, rest = ct_command_begin(&ct_command_info, NULL, argc, argv, &code);
	if (rest < 0)
		return code;
	if (argc - rest != 1)
		return ct_cmd_fail_files(COMMAND, argc - rest);
	char *path;
	code = ct_pick(COMMAND, argv[rest], NULL, &path, &error);
	if (!code)
		code = print_file(path, &error);
	free(path);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : code;
}

const struct ct_command ct_command_info = {
	.name = COMMAND,
	.summary = "describe and check a report or store",
	.usage = "[options] FILE",
	.about = "Describe a report or store, check it, and show what was lost. Exit code 1 if a check fails.",
	.groups = {CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};

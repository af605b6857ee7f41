/* SPDX-License-Identifier: MIT */
#include "write/format.h"

#include <string.h>

#include "write/write.h"

const struct ct_format ct_formats[] = {
	{
		.name = "dhat",
		.suffix = ".json",
		.help = "DHAT JSON, everything; for dh_view and ctrace top",
		.open = "ctrace-top FILE",
		.needs = CT_NEEDS_TOTAL,
		.has_threads = true,
		.write = ct_write_dhat,
	},
	{
		.name = "html",
		.suffix = ".html",
		.help = "a page to look at: chart, graph, table in one file; for a browser",
		.open = "xdg-open FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.has_threads = true,
		.write = ct_write_html,
	},
	{
		.name = "pprof",
		.suffix = ".pb.gz",
		.help = "pprof protobuf; for go tool pprof, speedscope, Grafana and their like",
		.open = "go tool pprof -http=: FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.has_threads = true,
		.write = ct_write_pprof,
	},
	{
		.name = "folded",
		.suffix = ".folded",
		.help = "folded stacks, one number each; for flamegraph.pl, inferno, speedscope",
		.open = "flamegraph.pl --countname bytes --colors mem FILE > flame.svg",
		.metric = CT_METRIC_TOTAL_BYTES,
		.one_metric = true,
		.write = ct_write_folded,
	},
	{
		.name = "svg",
		.suffix = ".svg",
		.help = "flame graph to zoom and search, one number; for a browser, a ticket, a README",
		.open = "xdg-open FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.one_metric = true,
		.write = ct_write_svg,
	},
	{
		.name = "speedscope",
		.suffix = ".speedscope.json",
		.help = "speedscope JSON, a profile for each number; for speedscope",
		.open = "speedscope FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.write = ct_write_speedscope,
	},
	{
		.name = "heapprofile",
		.suffix = ".heapprofile",
		.help = "V8 heap profile, one number each; for Chrome DevTools' Memory panel, speedscope",
		.metric = CT_METRIC_TOTAL_BYTES,
		.one_metric = true,
		.write = ct_write_heapprofile,
	},
	{
		.name = "json",
		.suffix = ".sites.json",
		.help = "sites sorted by the metric, frames, timeline; for jq and scripts",
		.open = "jq '.sites[:10]' FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.write = ct_write_json,
	},
	{
		.name = "chrometrace",
		.suffix = ".trace.json",
		.help = "live bytes and blocks over time; for Perfetto, chrome://tracing",
		.needs = CT_NEEDS_TIMELINE,
		.write = ct_write_chrometrace,
	},
	{
		.name = "massif",
		.suffix = ".massif",
		.help = "live bytes over time, with heap trees; for ms_print, massif-visualizer",
		.needs = CT_NEEDS_TIMELINE | CT_NEEDS_PEAK,
		.write = ct_write_massif,
	},
	{
		.name = "heaptrack",
		.suffix = ".heaptrack.gz",
		.help = "made-up allocations with the same sums; for heaptrack_gui, heaptrack_print",
		.needs = CT_NEEDS_PEAK,
		.write = ct_write_heaptrack,
		.note = ct_note_heaptrack,
	},
	{
		.name = "callgrind",
		.suffix = ".callgrind",
		.help = "call graph with lines; for kcachegrind, qcachegrind, callgrind_annotate",
		.open = "kcachegrind FILE",
		.write = ct_write_callgrind,
	},
	{
		.name = "dot",
		.suffix = ".dot",
		.help = "call graph of the largest functions, one number; for graphviz",
		.open = "dot -Tsvg -O FILE",
		.metric = CT_METRIC_TOTAL_BYTES,
		.one_metric = true,
		.write = ct_write_dot,
	},
	{
		.name = "jsonl",
		.suffix = ".sites.jsonl",
		.help = "a row for each site, for databases; processes and timeline in files beside it",
		.open = "duckdb -c \"from 'FILE' order by total_bytes desc limit 10\"",
		.beside = {{".processes.jsonl", ct_write_jsonl_processes},
			   {".timeline.jsonl", ct_write_jsonl_timeline}},
		.for_databases = true,
		.write = ct_write_jsonl,
	},
	{
		.name = "parquet",
		.suffix = ".sites.parquet",
		.help = "the same tables in columns; for DuckDB, ClickHouse, pandas, Spark",
		.open = "duckdb -c \"from 'FILE' order by total_bytes desc limit 10\"",
		.beside = {{".processes.parquet", ct_write_parquet_processes},
			   {".timeline.parquet", ct_write_parquet_timeline}},
		.for_databases = true,
		.write = ct_write_parquet,
	},
	{0},
};

const struct ct_format *ct_format_find(const char *name)
{
	for (const struct ct_format *format = ct_formats; format->name; format++)
		if (!strcmp(format->name, name))
			return format;
	return NULL;
}

/* Write "dhat, pprof, ..." to out. */
static void list_names(char *out, size_t room)
{
	size_t used = 0;
	*out = '\0';
	for (const struct ct_format *format = ct_formats; format->name && used < room; format++)
		used += (size_t)snprintf(out + used, room - used, "%s%s", used ? ", " : "", format->name);
}

static bool has(const struct ct_format_set *set, const struct ct_format *format)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->formats[i] == format)
			return true;
	return false;
}

int ct_format_parse(const char *list, struct ct_format_set *set, struct ct_error_text *error)
{
	char known[256], name[64];
	for (const char *at = list;; at++) {
		size_t length = strcspn(at, ",");
		snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name)), at);
		const struct ct_format *format = ct_format_find(name);
		if (!format) {
			list_names(known, sizeof(known));
			return ct_error_set(error, CT_ERR_USAGE, "unknown format '%s'; known: %s", name, known);
		}
		if (!has(set, format) && set->count < CT_FORMATS_MAX)
			set->formats[set->count++] = format;
		at += length;
		if (!*at)
			return CT_OK;
	}
}

static const char *kind_of(const struct ct_profile *profile)
{
	static const char *const kinds[] = {[CT_MODE_HEAP] = "a heap profile",
					    [CT_MODE_COPY] = "a copy profile",
					    [CT_MODE_AD_HOC] = "an ad-hoc profile",
					    [CT_MODE_MAPPINGS] = "a profile of mappings"};
	return kinds[profile->mode];
}

int ct_format_check(const struct ct_format *format, enum ct_metric metric, const struct ct_profile *profile,
		    const char *input, struct ct_error_text *error)
{
	if (metric && !format->metric)
		return ct_error_set(error, CT_ERR_USAGE, "%s holds the same whatever the metric: leave --metric out",
				    format->name);
	if (metric && !ct_metric_exists(profile, metric))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s has no %s: it is %s of %s; total-bytes and total-blocks%s are there", input,
				    ct_metric_name(metric), kind_of(profile), profile->producer,
				    ct_metric_all_exist(profile) ? ", max, peak, end and lifetime" : "");
	if (format->needs & CT_NEEDS_TOTAL &&
	    !(ct_metric_exists(profile, CT_METRIC_TOTAL_BYTES) && ct_metric_exists(profile, CT_METRIC_TOTAL_BLOCKS)))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s has only what was live, and %s needs all allocations: choose another format",
				    input, format->name);
	if (format->needs & CT_NEEDS_TIMELINE && !profile->timeline_count)
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s has no timeline, which %s is made of; recordings of ctrace have one", input,
				    format->name);
	if (format->needs & CT_NEEDS_PEAK && (profile->mode != CT_MODE_HEAP || !ct_metric_all_exist(profile)))
		return ct_error_set(error, CT_ERR_USAGE, "%s does not have %s, which %s needs: it is %s of %s", input,
				    profile->mode == CT_MODE_MAPPINGS ? "the heap"
				    : profile->mode == CT_MODE_HEAP && ct_metric_exists(profile, CT_METRIC_PEAK_BYTES)
					    ? "all of total, max, peak and end"
					    : "what was live at the peak",
				    format->name, kind_of(profile), profile->producer);
	return CT_OK;
}

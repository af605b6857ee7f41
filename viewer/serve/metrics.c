/* SPDX-License-Identifier: MIT */
/*
 * Metrics for Prometheus: OpenMetrics 1.0 if the Accept header asks for it, text 0.0.4 otherwise. A number that is not
 * known is left out, never 0. With ?pid= the samples have no labels for the process, since the target has them (/sd).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "model/losses.h"
#include "model/origin.h"
#include "names/names.h"
#include "serve/answer.h"
#include "serve/memory.h"
#include "serve/sites.h"
#include "util/clock.h"

#define LABEL_MAX 256 /* bytes of a label's value; a tag has 255 at most, and two of them must stay different */
#define TAGS 20 /* of a process, without ?tags= */

enum kind { GAUGE, COUNTER, INFO };

/* What a family is made from, for a process. */
struct subject {
	struct ct_served *served;
	struct ct_memory memory;
	const struct ct_ledger *ledger; /* NULL: not asked for, or not known */
	bool has_sites;
};

struct writer {
	FILE *out;
	bool open_metrics;
	bool all; /* samples have labels for the process */
	struct subject *subjects;
	size_t count;
	const char *name; /* of the family */
	enum kind kind;
};

static void put_label_value(FILE *out, const char *text)
{
	for (size_t i = 0; text[i] && i < LABEL_MAX; i++) {
		/* Do not cut a character of several bytes in the middle. */
		if (i + 4 > LABEL_MAX && ((unsigned char)text[i] & 0xc0) != 0x80 && (unsigned char)text[i] >= 0x80)
			break;
		if (text[i] == '\n')
			fputs("\\n", out);
		else if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else
			putc(text[i], out);
	}
}

static void begin_family(struct writer *writer, const char *name, enum kind kind, const char *unit, const char *help)
{
	static const char *const kinds[] = {"gauge", "counter", "info"};
	/* The name of a family is that of its samples in text 0.0.4, and lacks _total and _info in OpenMetrics. */
	const char *suffix = kind == COUNTER ? "_total" : kind == INFO ? "_info" : "";
	writer->name = name;
	writer->kind = kind;
	if (writer->open_metrics)
		suffix = "";
	fprintf(writer->out, "# HELP ctrace_%s%s %s\n", name, suffix, help);
	fprintf(writer->out, "# TYPE ctrace_%s%s %s\n", name, suffix,
		kind == INFO && !writer->open_metrics ? "gauge" : kinds[kind]);
	if (unit && writer->open_metrics)
		fprintf(writer->out, "# UNIT ctrace_%s %s\n", name, unit);
}

/* Start a sample; labels: more "name", "value" pairs, ending with NULL. served: NULL: it is not about a process. */
static void begin_sample(struct writer *writer, const struct ct_served *served, const char *const *labels)
{
	FILE *out = writer->out;
	bool any = false;
	fprintf(out, "ctrace_%s%s", writer->name,
		writer->kind == COUNTER ? "_total"
		: writer->kind == INFO  ? "_info"
					: "");
	if (served && writer->all) {
		fprintf(out, "{pid=\"%d\",exe=\"", served->pid);
		put_label_value(out, ct_name_base(served->exe));
		putc('"', out);
		any = true;
	}
	for (; *labels; labels += 2) {
		fprintf(out, "%s%s=\"", any ? "," : "{", labels[0]);
		put_label_value(out, labels[1]);
		putc('"', out);
		any = true;
	}
	fputs(any ? "} " : " ", out);
}

static void put_sample(struct writer *writer, const struct ct_served *served, const char *const *labels, uint64_t value)
{
	begin_sample(writer, served, labels);
	fprintf(writer->out, "%" PRIu64 "\n", value);
}

static void put_seconds(struct writer *writer, const struct ct_served *served, uint64_t ns)
{
	static const char *const no_labels[] = {NULL};
	begin_sample(writer, served, no_labels);
	fprintf(writer->out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

/* "unknown_frees" for "unknownFrees". */
static const char *snake(const char *name, char out[64])
{
	size_t length = 0;
	for (; *name && length < 62; name++) {
		if (*name >= 'A' && *name <= 'Z')
			out[length++] = '_';
		out[length++] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 'a' - 'A') : *name;
	}
	out[length] = '\0';
	return out;
}

/* Families with one number of a process. */
enum when { ALWAYS, ALIVE, DETAILS, SLACK };
static const struct family {
	const char *name;
	enum kind kind;
	const char *unit, *help;
	size_t offset; /* in struct ct_store_numbers */
	enum when when;
} families[] = {
#define AT(member) offsetof(struct ct_store_numbers, member)
	{"heap_live_bytes", GAUGE, "bytes", "Requested bytes in live blocks.", AT(live_bytes), ALIVE},
	{"heap_live_blocks", GAUGE, "blocks", "Live blocks.", AT(live_blocks), ALIVE},
	{"heap_peak_bytes", GAUGE, "bytes", "The most bytes that were live at one moment.", AT(peak_bytes), ALWAYS},
	{"heap_allocated_bytes", COUNTER, "bytes", "Bytes allocated since the start.", AT(total_bytes), ALWAYS},
	{"heap_allocated_blocks", COUNTER, "blocks", "Blocks allocated since the start.", AT(total_blocks), ALWAYS},
	{"heap_temporary_blocks", COUNTER, "blocks", "Blocks freed by their thread before its next allocation.",
	 AT(temporary_blocks), ALWAYS},
	{"heap_moved_bytes", COUNTER, "bytes", "Bytes copied by resizes.", AT(copied_bytes), DETAILS},
	{"heap_slack_bytes", COUNTER, "bytes", "Bytes that the allocator added to requests, over all blocks.",
	 AT(slack_bytes), SLACK},
	{"heap_sites", GAUGE, NULL, "Distinct call stacks that have allocated.", AT(sites), ALWAYS},
	{"stack_nodes", GAUGE, NULL, "Frames in the call tree.", AT(nodes), ALWAYS},
#undef AT
};

static const char *const no_labels[] = {NULL};

static bool has_ended(const struct ct_served *served)
{
	return served->state == CT_SERVED_ENDED || served->state == CT_SERVED_KILLED;
}

static bool has_number(const struct family *family, const struct ct_served *served)
{
	return family->when == ALWAYS || (family->when == ALIVE && !has_ended(served)) ||
	       (family->when == DETAILS && served->numbers.has_details) ||
	       (family->when == SLACK && served->numbers.has_slack);
}

static void put_heap(struct writer *writer)
{
	char reason[64];
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		const struct family *family = &families[f];
		begin_family(writer, family->name, family->kind, family->unit, family->help);
		for (size_t i = 0; i < writer->count; i++) {
			const struct ct_served *served = writer->subjects[i].served;
			uint64_t value;
			memcpy(&value, (const char *)&served->numbers + family->offset, sizeof(value));
			if (served->known && has_number(family, served))
				put_sample(writer, served, no_labels, value);
		}
	}
	begin_family(writer, "heap_peak_timestamp_seconds", GAUGE, "seconds", "Unix time of the peak.");
	for (size_t i = 0; i < writer->count; i++)
		if (writer->subjects[i].served->known)
			put_seconds(writer, writer->subjects[i].served,
				    writer->subjects[i].served->numbers.peak_unix_ns);
	begin_family(writer, "events_lost", COUNTER, NULL, "What could not be recorded, by reason.");
	for (size_t i = 0; i < writer->count; i++)
		for (size_t row = 0; row < CT_LOSS_ROWS && writer->subjects[i].served->known; row++)
			if (ct_loss_rows[row].loss < CT_LOSS_COUNT) /* the others are no events */
				put_sample(writer, writer->subjects[i].served,
					   (const char *const[]){"reason", snake(ct_loss_rows[row].name, reason), NULL},
					   ct_loss_value(&writer->subjects[i].served->numbers.losses, row));
}

static void put_known(struct writer *writer, const struct ct_served *served, const char *label, const char *value,
		      uint64_t number)
{
	if (number != CT_NOT_KNOWN)
		put_sample(writer, served, (const char *const[]){label, value, NULL}, number);
}

static void put_memory(struct writer *writer)
{
	begin_family(writer, "process_memory_bytes", GAUGE, "bytes",
		     "Memory of the process by kind; ctrace is the part that its library takes.");
	for (size_t i = 0; i < writer->count; i++) {
		const struct subject *subject = &writer->subjects[i];
		for (int kind = 0; kind < CT_MEMORY_KINDS; kind++)
			put_known(writer, subject->served, "kind", ct_memory_kinds[kind], subject->memory.bytes[kind]);
		if (subject->served->known && !has_ended(subject->served))
			put_known(writer, subject->served, "kind", "ctrace", subject->served->numbers.own_bytes);
	}
	begin_family(writer, "cgroup_memory_bytes", GAUGE, "bytes", "Memory of the process's cgroup.");
	for (size_t i = 0; i < writer->count; i++)
		put_known(writer, writer->subjects[i].served, NULL, NULL, writer->subjects[i].memory.cgroup_bytes);
	begin_family(writer, "cgroup_memory_limit_bytes", GAUGE, "bytes", "The limit of that memory, if there is one.");
	for (size_t i = 0; i < writer->count; i++)
		put_known(writer, writer->subjects[i].served, NULL, NULL, writer->subjects[i].memory.cgroup_limit);
	begin_family(writer, "cgroup_memory_events", COUNTER, NULL, "How often that memory reached a limit.");
	for (size_t i = 0; i < writer->count; i++)
		for (int event = 0; event < CT_CGROUP_EVENTS; event++)
			put_known(writer, writer->subjects[i].served, "event", ct_cgroup_events[event],
				  writer->subjects[i].memory.cgroup_events[event]);
}

static void put_ledgers(struct writer *writer)
{
	begin_family(writer, "resident_bytes", GAUGE, "bytes",
		     "Resident memory by where it is, as ctrace memory shows it; all of them add up to it.");
	for (size_t i = 0; i < writer->count; i++)
		for (int row = 0; row < CT_LEDGER_ROWS && writer->subjects[i].ledger; row++) {
			const char *name = ct_ledger_name((enum ct_ledger_row)row);
			begin_sample(writer, writer->subjects[i].served, (const char *const[]){"where", name, NULL});
			fprintf(writer->out, "%" PRId64 "\n", writer->subjects[i].ledger->bytes[row]);
		}
	begin_family(writer, "heap_pinned_bytes", GAUGE, "bytes",
		     "Free bytes of the heap on pages on which a live block lies; not known of a sample.");
	for (size_t i = 0; i < writer->count; i++)
		if (writer->subjects[i].ledger && writer->subjects[i].ledger->has_sites)
			put_sample(writer, writer->subjects[i].served, no_labels,
				   writer->subjects[i].ledger->pinned_bytes);
}

static void put_sites(struct writer *writer, const struct ct_site_names *names, size_t most)
{
	char hash[20];
	for (int allocated = 0; allocated < 2; allocated++) {
		begin_family(writer, allocated ? "site_allocated_bytes" : "site_live_bytes",
			     allocated ? COUNTER : GAUGE, "bytes",
			     allocated ? "Bytes allocated by the call stacks with most live bytes."
				       : "Live bytes of the call stacks that have most.");
		for (size_t i = 0; i < writer->count; i++) {
			const struct subject *subject = &writer->subjects[i];
			const struct ct_site_cache *sites = subject->has_sites ? subject->served->sites : NULL;
			for (size_t s = 0; sites && s < sites->top_count && s < most; s++) {
				const struct ct_site_sum *site = &sites->top[s];
				const char *name = ct_site_name(names, site->hash);
				snprintf(hash, sizeof(hash), "%016" PRIx64, site->hash);
				if (allocated || !has_ended(subject->served))
					put_sample(writer, subject->served,
						   (const char *const[]){"site", hash, "function", name, NULL},
						   allocated ? site->total_bytes : site->live_bytes);
			}
		}
	}
}

static void put_tags(struct writer *writer, size_t most)
{
	for (int allocated = 0; allocated < 2; allocated++) {
		begin_family(writer, allocated ? "tag_allocated_bytes" : "tag_live_bytes", allocated ? COUNTER : GAUGE,
			     "bytes",
			     allocated ? "Bytes allocated under the program's tags with most live bytes."
				       : "Live bytes allocated under the tags that have most of them.");
		for (size_t i = 0; i < writer->count; i++) {
			const struct ct_served *served = writer->subjects[i].served;
			for (size_t t = 0; t < served->tags.count && t < most && (allocated || !has_ended(served)); t++)
				put_sample(writer, served, (const char *const[]){"tag", served->tags.top[t].name, NULL},
					   allocated ? served->tags.top[t].total_bytes
						     : served->tags.top[t].live_bytes);
		}
	}
}

static void put_processes(struct writer *writer)
{
	char interval[24];
	begin_family(writer, "process", INFO, NULL, "How the process is recorded, and what has become of it.");
	for (size_t i = 0; i < writer->count; i++) {
		const struct ct_served *served = writer->subjects[i].served;
		snprintf(interval, sizeof(interval), "%" PRIu64, served->numbers.sample_bytes);
		put_sample(writer, served,
			   (const char *const[]){"state", ct_served_states[served->state], "mode",
						 ct_served_mode(served), "sample_bytes", interval, NULL},
			   1);
	}
	begin_family(writer, "process_start_timestamp_seconds", GAUGE, "seconds", "Unix time of the start.");
	for (size_t i = 0; i < writer->count; i++)
		if (writer->subjects[i].served->known)
			put_seconds(writer, writer->subjects[i].served,
				    writer->subjects[i].served->numbers.start_unix_ns);
	begin_family(writer, "store_bytes", GAUGE, "bytes", "Disk space of the store.");
	for (size_t i = 0; i < writer->count; i++)
		put_sample(writer, writer->subjects[i].served, no_labels, writer->subjects[i].served->file_bytes);
	begin_family(writer, "store_readable", GAUGE, NULL, "Whether the latest reading of the store succeeded.");
	for (size_t i = 0; i < writer->count; i++)
		put_sample(writer, writer->subjects[i].served, no_labels, !*writer->subjects[i].served->problem);
}

static void put_server(struct writer *writer, const struct ct_server *server, uint64_t began_ns)
{
	size_t states[CT_SERVED_STATES] = {0}, asleep = 0;
	for (size_t i = 0; i < server->fleet.count; i++)
		states[server->fleet.rows[i]->state]++;
	begin_family(writer, "build", INFO, NULL, "The version of ctrace.");
	put_sample(writer, NULL, (const char *const[]){"version", CTRACE_VERSION, NULL}, 1);
	begin_family(writer, "serve_processes", GAUGE, NULL, "Processes that are served, by state.");
	for (int i = 0; i < CT_SERVED_STATES; i++)
		put_sample(writer, NULL, (const char *const[]){"state", ct_served_states[i], NULL}, states[i]);
	for (size_t i = 0; i < server->fleet.seen_count; i++)
		asleep += ct_fleet_is_asleep(&server->fleet.seen[i]);
	put_sample(writer, NULL, (const char *const[]){"state", "asleep", NULL}, asleep);
	begin_family(writer, "ends", COUNTER, NULL, "Ends of recorded processes that were seen, by cause.");
	put_sample(writer, NULL, (const char *const[]){"cause", "exit", NULL}, server->fleet.ended);
	put_sample(writer, NULL, (const char *const[]){"cause", "killed", NULL}, server->fleet.killed);
	put_sample(writer, NULL, (const char *const[]){"cause", "oom", NULL}, server->fleet.oom);
	begin_family(writer, "serve_requests", COUNTER, NULL, "Requests, by result.");
	put_sample(writer, NULL, (const char *const[]){"result", "answered", NULL}, server->requests);
	put_sample(writer, NULL, (const char *const[]){"result", "refused", NULL}, server->refused);
	begin_family(writer, "scrape_duration_seconds", GAUGE, "seconds", "How long these readings took.");
	put_seconds(writer, NULL, ct_now_ns() - began_ns);
}

static void add_subject(struct writer *writer, struct ct_fleet *fleet, struct ct_served *served, bool sites,
			bool ledger)
{
	struct subject *subject = &writer->subjects[writer->count++];
	subject->served = served;
	ct_served_look(served);
	ct_memory_read(&served->process, &subject->memory);
	subject->ledger = ledger ? ct_served_ledger(served) : NULL;
	subject->has_sites = sites && ct_top_sites(&fleet->names, served);
	ct_fleet_used(fleet, served);
}

/* Does the client take OpenMetrics? Prometheus sends a list that begins with it. */
static bool takes_open_metrics(const char *accept)
{
	return strstr(accept, "application/openmetrics-text") != NULL;
}

CT_ANSWER(metrics)
{
	struct writer writer = {.out = answer->out, .open_metrics = takes_open_metrics(request->accept)};
	uint64_t sites, tags, ledger, began_ns = ct_now_ns();
	int pid;
	struct ct_served *one = NULL;
	if (!ct_answer_number(request, answer, "sites", 0, CT_TOP_SITES_MAX, &sites) ||
	    !ct_answer_number(request, answer, "tags", TAGS, CT_TOP_TAGS_MAX, &tags) ||
	    !ct_answer_number(request, answer, "ledger", 0, 1, &ledger) || !ct_answer_pid(request, answer, &pid))
		return;
	if (pid && !(one = ct_answer_process(server, request, answer)))
		return;
	ct_fleet_scan(&server->fleet);
	writer.all = !one;
	writer.subjects = calloc(one ? 1 : server->fleet.count + 1, sizeof(*writer.subjects));
	if (!writer.subjects) {
		ct_answer_error(answer, 503, "out of memory");
		return;
	}
	if (one)
		add_subject(&writer, &server->fleet, one, sites, ledger);
	for (size_t i = 0; i < server->fleet.count && !one; i++)
		if (ct_fleet_find(&server->fleet, server->fleet.rows[i]->pid) != server->fleet.rows[i])
			continue; /* another process with this pid comes first; equal labels are not allowed */
		else if (server->fleet.rows[i]->ended_ns || !ct_served_is_past(server->fleet.rows[i], ct_now_ns()))
			add_subject(&writer, &server->fleet, server->fleet.rows[i], sites, ledger);
	ct_fleet_count_ends(&server->fleet);
	put_heap(&writer);
	put_memory(&writer);
	if (ledger)
		put_ledgers(&writer);
	if (sites)
		put_sites(&writer, &server->fleet.names, (size_t)sites);
	if (tags)
		put_tags(&writer, (size_t)tags);
	put_processes(&writer);
	if (!one)
		put_server(&writer, server, began_ns);
	if (writer.open_metrics)
		fputs("# EOF\n", answer->out);
	answer->type = writer.open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					   : "text/plain; version=0.0.4; charset=utf-8";
	free(writer.subjects);
}

/* SPDX-License-Identifier: MIT */
/* ctrace ctl: switches the recording of a running process, and says what it does. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/control_word.h"
#include "load/store/store_file.h"
#include "names/number.h"
#include "util/message.h"
#include "util/utf8.h"

#define COMMAND "ctl"

struct request {
	const char *target;
	const char *word; /* of the command line */
	struct ct_control_wish wish;
	bool status;
};

static int parse(int count, char **words, struct request *request, struct ct_error_text *error)
{
	if (count < 1 || count > 3)
		return ct_error_set(error, CT_ERR_USAGE,
				    count ? "too many words; see ctrace ctl --help"
					  : "name a process or a store; see ctrace ctl --help");
	const char *name = count > 2 ? words[2] : NULL;
	request->target = words[0];
	request->word = count > 1 ? words[1] : "status";
	request->status = !strcmp(request->word, "status");
	if (!request->status)
		return ct_control_parse(request->word, name, &request->wish, error);
	return name ? ct_error_set(error, CT_ERR_USAGE, "status takes no name") : CT_OK;
}

static void print_mode(const struct ct_store_file *store)
{
	char bytes[CT_NUMBER_ROOM];
	const struct ct_store_header *header = store->header;
	const char *paused = header->paused ? ", paused" : "";
	if (header->mode == CT_CONTROL_OFF)
		printf("mode      off\n");
	else if (header->mode == CT_CONTROL_SAMPLE)
		printf("mode      sample=%s%s\n", ct_number_bytes(bytes, header->sample_bytes), paused);
	else
		printf("mode      exact%s\n", paused);
}

static void print_segment(const struct ct_store_file *store)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM], c[CT_NUMBER_ROOM];
	const struct ct_segment *segment = &store->segment;
	const struct ct_totals *totals = &store->header->totals;
	char *name = ct_utf8_clean(store->strings + segment->name.offset, segment->name.bytes, NULL);
	double start = (double)ct_store_file_us(store, store->start_ticks);
	double end = (double)ct_store_file_us(store, store->end_ticks);
	printf("segment   %u%s%s, from %s to %s%s\n", segment->number, name && *name ? " " : "", name ? name : "",
	       ct_number_time(a, start, "µs"), ct_number_time(b, end, "µs"), segment->end_ticks ? "" : " so far");
	printf("total     %s in %s\n", ct_number_bytes(a, totals->total_bytes),
	       ct_number_count(b, totals->total_blocks, "blocks"));
	printf("live      %s in %s, at most %s\n", ct_number_bytes(a, (uint64_t)totals->live_bytes),
	       ct_number_count(b, (uint64_t)totals->live_blocks, "blocks"), ct_number_bytes(c, totals->peak_bytes));
	free(name);
}

static int print_status(const struct ct_control_page *page, struct ct_error_text *error)
{
	struct ct_store_file store;
	if (page->asleep) {
		printf("mode      asleep; nothing has been recorded\npage      %s\n", page->name);
		return CT_OK;
	}
	int code = ct_store_file_read(page->fd, page->name, &store, error);
	if (!code) {
		print_mode(&store);
		print_segment(&store);
		printf("store     %s\n", page->name);
	}
	ct_store_file_close(&store);
	return code;
}

/* Is there something to control in this state? */
static int check_state(const struct ct_control_page *page, const struct request *request, struct ct_error_text *error)
{
	if (page->asleep && ct_control_needs_recording(request->word))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s: nothing is recorded, the process is asleep; 'ctrace ctl %s exact' wakes it",
				    request->word, request->target);
	return CT_OK;
}

static int ask(struct ct_control_page *page, const struct request *request, struct ct_error_text *error)
{
	uint32_t number;
	bool sleeps_on = page->asleep && request->wish.set_mode && request->wish.mode == CT_CONTROL_OFF;
	int code = check_state(page, request, error);
	if (!code)
		code = ct_control_ask(page, &request->wish, &number, error);
	if (code || sleeps_on)
		return code;
	code = ct_control_await(page, number, error);
	if (!code)
		ct_message_for(
			COMMAND,
			"asked; the process has not done it yet: it does at its next allocation, and says so on its stderr if it cannot");
	return code < 0 ? code : CT_OK;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_control_page page;
	struct ct_error_text error;
	int code, rest = ct_command_begin(&ct_command_ctl, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	code = parse(argc - rest, argv + rest, &request, &error);
	if (!code)
		code = ct_control_open(request.target, &page, &error);
	if (!code) {
		code = request.status ? print_status(&page, &error) : ask(&page, &request, &error);
		ct_control_close(&page);
		ct_control_sweep();
	}
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static const char *const action_words[] = {
	"off", "exact", CT_CONTROL_SAMPLE_WORD, "pause", "resume", "mark", "reset", "status", NULL};

static void print_more(FILE *out)
{
	fputs("\nActions:\n"
	      "  off              record nothing: calls pass through\n"
	      "  exact [NAME]     record every allocation, in a new segment\n"
	      "  sample=BYTES     record a sample, about one allocation per BYTES allocated, in a new segment\n"
	      "  pause, resume    leave allocations out, and go on; frees are recorded\n"
	      "  mark NAME        name this moment\n"
	      "  reset [NAME]     begin a new segment in the same mode: counters start from 0\n"
	      "  status           print mode, segment and totals; the default\n",
	      out);
}

const struct ct_command ct_command_ctl = {
	.name = COMMAND,
	.summary = "switch the recording of a running process on and off",
	.usage =
		"PID|STORE [off | exact [NAME] | sample=BYTES [NAME] | pause | resume | mark NAME | reset [NAME] | status]",
	.about =
		"Control the recording of a running process that was started with ctrace, asleep (CTRACE_MODE=off) or not. The "
		"process does what is asked at its next allocation or free; it is neither stopped nor signalled.",
	.print_more = print_more,
	.words = action_words,
	.run = run,
};

/* SPDX-License-Identifier: MIT */
/*
 * Start: at the first call of a hooked function, which comes before most libraries' constructors, and at the latest in
 * this library's own constructor.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/timeline.h"
#include "heap/allocator.h"
#include "heap/block_rows.h"
#include "heap/real.h"
#include "hooks/copies.h"
#include "hooks/mappings.h"
#include "hooks/entries.h"
#include "hooks/operators.h"
#include "hot/record.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "life/control.h"
#include "life/exempt.h"
#include "life/exit.h"
#include "life/fleet.h"
#include "life/fork.h"
#include "life/output.h"
#include "life/rules.h"
#include "life/start.h"
#include "life/threads.h"
#include "life/tidy.h"
#include "store/clock.h"
#include "store/combine.h"
#include "store/event_log.h"
#include "store/store_file.h"
#include "sys/arena.h"
#include "sys/environment.h"
#include "sys/loader.h"
#include "sys/lock.h"
#include "sys/machine.h"
#include "sys/options.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/say.h"
#include "sys/sys.h"
#include "sys/text.h"
#include "sys/vdso.h"
#include "tree/tree.h"
#include "unwind/objects.h"

#define COMMAND_BYTES (64u << 10)

/* The program's entry code pushes a few words below the stack pointer that it got from the kernel. */
#define ENTRY_FRAME_BYTES 64u

static uint64_t early_calls; /* calls while another thread was starting */
static bool started;

static const char *error_text(int error)
{
	switch (-error) {
	case ENOENT:
		return "no such folder";
	case EACCES:
	case EPERM:
		return "permission denied";
	case EROFS:
		return "read-only file system";
	case ENOSPC:
	case EDQUOT:
		return "no space left";
	case EFBIG:
		return "the file size limit (ulimit -f) is too small";
	case ENAMETOOLONG:
		return "name too long";
	case ENOMEM:
		return "no memory or address space";
	case EMEDIUMTYPE:
		return "in memory (tmpfs), which counts as the container's; CTRACE_TMPFS=1 allows it";
	default:
		return "cannot be created or mapped";
	}
}

static int try_store(int (*create)(struct ct_text *), struct ct_text *output)
{
	return !ct_options.tmpfs && ct_output_is_in_memory(output) ? -EMEDIUMTYPE : create(output);
}

/* Create the store beside the report, or if that fails, in the temporary folder. */
static bool create_store(int (*create)(struct ct_text *), struct ct_text *output)
{
	ct_output_expand(output);
	int error = try_store(create, output);
	if (!error)
		return true;
	static struct ct_text line; /* one thread at a time starts; a forked child may do so on a small stack */
	ct_text_clear(&line);
	ct_text_add(&line, output->bytes);
	ct_text_add(&line, ": ");
	ct_text_add(&line, error_text(error));
	ct_output_fallback(output);
	if (try_store(create, output) != 0) {
		ct_say(line.bytes, "; nothing is recorded", NULL);
		return false;
	}
	if (!ct_options.quiet) {
		ct_text_add(&line, "; the report goes to ");
		ct_say(line.bytes, output->bytes, NULL);
	}
	return true;
}

/* The length of the words that the loader (`ld.so --library-path DIR ./app`) has taken from the command line. */
static size_t loader_words(const char *command, size_t length)
{
	const uintptr_t *own_words = ct_loader_stack();
	size_t words = 0, at = 0;
	for (size_t i = 0; i < length; i++)
		words += command[i] == '\0';
	for (; words > *own_words && at < length; words--)
		at += strlen(command + at) + 1;
	return at < length ? at : 0;
}

/* The arguments on the initial stack, for when /proc is not mounted. Returns their length. */
static size_t command_on_stack(char buffer[COMMAND_BYTES])
{
	const uintptr_t *words = ct_loader_stack();
	size_t length = 0;
	for (uintptr_t i = 1; i <= words[0] && words[i]; i++) {
		size_t bytes = strlen((const char *)words[i]) + 1;
		if (bytes > COMMAND_BYTES - length)
			break;
		memcpy(buffer + length, (const char *)words[i], bytes);
		length += bytes;
	}
	return length;
}

static struct ct_span store_command(void)
{
	static char buffer[COMMAND_BYTES];
	size_t length = 0;
	long got;
	int fd = ct_sys_open("/proc/self/cmdline", O_RDONLY, 0);
	if (fd < 0)
		return ct_store_string(buffer, command_on_stack(buffer));
	while (length < sizeof(buffer) && (got = ct_sys_read(fd, buffer + length, sizeof(buffer) - length)) > 0)
		length += (size_t)got;
	ct_sys_close(fd);
	size_t skipped = ct_output_through_loader() ? loader_words(buffer, length) : 0;
	return ct_store_string(buffer + skipped, length - skipped);
}

static void describe_process(const struct ct_text *output)
{
	struct ct_store_header *header = ct_tracer.header;
	header->machine = CT_MACHINE_ELF;
	header->pid = ct_sys_getpid();
	header->parent_pid = (uint32_t)ct_syscall3(SYS_getppid, 0, 0, 0);
	header->depth_limit = ct_tracer.depth_limit;
	if (ct_options.quiet)
		header->flags |= CT_STORE_QUIET;
	if (ct_options.keep_store)
		header->flags |= CT_STORE_KEEP;
	if (ct_options.memory)
		header->flags |= CT_STORE_MEMORY;
	if (ct_tracer.glibc_blocks || ct_tracer.usable_bytes)
		header->flags |= CT_STORE_SLACK;
	header->exe = ct_store_string(ct_output_exe(), strlen(ct_output_exe()));
	header->command = store_command();
	header->output = ct_store_string(output->bytes, output->length);
	header->session = ct_store_string(ct_options.session, strlen(ct_options.session));
	header->losses[CT_LOSS_EARLY] = early_calls;
}

/* Element 0 of these sections means "none"; numbers start at 1. */
static void init_sections(void)
{
	struct ct_store_header *header = ct_tracer.header;
	ct_tracer.nodes = ct_store_base(CT_SECTION_NODES);
	ct_tracer.sites = ct_store_base(CT_SECTION_SITES);
	ct_tracer.rings = ct_store_base(CT_SECTION_RINGS);
	ct_tracer.events = ct_store_base(CT_SECTION_EVENTS);
	ct_tracer.counters = ct_store_base(CT_SECTION_COUNTERS);
	header->sections[CT_SECTION_MODULES].used = 1;
	header->sections[CT_SECTION_NODES].used = 1;
	header->sections[CT_SECTION_SITES].used = 1;
	header->sections[CT_SECTION_COUNTERS].used = 1; /* see ct_histogram_add_lifetime */
	header->timeline[0].shift = header->timeline[1].shift = CT_TIMELINE_FIRST_SHIFT;
}

/* Reserve addresses, and make the tables. They stay if the store then cannot be created, for the next try. */
static bool make_tables(void)
{
	static bool made;
	if (!made)
		made = ct_store_reserve_addresses() && ct_blocks_init(ct_tracer.glibc_blocks, ct_options.reach) &&
		       ct_tree_init();
	if (!made)
		ct_say("not enough address space (ulimit -v?); nothing is recorded", NULL, NULL);
	return made;
}

static bool open_store(void)
{
	static struct ct_text output;
	ct_tracer.start_unix_ns = ct_unix_ns();
	if (!make_tables() || !create_store(ct_store_create, &output))
		return false;
	init_sections();
	ct_clock_init(ct_tracer.header, !ct_option_has_word(ct_options.debug, "no-counter"));
	describe_process(&output);
	ct_tracer.verify = ct_option_has_word(ct_options.debug, "verify");
	ct_tracer.log_events = ct_option_has_word(ct_options.debug, "events");
	if (ct_tracer.log_events)
		ct_event_log_open(output.bytes);
	ct_tracer.rss = ct_options.rss;
	ct_control_begin();
	ct_copies_begin();
	ct_mmap_begin();
	return true;
}

/* Everything for which the loader is asked, or the environment read. */
static void look_around(char **variables)
{
	ct_operators_init();
	ct_entries_init();
	ct_exit_init(variables);
	ct_fork_init();
	if (!ct_options.children)
		ct_environment_leave(variables);
}

static void publish_store(void)
{
	struct ct_store_header *header = ct_tracer.header;
	header->state = CT_STATE_RECORDING;
	/* Last: from here on a reader accepts the file as a store (tests/litmus/magic.litmus). */
	ct_ordered();
	memcpy(header->magic, CT_STORE_MAGIC, sizeof(header->magic));
}

/* Returns the phase that follows. */
static uint32_t start_recording(void)
{
	char **variables = ct_environment(), **settings;
	if (ct_exempt(variables) || !ct_real_is_first() || !ct_fleet_settings(variables, &settings))
		return CT_PHASE_OFF;
	const char *debug = ct_environment_get(variables, "CTRACE_DEBUG");
	ct_say_init(variables);
	/* Before anything is mapped, since ThreadSanitizer cannot run if our memory is where it wants its own. */
	if (ct_real_is_sanitizer() && !(debug && ct_option_has_word(debug, "sanitizer"))) {
		if (!settings)
			ct_say("this program was built with -fsanitize, which has an allocator of its own; nothing is "
			       "recorded",
			       NULL, NULL);
		return CT_PHASE_OFF;
	}
	if (!ct_options_read(variables, settings) || !ct_control_init(settings) || !ct_rules_init(settings))
		return CT_PHASE_OFF;
	if (!ct_loader_is_ours()) {
		if (!ct_options.quiet && !ct_control_is_asleep())
			ct_say("this program's C library is not " CT_LOADER_OURS "; nothing is recorded", NULL, NULL);
		return CT_PHASE_OFF;
	}
	ct_page_init();
	ct_vdso_init();
	ct_tracer.stack_top = (uintptr_t)ct_loader_stack() - ENTRY_FRAME_BYTES;
	ct_region_init(ct_tracer.stack_top);
	ct_tracer.depth_limit = (uint32_t)ct_options.depth;
	ct_output_init();
	if (!ct_fleet_admits(ct_output_exe()))
		return CT_PHASE_OFF;
	ct_objects_init(!ct_option_has_word(ct_options.debug, "no-find-object"));
	ct_allocator_init();
	if (ct_control_is_asleep()) {
		look_around(variables);
		ct_control_sleep();
		return CT_PHASE_ASLEEP;
	}
	if (!open_store())
		return CT_PHASE_OFF;
	look_around(variables);
	publish_store();
	ct_tidy_folder();
	return CT_PHASE_ON;
}

bool ct_start_awake(void)
{
	if (!open_store())
		return false;
	ct_tracer.header->losses[CT_LOSS_EARLY] = 0; /* calls of other threads until now were before the start */
	ct_entries_count_bypassed();
	publish_store();
	ct_tidy_folder();
	return true;
}

static bool open_childs_store(void)
{
	static struct ct_text output;
	struct ct_store_header *header = ct_tracer.header;
	header->flags |= CT_STORE_FORKED;
	ct_threads_fold_interrupted();
	ct_clock_note(header);
	header->forked_ns = header->latest_ns;
	header->forked_blocks = header->totals.total_blocks;
	if (!create_store(ct_store_create_copy, &output))
		return false;
	header->pid = ct_sys_getpid();
	header->parent_pid = (uint32_t)ct_syscall3(SYS_getppid, 0, 0, 0);
	header->output = ct_store_string(output.bytes, output.length);
	ct_control_use_store();
	if (ct_tracer.log_events)
		ct_event_log_open(output.bytes);
	return true;
}

static bool begin(uint32_t phase)
{
	ct_own_begin();
	uint32_t next = CT_PHASE_OFF;
	if (phase == CT_PHASE_FORKED) {
		next = open_childs_store() ? CT_PHASE_ON : CT_PHASE_OFF;
	} else if (!started) {
		started = true;
		next = start_recording();
		if (next == CT_PHASE_OFF)
			ct_control_never();
	} else {
		/* The gate was wiped: this child was made without the fork handlers, and the store is its parent's. */
		ct_store_leave();
	}
	ct_set_release(&ct_gate.phase, next);
	ct_own_end();
	return next == CT_PHASE_ON;
}

bool ct_start(void)
{
	if (!ct_real_resolve())
		return false;
	uint32_t phase = ct_get_acquire(&ct_gate.phase);
	switch (phase) {
	case CT_PHASE_ON:
		return true;
	case CT_PHASE_OFF:
		ct_count_loss(CT_LOSS_LATE);
		return false;
	case CT_PHASE_ASLEEP:
		return false;
	case CT_PHASE_NEW:
	case CT_PHASE_FORKED:
		if (__atomic_compare_exchange_n(&ct_gate.phase, &phase, CT_PHASE_STARTING, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return begin(phase);
		break;
	default:
		break;
	}
	__atomic_fetch_add(&early_calls, 1, __ATOMIC_RELAXED);
	return false;
}

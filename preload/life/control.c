/* SPDX-License-Identifier: MIT */
#include "life/control.h"

#include <errno.h>
#include <string.h>

#include "hot/control.h"
#include "hot/sample.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "life/start.h"
#include "store/marks.h"
#include "store/segment.h"
#include "store/store_file.h"
#include "sys/lock.h"
#include "sys/options.h"
#include "sys/say.h"
#include "sys/sys.h"
#include "sys/text.h"

/* What is in force, or wanted. Under ct_lock_combine; asleep, by the thread that has set CT_PHASE_STARTING. */
struct state {
	uint32_t mode; /* enum ct_control_mode */
	uint64_t sample_bytes;
	uint32_t paused, segments, marks;
};

static struct state now;
static const char *page_path; /* of a sleeping process */
static uint32_t page_pid; /* the process that made the page; 0: there is none */
static uid_t page_owner;
static uint64_t page_device, page_inode;
static bool forked; /* a child of fork that has no page yet */
static bool was_on; /* something may have been recorded by this process */

/* Parse sample=BYTES. */
static bool parse_sample(const char *mode)
{
	static const char prefix[] = "sample=";
	return !strncmp(mode, prefix, sizeof(prefix) - 1) &&
	       ct_parse_bytes(mode + sizeof(prefix) - 1, &now.sample_bytes) && now.sample_bytes &&
	       now.sample_bytes <= CT_SAMPLE_BYTES_MAX;
}

bool ct_control_init(bool quiet)
{
	const char *mode = ct_options.mode;
	now = (struct state){.mode = CT_CONTROL_EXACT};
	if (!*mode) {
		now.sample_bytes = ct_options.sample;
		if (now.sample_bytes)
			now.mode = CT_CONTROL_SAMPLE;
	} else if (!strcmp(mode, "off")) {
		now.mode = CT_CONTROL_OFF;
	} else if (parse_sample(mode)) {
		now.mode = CT_CONTROL_SAMPLE;
	} else if (strcmp(mode, "exact") != 0) {
		if (!quiet)
			ct_say("CTRACE_MODE=", mode,
			       " is not off, exact or sample=BYTES (at most 128m); nothing is recorded");
		return false;
	}
	return true;
}

bool ct_control_is_asleep(void)
{
	return now.mode == CT_CONTROL_OFF;
}

bool ct_control_was_on(void)
{
	return was_on;
}

static void set_words(uint32_t request)
{
	uint32_t special = ct_tracer.special;
	bool off = special & CT_SPECIAL_OFF || !ct_tracer.header;
	ct_set_relaxed(&ct_words.exact, special || off ? CT_WORD_NEVER : request);
	ct_set_relaxed(&ct_words.off, off ? request : CT_WORD_NEVER);
	ct_set_relaxed(&ct_words.sample, special == CT_SPECIAL_SAMPLED ? request : CT_WORD_NEVER);
	ct_set_relaxed(&ct_words.seen, request);
}

void ct_control_set(uint32_t special, bool on)
{
	uint32_t set = on ? ct_tracer.special | special : ct_tracer.special & ~special;
	if (on && special != CT_SPECIAL_SAMPLED)
		ct_tracer.partial = true;
	ct_set_relaxed(&ct_tracer.special, set);
	set_words(ct_words.seen);
}

/* A new page: it asks for what is in force. */
static void fill(struct ct_control *page)
{
	page->version = CT_CONTROL_VERSION;
	page->request = ct_words.seen;
	page->pid = ct_sys_getpid();
	page->mode = now.mode;
	page->sample_bytes = now.sample_bytes;
	page->paused = now.paused;
	page->segments = now.segments;
	page->marks = now.marks;
	page->name_bytes = 0;
	memcpy(page->magic, CT_CONTROL_MAGIC, sizeof(page->magic));
}

static bool map(int fd, uint64_t offset, int protection)
{
	return ct_sys_mmap(&ct_control, CT_CONTROL_BYTES, protection, MAP_SHARED | MAP_FIXED, fd, offset) != NULL;
}

/* Nothing can be asked of this process. Its parent's page must not remain. */
static void leave_page(void)
{
	ct_sys_mmap(&ct_control, CT_CONTROL_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ct_words.seen = ct_control_word();
}

/* FOLDER/ctrace-NAMESPACE-PID. A pid is unique only in its namespace, and several may share a folder. */
static void name_page(void)
{
	char link[64] = "";
	long length = ct_sys_readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
	const char *number = length > 0 ? strchr(link, '[') : NULL;
	struct ct_text *path = &ct_text_scratch;
	ct_text_clear(path);
	ct_text_add(path, ct_options.control);
	ct_text_add(path, "/" CT_CONTROL_PREFIX);
	if (number)
		ct_text_add_bytes(path, number + 1, strcspn(number + 1, "]"));
	ct_text_add(path, "-");
	ct_text_add_number(path, ct_sys_getpid());
	page_path = path->cut ? "" : ct_text_keep(path);
}

static int create_page(void)
{
	int fd = -EEXIST;
	name_page();
	for (int i = 0; i < 2 && fd == -EEXIST && *page_path; i++) {
		fd = ct_sys_open(page_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
		/* Left by a program that this process was before exec, or by a dead process that had our pid. */
		if (fd == -EEXIST && i == 0)
			ct_sys_unlink(page_path);
	}
	return fd;
}

static void make_page(void)
{
	struct stat file;
	int fd = create_page();
	page_pid = 0;
	if (fd < 0)
		return;
	ct_syscall3(SYS_fstat, fd, &file, 0);
	page_device = file.st_dev;
	page_inode = file.st_ino;
	if (ct_store_allocate(fd, 0, CT_CONTROL_BYTES) == 0 && map(fd, 0, PROT_READ | PROT_WRITE)) {
		fill(&ct_control.page);
		ct_syscall3(SYS_mprotect, &ct_control, CT_CONTROL_BYTES, PROT_READ);
		page_pid = ct_control.page.pid;
		page_owner = (uid_t)ct_syscall3(SYS_geteuid, 0, 0, 0);
	} else {
		ct_sys_unlink(page_path);
	}
	ct_sys_close(fd);
}

void ct_control_sleep(void)
{
	ct_tracer.partial = true;
	make_page();
	set_words(ct_control_word());
}

/* Copy the name: a page can change at any time. Returns its length. */
static size_t read_name(char name[CT_CONTROL_NAME_MAX])
{
	size_t bytes = ct_get_relaxed(&ct_control.page.name_bytes);
	if (bytes > CT_CONTROL_NAME_MAX)
		bytes = 0;
	for (size_t i = 0; i < bytes; i++) {
		name[i] = ct_get_relaxed(&ct_control.page.name[i]);
		if (!name[i])
			bytes = i;
	}
	return bytes;
}

/* The store's page, as the store's header is mapped. */
static void use_stores_page(void)
{
	fill((struct ct_control *)((char *)ct_tracer.header + CT_STORE_CONTROL_OFFSET));
	int fd = ct_store_open();
	bool mapped = fd >= 0 && map(fd, CT_STORE_CONTROL_OFFSET, PROT_READ);
	if (fd >= 0)
		ct_sys_close(fd);
	if (!mapped)
		leave_page();
}

void ct_control_begin(void)
{
	char name[CT_CONTROL_NAME_MAX];
	size_t bytes = read_name(name);
	was_on = true;
	ct_segment_init(now.mode, now.sample_bytes, ct_store_string(name, bytes));
	if (now.mode == CT_CONTROL_SAMPLE)
		ct_sample_begin(now.sample_bytes);
	use_stores_page();
	ct_tracer.special = now.mode == CT_CONTROL_SAMPLE ? CT_SPECIAL_SAMPLED : 0;
	ct_control_set(CT_SPECIAL_PAUSED_OUTSIDE, now.paused);
	ct_tracer.header->paused = now.paused;
	ct_tracer.header->request = ct_words.seen;
}

void ct_control_use_store(void)
{
	forked = false;
	use_stores_page();
	set_words(ct_words.seen);
}

void ct_control_never(void)
{
	ct_set_relaxed(&ct_tracer.special, CT_SPECIAL_OFF);
	set_words(ct_control_word());
}

void ct_control_forked(void)
{
	if (ct_get_relaxed(&ct_gate.phase) == CT_PHASE_OFF) {
		if (ct_tracer.header) { /* the parent's, which this child has left */
			leave_page();
			ct_control_never();
		}
		return;
	}
	/* Whatever the word is, the child's first event must look closer. */
	forked = true;
	was_on = now.mode != CT_CONTROL_OFF;
	ct_words = (struct ct_words){CT_WORD_NEVER, CT_WORD_NEVER, CT_WORD_NEVER, ct_words.seen};
}

void ct_control_give_to(uid_t user)
{
	struct stat file;
	if (page_pid != ct_sys_getpid() || user == page_owner)
		return;
	/* Root must not give away another user's file that was put there. */
	int fd = ct_sys_open(page_path, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0)
		return;
	if (ct_syscall3(SYS_fstat, fd, &file, 0) == 0 && file.st_dev == page_device && file.st_ino == page_inode &&
	    ct_syscall3(SYS_fchown, fd, user, -1) == 0)
		page_owner = user;
	ct_sys_close(fd);
}

void ct_control_end(void)
{
	if (!page_pid || page_pid != ct_sys_getpid()) /* a child of vfork, or one of fork without a page */
		return;
	ct_sys_unlink(page_path);
	page_pid = 0;
}

void ct_control_give_up(void)
{
	uint32_t asleep = CT_PHASE_ASLEEP;
	if (page_pid != ct_sys_getpid() || !__atomic_compare_exchange_n(&ct_gate.phase, &asleep, CT_PHASE_OFF, false,
									__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	ct_control_end();
	leave_page();
	ct_control_never();
}

/* What the page asks for. False: it is being written, or makes no sense. */
static bool read_page(uint32_t request, struct state *wanted)
{
	*wanted = (struct state){
		.mode = ct_get_relaxed(&ct_control.page.mode),
		.sample_bytes = ct_get_relaxed(&ct_control.page.sample_bytes),
		.paused = ct_get_relaxed(&ct_control.page.paused) != 0,
		.segments = ct_get_relaxed(&ct_control.page.segments),
		.marks = ct_get_relaxed(&ct_control.page.marks),
	};
	if (wanted->mode == CT_CONTROL_EXACT || wanted->mode == CT_CONTROL_OFF)
		wanted->sample_bytes = 0;
	else if (wanted->mode != CT_CONTROL_SAMPLE || !wanted->sample_bytes ||
		 wanted->sample_bytes > CT_SAMPLE_BYTES_MAX)
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(request & 1) && ct_control_word() == request;
}

/* Begin a segment. The hooks record nothing meanwhile, so that what each records fits to its mode. */
static void change_segment(const struct state *wanted)
{
	char name[CT_CONTROL_NAME_MAX];
	size_t bytes = read_name(name);
	uint32_t set = ct_tracer.special & ~(CT_SPECIAL_OFF | CT_SPECIAL_SAMPLED);
	ct_set_relaxed(&ct_words.exact, CT_WORD_NEVER);
	ct_set_relaxed(&ct_words.sample, CT_WORD_NEVER);
	ct_set_relaxed(&ct_tracer.special, set | CT_SPECIAL_OFF);
	ct_tracer.partial = true;
	if (wanted->mode == CT_CONTROL_OFF) {
		ct_segment_end();
	} else {
		was_on = true;
		ct_segment_begin(wanted->mode, wanted->sample_bytes, ct_store_string(name, bytes));
		if (wanted->mode == CT_CONTROL_SAMPLE)
			ct_sample_begin(wanted->sample_bytes);
		else
			ct_tracer.sample_bytes = 0;
		ct_set_relaxed(&ct_tracer.special, set | (wanted->mode == CT_CONTROL_SAMPLE ? CT_SPECIAL_SAMPLED : 0));
	}
	ct_tracer.header->mode = wanted->mode;
}

/* Do what the page asks for. The caller holds ct_lock_combine. */
static void obey(void)
{
	struct ct_store_header *header = ct_tracer.header;
	char name[CT_CONTROL_NAME_MAX];
	struct state wanted;
	uint32_t request = ct_get_acquire(&ct_control.page.request);
	if (request == ct_words.seen)
		return;
	if (read_page(request, &wanted)) {
		bool on = wanted.mode != CT_CONTROL_OFF, begins = wanted.segments != now.segments;
		if (wanted.marks != now.marks && now.mode != CT_CONTROL_OFF)
			ct_mark_add(name, read_name(name));
		if (wanted.mode != now.mode || wanted.sample_bytes != now.sample_bytes || (begins && on))
			change_segment(&wanted);
		ct_control_set(CT_SPECIAL_PAUSED_OUTSIDE, wanted.paused);
		header->paused = wanted.paused;
		now = wanted;
		ct_set_release(&header->request, request);
	}
	set_words(request);
}

/* Asleep: wake if the page asks for that. A child of fork makes its page first. */
static void obey_asleep(void)
{
	struct state wanted;
	uint32_t asleep = CT_PHASE_ASLEEP, next = CT_PHASE_ASLEEP, pid = ct_sys_getpid();
	if (page_pid != pid && !forked) /* a child of vfork, in its parent's memory */
		return;
	if (!__atomic_compare_exchange_n(&ct_gate.phase, &asleep, CT_PHASE_STARTING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	ct_own_begin();
	ct_lock_begin(); /* a signal handler that forks would take half a store along */
	if (forked) {
		forked = false;
		make_page();
		if (!page_pid)
			leave_page();
		set_words(ct_control_word());
	}
	uint32_t request = ct_get_acquire(&ct_control.page.request);
	if (page_pid == pid && request != ct_words.seen && read_page(request, &wanted) &&
	    wanted.mode != CT_CONTROL_OFF) {
		now = wanted;
		ct_words.seen = request;
		if (ct_start_awake()) {
			next = CT_PHASE_ON;
			ct_sys_unlink(page_path);
			page_pid = 0;
		} else {
			now.mode = CT_CONTROL_OFF;
			now.sample_bytes = 0;
		}
	}
	if (next == CT_PHASE_ASLEEP)
		set_words(request);
	ct_set_release(&ct_gate.phase, next);
	ct_lock_end();
	ct_own_end();
}

void ct_control_follow(void)
{
	uint32_t phase = ct_get_acquire(&ct_gate.phase);
	if (ct_tls.busy || (ct_control_word() == ct_get_relaxed(&ct_words.seen) && !forked))
		return;
	switch (phase) {
	case CT_PHASE_ASLEEP:
		obey_asleep();
		break;
	case CT_PHASE_FORKED:
		ct_start(); /* opens the child's store, with a page of its own */
		break;
	case CT_PHASE_ON:
		if (ct_sys_getpid() != ct_tracer.header->pid)
			break;
		ct_own_begin();
		ct_lock_get(&ct_lock_combine);
		if (ct_get_relaxed(&ct_gate.phase) == CT_PHASE_ON)
			obey();
		ct_lock_put(&ct_lock_combine);
		ct_own_end();
		break;
	case CT_PHASE_OFF:
		forked = false;
		ct_set_relaxed(&ct_words.exact, ct_control_word());
		ct_set_relaxed(&ct_words.seen, ct_control_word());
		break;
	default:
		break;
	}
}

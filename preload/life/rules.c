/* SPDX-License-Identifier: MIT */
#include "life/rules.h"

#include <string.h>

#include "ctrace/control.h"
#include "ctrace/rules.h"
#include "hot/state.h"
#include "store/rss.h"
#include "sys/options.h"
#include "sys/say.h"
#include "sys/sys.h"

static struct ct_rules rules;
static uint32_t asked; /* the request by which the process has become exact; 0: it was not us */
static uint64_t sample_bytes, resident_bytes; /* at that moment */

bool ct_rules_init(bool quiet)
{
	bool right = ct_rules_parse(ct_options.rules, &rules);
	if (!right && !quiet)
		ct_say("CTRACE_RULES=", ct_options.rules,
		       " is not a list of live>BYTES:exact and cgroup>PERCENT%:exact; nothing is recorded");
	return right;
}

/* Write a request. Returns its number, or 0 if `ctrace ctl` is writing one, or has written one that is not done yet. */
static uint32_t ask(uint32_t mode, uint64_t bytes)
{
	static const char name[] = "CTRACE_RULES";
	struct ct_store_header *header = ct_tracer.header;
	struct ct_control *page = (struct ct_control *)((char *)header + CT_STORE_CONTROL_OFFSET);
	uint32_t request = header->request, writing = request + 1;
	if (request & 1 ||
	    !__atomic_compare_exchange_n(&page->request, &request, writing, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	ct_set_relaxed(&page->mode, mode);
	ct_set_relaxed(&page->sample_bytes, bytes);
	for (uint32_t i = 0; i < sizeof(name); i++)
		ct_set_relaxed(&page->name[i], name[i]);
	ct_set_relaxed(&page->name_bytes, (uint32_t)sizeof(name) - 1);
	ct_set_release(&page->request, writing + 1);
	return writing + 1;
}

void ct_rules_follow(void)
{
	const struct ct_store_header *header = ct_tracer.header;
	if (!rules.live_bytes || ct_get_relaxed(&ct_filters))
		return;
	if (header->mode == CT_CONTROL_SAMPLE && header->totals.live_bytes > (int64_t)rules.live_bytes) {
		sample_bytes = header->sample_bytes;
		resident_bytes = ct_rss_bytes();
		asked = ask(CT_CONTROL_EXACT, 0);
	} else if (asked && header->request == asked && header->mode == CT_CONTROL_EXACT &&
		   ct_rss_bytes() < resident_bytes - resident_bytes / 10) {
		if (ask(CT_CONTROL_SAMPLE, sample_bytes))
			asked = 0;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * CTRACE_RULES: when a sample becomes an exact recording. `live>BYTES:exact` is evaluated in the process, when events
 * are folded; `cgroup>PERCENT%:exact` by `ctrace watch`. Pure; any thread.
 */
#ifndef CTRACE_RULES_H
#define CTRACE_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ct_rules {
	uint64_t live_bytes; /* 0: no such rule */
	uint64_t cgroup_percent;
};

/* The number at *at, with a unit if that is allowed; *at moves behind it. 0: there is none, or it is too large. */
static inline uint64_t ct_rules_number(const char **at, bool has_unit)
{
	uint64_t number = 0;
	for (; **at >= '0' && **at <= '9' && number < UINT64_MAX >> 36; ++*at)
		number = 10 * number + (uint64_t)(**at - '0');
	if (has_unit && **at && strchr("kmgKMG", **at)) {
		number <<= (**at | 0x20) == 'k' ? 10 : (**at | 0x20) == 'm' ? 20 : 30;
		++*at;
	}
	return number;
}

/* Read rules, separated by commas. False: the text is not of this form. Without text there are no rules. */
static inline bool ct_rules_parse(const char *text, struct ct_rules *rules)
{
	static const char live[] = "live>", cgroup[] = "cgroup>", percent[] = "%:exact";
	*rules = (struct ct_rules){0, 0};
	while (*text) {
		bool is_live = !strncmp(text, live, sizeof(live) - 1);
		uint64_t *number = is_live ? &rules->live_bytes : &rules->cgroup_percent;
		const char *end = is_live ? percent + 1 : percent;
		if (!is_live && strncmp(text, cgroup, sizeof(cgroup) - 1) != 0)
			return false;
		text += is_live ? sizeof(live) - 1 : sizeof(cgroup) - 1;
		*number = ct_rules_number(&text, is_live);
		if (!*number || rules->cgroup_percent > 100 || strncmp(text, end, strlen(end)) != 0)
			return false;
		text += strlen(end);
		if (*text == ',' && text[1])
			text++;
		else if (*text)
			return false;
	}
	return true;
}

#endif

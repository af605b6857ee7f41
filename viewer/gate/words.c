/* SPDX-License-Identifier: MIT */
/* The texts and places that several forms of the result share. */
#include "gate/gate.h"

#include <string.h>

#include "util/utf8.h"

char *ct_gate_amount(const struct ct_gate *gate, const struct ct_gate_rule *rule, uint64_t amount,
		     char out[CT_NUMBER_ROOM])
{
	enum ct_metric metric = rule->rule->metric;
	if (metric == CT_METRIC_LIFETIME)
		return ct_number_time(out, (double)amount, gate->profile->time_unit);
	if (!ct_metric_is_bytes(metric) || gate->profile->mode == CT_MODE_AD_HOC)
		return ct_number_exact(out, amount);
	return ct_number_bytes(out, amount);
}

static uint64_t distance(const struct ct_verdict *verdict)
{
	return verdict->actual > verdict->limit ? verdict->actual - verdict->limit : verdict->limit - verdict->actual;
}

char *ct_gate_distance(const struct ct_gate *gate, const struct ct_gate_rule *rule, char out[CT_NUMBER_ROOM])
{
	const struct ct_verdict *verdict = rule->verdict;
	char number[CT_NUMBER_ROOM];
	ct_gate_amount(gate, rule, distance(verdict), number);
	snprintf(out, CT_NUMBER_ROOM, "%s%.*s",
		 verdict->actual > verdict->limit   ? "+"
		 : verdict->actual < verdict->limit ? "-"
						    : "",
		 CT_NUMBER_ROOM - 2, number);
	return out;
}

char *ct_gate_headline(const struct ct_gate *gate, char out[CT_GATE_ROOM])
{
	size_t count = gate->count;
	if (gate->broken)
		snprintf(out, CT_GATE_ROOM, "%zu of %zu rule%s broken", gate->broken, count, count == 1 ? "" : "s");
	else
		snprintf(out, CT_GATE_ROOM, "%zu rule%s%s", count, count == 1 ? " holds" : "s hold",
			 gate->passes ? "" : ", but the recording is not whole, which --strict does not allow");
	return out;
}

char *ct_gate_note(const struct ct_gate_note *note, char out[CT_GATE_ROOM])
{
	const char *quote = note->is_rule ? "'" : "";
	snprintf(out, CT_GATE_ROOM, "%s%.*s%s%s %s", quote, (int)ct_utf8_fit(note->subject, CT_GATE_ROOM / 2),
		 note->subject, quote, note->is_rule ? "" : ":", note->text);
	return out;
}

char *ct_gate_title(const struct ct_gate_rule *rule, char out[CT_GATE_ROOM])
{
	snprintf(out, CT_GATE_ROOM, "%s%.*s", rule->rule->growth ? "growth " : "",
		 (int)ct_utf8_fit(rule->rule->text, CT_GATE_ROOM - 16), rule->rule->text);
	return out;
}

char *ct_gate_sentence(const struct ct_gate *gate, const struct ct_gate_rule *rule, char out[CT_GATE_ROOM])
{
	const struct ct_verdict *verdict = rule->verdict;
	char actual[CT_NUMBER_ROOM], limit[CT_NUMBER_ROOM], off[CT_NUMBER_ROOM], old[CT_NUMBER_ROOM + 8] = "";
	ct_gate_amount(gate, rule, verdict->actual, actual);
	ct_gate_amount(gate, rule, verdict->limit, limit);
	ct_gate_amount(gate, rule, distance(verdict), off);
	if (rule->rule->growth) {
		char number[CT_NUMBER_ROOM];
		snprintf(old, sizeof(old), " (was %s)", ct_gate_amount(gate, rule, verdict->old, number));
	}
	if (!verdict->matched)
		snprintf(out, CT_GATE_ROOM, "matches no site");
	else if (distance(verdict))
		snprintf(out, CT_GATE_ROOM, "%s%s, %s %s the limit of %s", actual, old, off,
			 verdict->actual > verdict->limit ? "above" : "below", limit);
	else
		snprintf(out, CT_GATE_ROOM, "%s%s, exactly the limit", actual, old);
	return out;
}

bool ct_gate_suspect_place(const struct ct_gate *gate, const struct ct_suspect *suspect, struct ct_gate_place *place)
{
	const struct ct_profile *profile = gate->profile;
	const uint32_t *ids = profile->frame_ids + suspect->site->first_frame;
	bool found = false;
	/* The nearest caller in the working tree, if the own code is in a library from elsewhere. */
	for (uint32_t i = suspect->frame; i < suspect->site->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[ids[i]];
		struct ct_gate_place here = {.line = frame->line};
		if (!frame->file)
			continue;
		here.in_tree = ct_worktree_path(&gate->tree, profile->strings[frame->file], here.file);
		if (!found || here.in_tree)
			*place = here;
		if (here.in_tree)
			return true;
		found = true;
	}
	return found;
}

bool ct_gate_place(const struct ct_gate *gate, const struct ct_gate_rule *rule, struct ct_gate_place *place)
{
	for (size_t i = 0; i < rule->suspect_count; i++)
		if (ct_gate_suspect_place(gate, &rule->suspects[i], place) && place->in_tree)
			return true;
	if (rule->rule->file) {
		place->line = rule->rule->line;
		place->in_tree = ct_worktree_path(&gate->tree, rule->rule->file, place->file);
		return true;
	}
	for (size_t i = 0; i < rule->suspect_count; i++)
		if (ct_gate_suspect_place(gate, &rule->suspects[i], place))
			return true;
	return false;
}

/* The first caller with a name, or NULL. */
static const struct ct_frame *find_named(const struct ct_profile *profile, const struct ct_suspect *suspect)
{
	for (uint32_t i = suspect->frame + 1; i < suspect->site->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[suspect->site->first_frame + i]];
		if (frame->function)
			return frame;
	}
	return NULL;
}

static const struct ct_frame *suspect_frame(const struct ct_gate *gate, const struct ct_suspect *suspect)
{
	const struct ct_profile *profile = gate->profile;
	return &profile->frames[profile->frame_ids[suspect->site->first_frame + suspect->frame]];
}

char *ct_gate_suspect_name(const struct ct_gate *gate, const struct ct_suspect *suspect, char out[CT_GATE_ROOM])
{
	return ct_name_short(gate->profile, suspect_frame(gate, suspect), out);
}

char *ct_gate_suspect_rest(const struct ct_gate *gate, const struct ct_suspect *suspect, char out[CT_GATE_ROOM])
{
	const struct ct_frame *frame = suspect_frame(gate, suspect), *caller;
	if (*ct_name_place(gate->profile, frame, out))
		return out;
	caller = find_named(gate->profile, suspect);
	if (caller)
		ct_name_short(gate->profile, caller, strcpy(out, "< ") + 2);
	return out;
}

char *ct_gate_suspect(const struct ct_gate *gate, const struct ct_gate_rule *rule, const struct ct_suspect *suspect,
		      char out[CT_GATE_ROOM])
{
	char number[CT_NUMBER_ROOM], name[CT_GATE_ROOM], rest[CT_GATE_ROOM];
	ct_gate_suspect_rest(gate, suspect, rest);
	snprintf(out, CT_GATE_ROOM, "%s%s %.*s%s%.*s", rule->rule->growth ? "+" : "",
		 ct_gate_amount(gate, rule, suspect->amount, number), CT_NAME_ROOM,
		 ct_gate_suspect_name(gate, suspect, name), *rest ? " " : "", CT_NAME_ROOM + 2, rest);
	return out;
}

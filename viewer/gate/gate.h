/* SPDX-License-Identifier: MIT */
/*
 * The result of `ctrace check`: each rule with its verdict and the sites to look at first, and notes about what limits
 * the result. There is one writer for each form, and all write the same result.
 */
#ifndef CT_GATE_GATE_H
#define CT_GATE_GATE_H

#include <stdio.h>

#include "model/budget.h"
#include "model/diff.h"
#include "names/names.h"
#include "names/number.h"
#include "util/worktree.h"

#define CT_GATE_SUSPECTS 3
#define CT_GATE_ROOM 2048

/* What is judged. */
struct ct_gate_case {
	const struct ct_budget *budget;
	const struct ct_verdict *verdicts; /* one for each rule, in the same order */
	const struct ct_profile *profile;
	const char *name; /* of its file */
	const struct ct_diff *diff; /* against the baseline; NULL without one */
	bool strict; /* a rule that matches nothing counts as broken, and so does an incomplete recording */
};

/* A site with its amount or, for a growth rule, its growth. */
struct ct_suspect {
	const struct ct_site_row *site;
	uint32_t frame; /* index in the site's frames: the code to look at */
	uint64_t amount;
};

struct ct_gate_rule {
	const struct ct_budget_rule *rule;
	const struct ct_verdict *verdict;
	bool holds;
	struct ct_suspect suspects[CT_GATE_SUSPECTS]; /* of a broken rule, the largest first */
	size_t suspect_count;
};

/* A remark about the file or the rule that is its subject. */
struct ct_gate_note {
	const char *subject;
	bool is_rule;
	char *text;
};

struct ct_gate {
	const struct ct_profile *profile;
	char *name; /* clean UTF-8 */
	struct ct_gate_rule *rules;
	size_t count, broken;
	bool passes;
	bool lossy; /* --strict does not allow a recording that is not whole, and this one is not */
	struct ct_gate_note *notes;
	size_t note_count;
	struct ct_worktree tree;
};

/* 0, or < 0 when out of memory; call ct_gate_fini in both cases. The case's contents must outlive the gate. */
int ct_gate_init(struct ct_gate *gate, const struct ct_gate_case *judged);
void ct_gate_fini(struct ct_gate *gate);

/* A line of source code. */
struct ct_gate_place {
	char file[PATH_MAX]; /* relative to the working tree if the file lies in it */
	bool in_tree;
	uint32_t line; /* 0 = not known */
};

/* The suspect's place. False: its file is not known. */
bool ct_gate_suspect_place(const struct ct_gate *gate, const struct ct_suspect *suspect, struct ct_gate_place *place);

/*
 * Where an annotation of a broken rule belongs: at the first suspect in the working tree, or else at the rule's line in
 * its budget, or else at the first suspect with a file. False: nowhere.
 */
bool ct_gate_place(const struct ct_gate *gate, const struct ct_gate_rule *rule, struct ct_gate_place *place);

/* All of these return out. */

/* "2 of 3 rules broken" */
char *ct_gate_headline(const struct ct_gate *gate, char out[CT_GATE_ROOM]);

/* "heap.json: 3 events dropped", "'function parse end == 0' matches no site: is the name right?" */
char *ct_gate_note(const struct ct_gate_note *note, char out[CT_GATE_ROOM]);

/* "peak <= 64 MiB", "growth peak 5%" */
char *ct_gate_title(const struct ct_gate_rule *rule, char out[CT_GATE_ROOM]);

/* "65.0 KiB, 33.0 KiB above the limit of 32.0 KiB" */
char *ct_gate_sentence(const struct ct_gate *gate, const struct ct_gate_rule *rule, char out[CT_GATE_ROOM]);

/* "parse"; and its place, or else the nearest caller with a name: "tests.c:12", "[libfoo.so]", "< main" or "". */
char *ct_gate_suspect_name(const struct ct_gate *gate, const struct ct_suspect *suspect, char out[CT_GATE_ROOM]);
char *ct_gate_suspect_rest(const struct ct_gate *gate, const struct ct_suspect *suspect, char out[CT_GATE_ROOM]);

/* Both after the amount, which has a sign if it is a growth: "+64.0 KiB parse tests.c:12". */
char *ct_gate_suspect(const struct ct_gate *gate, const struct ct_gate_rule *rule, const struct ct_suspect *suspect,
		      char out[CT_GATE_ROOM]);

/* An amount of the rule's metric, with its unit. */
char *ct_gate_amount(const struct ct_gate *gate, const struct ct_gate_rule *rule, uint64_t amount,
		     char out[CT_NUMBER_ROOM]);

/* The distance from the limit, "+33.0 KiB"; "0 B" at the limit itself. */
char *ct_gate_distance(const struct ct_gate *gate, const struct ct_gate_rule *rule, char out[CT_NUMBER_ROOM]);

struct ct_terminal;

/* Writers. 0, or < 0 when out of memory; the caller checks out for write errors. */
int ct_gate_text(const struct ct_gate *gate, const struct ct_terminal *terminal, FILE *out);
void ct_gate_markdown(const struct ct_gate *gate, FILE *out);
void ct_gate_github(const struct ct_gate *gate, FILE *out);
void ct_gate_junit(const struct ct_gate *gate, FILE *out);
void ct_gate_sarif(const struct ct_gate *gate, FILE *out);

#endif

/* SPDX-License-Identifier: MIT */
/* What a recording lacks: the rows of losses.def, for all code that reads, writes, adds up or names them. */
#ifndef CT_MODEL_LOSSES_H
#define CT_MODEL_LOSSES_H

#include "ctrace/store.h"
#include "model/profile.h"
#include "names/number.h"

enum ct_loss_effect {
	CT_EFFECT_NOTE,
	CT_EFFECT_STACKS,
	CT_EFFECT_EDGES,
	CT_EFFECT_NUMBERS,
};

struct ct_loss_row {
	const char *name; /* in JSON */
	enum ct_loss loss; /* CT_LOSS_COUNT: not in the store */
	enum ct_loss_effect effect;
	const char *words, *remark; /* remark may be NULL */
};

#define CT_LOSS_ROWS (sizeof(struct ct_losses) / sizeof(uint64_t))
#define CT_LOSS_ROOM (CT_NUMBER_ROOM + 96)

extern const struct ct_loss_row ct_loss_rows[];

/* The count of a row. */
uint64_t *ct_loss_place(struct ct_losses *losses, size_t row);
uint64_t ct_loss_value(const struct ct_losses *losses, size_t row);

/* Write "1,200 events dropped (numbers too low)" to out and return it; "" if the count is 0. */
char *ct_loss_text(const struct ct_losses *losses, size_t row, char out[CT_LOSS_ROOM]);

/* Is there a loss with an effect other than a note? */
bool ct_losses_any(const struct ct_losses *losses);

void ct_losses_add(struct ct_losses *sum, const struct ct_losses *losses);

#endif

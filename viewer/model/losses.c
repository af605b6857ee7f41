/* SPDX-License-Identifier: MIT */
#include "model/losses.h"

#include <stdio.h>

const struct ct_loss_row ct_loss_rows[] = {
#define CT_LOSS(member, name, loss, effect, words, remark) {name, CT_LOSS_##loss, CT_EFFECT_##effect, words, remark},
#include "model/losses.def"
#undef CT_LOSS
};

_Static_assert(sizeof(ct_loss_rows) / sizeof(ct_loss_rows[0]) == CT_LOSS_ROWS, "struct ct_losses has the same rows");

uint64_t *ct_loss_place(struct ct_losses *losses, size_t row)
{
	return (uint64_t *)losses + row;
}

uint64_t ct_loss_value(const struct ct_losses *losses, size_t row)
{
	return ((const uint64_t *)losses)[row];
}

char *ct_loss_text(const struct ct_losses *losses, size_t row, char out[CT_LOSS_ROOM])
{
	const struct ct_loss_row *loss = &ct_loss_rows[row];
	char number[CT_NUMBER_ROOM];
	*out = '\0';
	if (ct_loss_value(losses, row))
		snprintf(out, CT_LOSS_ROOM, "%s %s%s%s%s", ct_number_exact(number, ct_loss_value(losses, row)),
			 loss->words, loss->remark ? " (" : "", loss->remark ? loss->remark : "",
			 loss->remark ? ")" : "");
	return out;
}

bool ct_losses_any(const struct ct_losses *losses)
{
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].effect != CT_EFFECT_NOTE && ct_loss_value(losses, i))
			return true;
	return false;
}

void ct_losses_add(struct ct_losses *sum, const struct ct_losses *losses)
{
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		*ct_loss_place(sum, i) += ct_loss_value(losses, i);
}

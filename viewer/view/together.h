/* SPDX-License-Identifier: MIT */
/* Shows what several processes had live at the same time. */
#ifndef CT_VIEW_TOGETHER_H
#define CT_VIEW_TOGETHER_H

#include "model/together.h"
#include "view/line.h"

/* Add one line, "live      ▁▂▃█▅ up to 6.10 MiB". Nothing if nothing was live. */
void ct_line_put_together(struct ct_line *line, const struct ct_together *together);

#endif

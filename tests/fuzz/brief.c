/* SPDX-License-Identifier: MIT */
/* What the list of a folder reads of a report or a store, and the sum over time that it shows of several. */
#include <stdlib.h>

#include "fuzz.h"
#include "load/brief.h"
#include "view/together.h"

static void read_brief(void)
{
	static const struct ct_terminal terminal = {.columns = 80, .utf8 = true};
	struct ct_brief brief;
	struct ct_together together;
	struct ct_line line;
	FILE *out = fuzz_nowhere();
	ct_brief_read(fuzz_path, &brief);
	struct ct_life other = {.begin = brief.life.begin + 5,
				.end = brief.life.end,
				.steps = brief.life.steps,
				.step_count = brief.life.step_count};
	struct ct_life lives[] = {brief.life, other};
	ct_together_overlap(lives, 2);
	if (!ct_together_add_up(lives, 2, &together)) {
		for (size_t i = 0; i < CT_TOGETHER_CELLS; i++)
			if (together.cells[i] > together.most_bytes)
				__builtin_trap();
		ct_line_init(&line, &terminal, out);
		ct_line_put_together(&line, &together);
		ct_line_fini(&line);
	}
	fclose(out);
	ct_brief_fini(&brief);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file(data, size);
	read_brief();
	fuzz_unpack(data, size);
	read_brief();
	return 0;
}

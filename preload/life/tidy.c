/* SPDX-License-Identifier: MIT */
#include "life/tidy.h"

#include "life/exit.h"
#include "store/store_file.h"
#include "sys/options.h"
#include "sys/text.h"

void ct_tidy_folder(void)
{
	static struct ct_text words[3]; /* one thread at a time starts, wakes or ends a recording */
	const char *path = ct_store_path();
	/* `ctrace record` makes the reports of its processes' stores when all have ended. */
	if ((!ct_options.keep_last && !ct_options.keep_bytes) || *ct_options.session)
		return;
	ct_text_clear(&words[0]);
	ct_text_add(&words[0], "--keep-last=");
	ct_text_add_number(&words[0], ct_options.keep_last);
	ct_text_clear(&words[1]);
	ct_text_add(&words[1], "--keep-bytes=");
	ct_text_add_number(&words[1], ct_options.keep_bytes);
	ct_text_clear(&words[2]);
	ct_text_add_bytes(&words[2], path, (size_t)(ct_base_name(path) - path));
	const char *const arguments[] = {"ctrace",       "tidy",         "--quiet", words[0].bytes,
					 words[1].bytes, words[2].bytes, NULL};
	ct_exporter_run(arguments);
}

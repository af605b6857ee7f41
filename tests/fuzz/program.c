/* SPDX-License-Identifier: MIT */
/* The file that ctrace record is to start: an ELF header, or a #! line. */
#include "fuzz.h"
#include "record/script.h"
#include "record/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error_text error;
	struct ct_script script;
	char program[PATH_MAX];
	fuzz_file(data, size);
	char *const arguments[] = {"loader", "--argv0", "name", (char *)fuzz_path, NULL};
	ct_program_check(fuzz_path, arguments, "/proc/self/exe", &error);
	if (!ct_script_read(fuzz_path, &script))
		ct_script_env_program(&script, program, sizeof(program));
	ct_target_program(fuzz_path, arguments, program);
	return 0;
}

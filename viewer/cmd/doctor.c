/* SPDX-License-Identifier: MIT */
/* ctrace doctor: diagnoses an empty recording. */
#include "cmd/cmd.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "util/error.h"

#define COMMAND "doctor"

struct request {
	bool trial;
};

static const struct ct_option options[] = {
	{.name = "run",
	 .help = "also make a trial recording of PROGRAM, and check what it holds",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, trial)},
};

/* A number is a running process, unless a program here is called so. */
static bool is_pid(const char *word)
{
	size_t digits = strspn(word, "0123456789");
	return digits && digits < 10 && !word[digits] && access(word, X_OK) != 0;
}

static int run(int argc, char **argv)
{
	static struct ct_doctor doctor;
	struct request request = {0};
	int code, rest = ct_command_begin(&ct_command_doctor, &request, argc, argv, &code);
	if (rest < 0)
		return code;
	if (request.trial && rest == argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--run: no program; see ctrace doctor --help");
	doctor.out = stdout;
	ct_doctor_library(&doctor);
	if (rest + 1 == argc && is_pid(argv[rest])) {
		if (request.trial)
			return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--run needs a program, not a process");
		ct_doctor_process(&doctor, atoi(argv[rest]));
		return doctor.problems ? CT_EXIT_FINDINGS : CT_EXIT_FINE;
	}
	if (rest < argc)
		ct_doctor_program(&doctor, argv + rest);
	ct_doctor_surroundings(&doctor);
	if (request.trial && *doctor.program)
		ct_doctor_trial(&doctor, argv + rest);
	ct_settings_fini(&doctor.settings);
	return doctor.problems ? CT_EXIT_FINDINGS : CT_EXIT_FINE;
}

const struct ct_command ct_command_doctor = {
	.name = COMMAND,
	.summary = "diagnose an empty or incomplete recording",
	.usage = "[options] [PROGRAM [ARGUMENT...] | PID]",
	.about =
		"Check what a recording needs. Report what is in the way and how to fix it. Of a running process (PID), say "
		"whether it is recorded or sleeps, and if not, why. Exit code 1 if there is a problem.",
	.groups = {CT_OPTION_GROUP(options, 0)},
	.runs_program = true,
	.run = run,
};

/* SPDX-License-Identifier: MIT */
/* ctrace doctor: why is my recording empty? */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdbool.h>

#include "doctor/doctor.h"
#include "util/error.h"

#define COMMAND "doctor"

static const char help[] = "usage: ctrace doctor [options] [PROGRAM [ARGUMENT...]]\n"
			   "Check what a recording needs, and tell what stands in its way and the way out.\n"
			   "Exit code 1 when there is a problem.\n"
			   "\n"
			   "      --run            record PROGRAM, too, and tell what came\n"
			   "  -h, --help           this text\n";

static const struct option options[] = {
	{"run", no_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int ct_cmd_doctor(int argc, char **argv)
{
	static struct ct_doctor doctor;
	bool trial = false;
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
		if (option != 'r')
			return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s: unknown option; see ctrace doctor --help",
					   argv[optind - 1]);
		trial = true;
	}
	if (trial && optind == argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--run: which program?");
	doctor.out = stdout;
	ct_doctor_library(&doctor);
	if (optind < argc)
		ct_doctor_program(&doctor, argv[optind]);
	ct_doctor_surroundings(&doctor);
	if (trial && *doctor.program)
		ct_doctor_trial(&doctor, argv + optind);
	ct_settings_fini(&doctor.settings);
	return doctor.problems ? CT_EXIT_FINDINGS : CT_EXIT_FINE;
}

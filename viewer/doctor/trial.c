/* SPDX-License-Identifier: MIT */
/* ctrace doctor --run: makes a trial recording. */
#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "load/load.h"
#include "names/names.h"
#include "names/number.h"
#include "util/library.h"

struct came {
	uint64_t processes, blocks, sites, whole, frames, named, lost;
	char names[200]; /* the programs' names, comma-separated */
};

/* Run `ctrace record`, with stores in the folder, which need no format. Returns its status from waitpid, or -1. */
static int record(const char *folder, char **arguments)
{
	char out[PATH_MAX + 16];
	size_t count = 0;
	int status = -1;
	pid_t pid;
	while (arguments[count])
		count++;
	char **command = calloc(count + 9, sizeof(*command));
	if (!command)
		return -1;
	snprintf(out, sizeof(out), "%s/%%p.json", folder);
	char *const head[] = {"ctrace", "record", "-q", "--export", "0", "-o", out, "--"};
	memcpy(command, head, sizeof(head));
	memcpy(command + sizeof(head) / sizeof(head[0]), arguments, count * sizeof(*arguments));
	/* Without /proc, the name by which the kernel started us. */
	const char *self = access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : (char *)getauxval(AT_EXECFN);
	ct_library_unload(); /* record the program, not the recorder */
	if (posix_spawn(&pid, self, NULL, NULL, command, environ) != 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	free(command);
	return status;
}

/* Add the name of a program, from the first word of its command. */
static void add_name(struct came *came, const char *command)
{
	size_t used = strlen(came->names);
	char word[PATH_MAX];
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(command, " "), command);
	if (!strstr(came->names, ct_name_base(word)))
		snprintf(came->names + used, sizeof(came->names) - used, "%s%s", used ? ", " : "", ct_name_base(word));
}

static void add_profile(struct came *came, const struct ct_profile *profile)
{
	add_name(came, profile->command);
	came->processes++;
	came->blocks += profile->totals.total_blocks;
	came->sites += profile->site_count;
	came->lost += profile->losses.dropped + profile->losses.early;
	for (size_t i = 0; i < profile->site_count; i++)
		came->whole += profile->sites[i].truncated ? 0 : profile->sites[i].counters.total_blocks;
	for (size_t i = 1; i < profile->frame_count; i++)
		came->named += profile->frames[i].function != 0;
	came->frames += profile->frame_count - 1;
}

/* Read the recorded stores and remove them. */
static void collect(const char *folder, struct came *came)
{
	DIR *files = opendir(folder);
	struct dirent *entry;
	while (files && (entry = readdir(files))) {
		char path[2 * PATH_MAX];
		struct ct_profile *profile;
		struct ct_error_text error;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (ct_load(path, &profile, &error) == 0) {
			add_profile(came, profile);
			ct_profile_free(profile);
		}
		unlink(path);
	}
	if (files)
		closedir(files);
	rmdir(folder);
}

static void tell_came(struct ct_doctor *doctor, const struct came *came, const char *name)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM];
	enum ct_doctor_state state = came->blocks ? CT_DOCTOR_OK : CT_DOCTOR_PROBLEM;
	if (!came->processes) {
		ct_doctor_tell(
			doctor, CT_DOCTOR_PROBLEM, "trial",
			"no report: %s did not get past start-up, or clears LD_PRELOAD before it starts the real program; "
			"record that one",
			name);
		return;
	}
	ct_doctor_tell(doctor, state, "trial", "%s at %s, of %s%s", ct_number_count(a, came->blocks, "allocations"),
		       ct_number_count(b, came->sites, "sites"), came->names,
		       came->blocks ? "" : ": it gets its memory from mmap, or from a malloc of its own");
	if (!came->blocks)
		return;
	ct_doctor_tell(doctor, came->whole == came->blocks ? CT_DOCTOR_OK : CT_DOCTOR_NOTE, "stacks",
		       "%s %% of the allocations have a whole stack",
		       ct_number_percent(a, (double)came->whole, (double)came->blocks));
	ct_doctor_tell(doctor, came->named == came->frames ? CT_DOCTOR_OK : CT_DOCTOR_NOTE, "names",
		       "%s %% of the frames have a name",
		       ct_number_percent(a, (double)came->named, (double)came->frames));
	ct_doctor_tell(doctor, came->lost ? CT_DOCTOR_NOTE : CT_DOCTOR_OK, "losses", "%s not recorded",
		       ct_number_count(a, came->lost, "events"));
	if (came->processes > 1)
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "processes", "%s processes, each with a report",
			       ct_number_exact(a, came->processes));
}

void ct_doctor_trial(struct ct_doctor *doctor, char **arguments)
{
	char folder[PATH_MAX];
	struct came came = {0};
	int status;
	snprintf(folder, sizeof(folder), "%s/ctrace-doctor.XXXXXX",
		 ct_settings_get(&doctor->settings, CT_SETTING_tmpdir));
	if (!mkdtemp(folder)) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "trial", "%s: %s; set TMPDIR to a folder that can be written",
			       folder, strerror(errno));
		return;
	}
	fflush(doctor->out);
	status = record(folder, arguments);
	collect(folder, &came);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "trial", "%s ended with status %d", arguments[0],
			       WEXITSTATUS(status));
	else if (status != -1 && WIFSIGNALED(status))
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "trial", "%s was killed: %s", arguments[0],
			       strsignal(WTERMSIG(status)));
	tell_came(doctor, &came, arguments[0]);
}

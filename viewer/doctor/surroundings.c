/* SPDX-License-Identifier: MIT */
/* ctrace doctor: the surroundings that a recording needs. */
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "names/number.h"

/* A small program's recording needs about this much. */
#define SPACE_MIN (UINT64_C(64) << 20)
#define FILE_MIN (UINT64_C(16) << 20)
#define ADDRESSES_MIN (UINT64_C(1) << 30)
#define FILES_MIN 8

/* The folder that CTRACE_OUT names. */
static void output_folder(struct ct_doctor *doctor, char folder[PATH_MAX])
{
	char *slash;
	snprintf(folder, PATH_MAX, "%s", ct_settings_get(&doctor->settings, CT_SETTING_out));
	slash = strrchr(folder, '/');
	if (slash)
		*(slash == folder ? slash + 1 : slash) = '\0';
	else
		strcpy(folder, ".");
}

static const char *problem_text(int problem)
{
	return problem == EMEDIUMTYPE ? "in memory (tmpfs), which counts as the container's (CTRACE_TMPFS=1 allows it)"
				      : strerror(problem);
}

/* Make a file and map it as the store is mapped. 0 or an errno. */
static int try_file(const char *folder, bool tmpfs)
{
	char path[PATH_MAX + 32];
	struct statfs system;
	int problem = 0, fd;
	void *page;
	if (!tmpfs && statfs(folder, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC))
		return EMEDIUMTYPE;
	snprintf(path, sizeof(path), "%s/.ctrace-doctor.XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		return errno;
	if (ftruncate(fd, 4096) != 0) {
		problem = errno;
	} else {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		problem = page == MAP_FAILED ? errno : 0;
		if (!problem)
			munmap(page, 4096);
	}
	close(fd);
	unlink(path);
	return problem;
}

static void check_space(struct ct_doctor *doctor, const char *folder)
{
	struct statvfs system;
	char number[CT_NUMBER_ROOM];
	uint64_t left;
	if (statvfs(folder, &system) != 0)
		return;
	left = (uint64_t)system.f_bavail * system.f_frsize;
	if (left < SPACE_MIN)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "space",
			       "%s left in %s: choose another folder with CTRACE_OUT", ct_number_bytes(number, left),
			       folder);
	else
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "space", "%s left in %s", ct_number_bytes(number, left), folder);
}

static void check_output(struct ct_doctor *doctor)
{
	const char *temporary = ct_settings_get(&doctor->settings, CT_SETTING_tmpdir);
	char folder[PATH_MAX];
	int problem;
	output_folder(doctor, folder);
	bool tmpfs = *ct_settings_get(&doctor->settings, CT_SETTING_tmpfs) == '1';
	problem = try_file(folder, tmpfs);
	if (!problem) {
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "output", "%s can be written", folder);
		check_space(doctor, folder);
	} else if (!try_file(temporary, tmpfs)) {
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "output",
			       "%s: %s; reports go to %s, unless CTRACE_OUT names another folder", folder,
			       problem_text(problem), temporary);
		check_space(doctor, temporary);
	} else {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "output",
			       "%s: %s, and %s cannot be written either; set CTRACE_OUT to a folder that can", folder,
			       problem_text(problem), temporary);
	}
}

static void check_limits(struct ct_doctor *doctor)
{
	static const struct {
		int resource;
		uint64_t least;
		const char *what, *option;
		bool bytes;
	} rows[] = {
		{RLIMIT_AS, ADDRESSES_MIN, "address space", "-v", true},
		{RLIMIT_FSIZE, FILE_MIN, "the size of a file", "-f", true},
		{RLIMIT_NOFILE, FILES_MIN, "open files", "-n", false},
	};
	bool fine = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char number[CT_NUMBER_ROOM];
		struct rlimit limit;

		if (getrlimit(rows[i].resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
		    limit.rlim_cur >= rows[i].least)
			continue;
		fine = false;
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "limits",
			       "%s is limited to %s; raise it: ulimit %s unlimited", rows[i].what,
			       rows[i].bytes ? ct_number_bytes(number, limit.rlim_cur)
					     : ct_number_exact(number, limit.rlim_cur),
			       rows[i].option);
	}
	if (fine)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "limits", "address space, file size and open files are enough");
}

static void check_environment(struct ct_doctor *doctor)
{
	const char *preload = getenv("LD_PRELOAD");
	bool noted = false;
	if (*ct_settings_get(&doctor->settings, CT_SETTING_export) == '0') {
		noted = true;
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "variables",
			       "CTRACE_EXPORT=0: stores are left, for ctrace export to make reports of");
	}
	if (*ct_settings_get(&doctor->settings, CT_SETTING_children) == '0') {
		noted = true;
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "variables",
			       "CTRACE_CHILDREN=0: only the first process is recorded, not those that it starts");
	}
	if (preload && *preload && !strstr(preload, "libctrace.so")) {
		noted = true;
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "variables",
			       "LD_PRELOAD=%s: ctrace record puts its library before it; do the same by hand", preload);
	}
	if (!noted)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "variables", "nothing in the way");
}

/* Does a filter of system calls apply to us, and so to the programs that we start? */
static bool is_filtered(void)
{
	char line[256];
	bool filtered = false;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status))
		filtered = filtered || !strncmp(line, "Seccomp:\t2", 10);
	if (status)
		fclose(status);
	return filtered;
}

static void check_kernel(struct ct_doctor *doctor)
{
	if (access("/proc/self/maps", R_OK) != 0)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "/proc",
			       "is not mounted, and needed for the program's path and modules: mount it");
	else
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "/proc", "is mounted");
	if (access("/proc/self/status", R_OK) != 0)
		return;
	if (is_filtered())
		ct_doctor_tell(doctor, CT_DOCTOR_NOTE, "rights",
			       "a seccomp filter is on (a container?): usually fine, --run shows it");
	else
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "rights", "no seccomp filter; neither root nor ptrace is needed");
}

void ct_doctor_surroundings(struct ct_doctor *doctor)
{
	check_output(doctor);
	check_limits(doctor);
	check_environment(doctor);
	check_kernel(doctor);
}

/* SPDX-License-Identifier: MIT */
/* ctrace doctor PID: what a running process does, why it is not recorded, and what to do next. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "doctor/doctor.h"
#include "doctor/unit.h"
#include "live/process.h"
#include "names/number.h"
#include "util/cgroup.h"

/* What is found out about the process. */
struct patient {
	struct ct_doctor *doctor;
	struct ct_process process;
	int pid;
	char exe[PATH_MAX];
	char preload[PATH_MAX]; /* LD_PRELOAD at its start; "": none */
	char out[PATH_MAX]; /* CTRACE_OUT; "": not set */
	char lists[PATH_MAX]; /* CTRACE_ALLOW and CTRACE_DENY, as they are set */
	bool tmpfs, loaded, glibc, musl, loader;
	bool recorded, asleep; /* by its store or page, whose file this is */
	char name[PATH_MAX];
	uint64_t store_bytes;
	struct ct_unit unit;
};

static void take(const char *line, const char *name, char *value)
{
	size_t length = strlen(name);
	if (!strncmp(line, name, length) && line[length] == '=')
		snprintf(value, PATH_MAX, "%s", line + length + 1);
}

static void read_environment(struct patient *patient)
{
	FILE *file = ct_process_part(&patient->process, "environ");
	char *line = NULL, tmpfs[PATH_MAX] = "";
	size_t room = 0, used = 0;
	while (file && getdelim(&line, &room, '\0', file) > 0) {
		take(line, "LD_PRELOAD", patient->preload);
		take(line, "CTRACE_OUT", patient->out);
		take(line, "CTRACE_TMPFS", tmpfs);
		if ((!strncmp(line, "CTRACE_ALLOW=", 13) || !strncmp(line, "CTRACE_DENY=", 12)) &&
		    used + strlen(line) + 2 < sizeof(patient->lists))
			used += (size_t)sprintf(patient->lists + used, "%s%s", used ? " " : "", line);
	}
	patient->tmpfs = !strcmp(tmpfs, "1");
	free(line);
	if (file)
		fclose(file);
}

static void read_maps(struct patient *patient)
{
	FILE *file = ct_process_part(&patient->process, "maps");
	char *line = NULL;
	size_t room = 0;
	while (file && getline(&line, &room, file) > 0) {
		patient->loaded = patient->loaded || strstr(line, "/libctrace.so");
		patient->musl = patient->musl || strstr(line, "/ld-musl") || strstr(line, "-musl/libc.so");
		patient->glibc = patient->glibc || strstr(line, "/libc.so.6") || strstr(line, "/libc-2.");
		patient->loader = patient->loader || strstr(line, "/ld-linux") || strstr(line, "/ld-2.");
	}
	free(line);
	if (file)
		fclose(file);
}

/* The number behind a row of /proc/PID/status; 0: there is none. */
static unsigned long status_number(const struct patient *patient, const char *row)
{
	FILE *file = ct_process_part(&patient->process, "status");
	char line[512];
	unsigned long number = 0;
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, row, strlen(row)))
			number = strtoul(line + strlen(row), NULL, 10);
	if (file)
		fclose(file);
	return number;
}

/* Has the program rights that its caller lacked? The kernel told the loader so at the start. */
static bool is_privileged(const struct patient *patient)
{
	FILE *file = ct_process_part(&patient->process, "auxv");
	Elf64_auxv_t row;
	bool secure = false;
	while (file && fread(&row, sizeof(row), 1, file) == 1 && row.a_type != AT_NULL)
		secure = secure || (row.a_type == AT_SECURE && row.a_un.a_val);
	if (file)
		fclose(file);
	return secure;
}

static bool is_narrow(const struct patient *patient)
{
	unsigned char head[EI_CLASS + 1] = {0};
	int fd = openat(patient->process.folder, "exe", O_RDONLY | O_CLOEXEC);
	bool narrow = fd >= 0 && pread(fd, head, sizeof(head), 0) == sizeof(head) && head[EI_CLASS] == ELFCLASS32;
	if (fd >= 0)
		close(fd);
	return narrow;
}

static void read_unit(struct patient *patient)
{
	FILE *file = ct_process_part(&patient->process, "cgroup");
	char groups[8192] = "";
	if (!file)
		return;
	groups[fread(groups, 1, sizeof(groups) - 1, file)] = '\0';
	fclose(file);
	ct_unit_read("", groups, &patient->unit);
}

static void find_recording(struct patient *patient)
{
	struct ct_error_text ignored;
	struct stat file;
	int fd = ct_process_store(&patient->process, patient->name, &ignored);
	patient->recorded = fd >= 0;
	if (fd < 0)
		fd = ct_process_page(&patient->process, patient->name, &ignored);
	patient->asleep = fd >= 0 && !patient->recorded;
	if (fd < 0)
		return;
	if (fstat(fd, &file) == 0)
		patient->store_bytes = (uint64_t)file.st_blocks * 512;
	close(fd);
}

/* LD_PRELOAD names the library, but it is not there: does the process see the file at all? */
static void tell_missing(const struct patient *patient)
{
	char path[PATH_MAX + 8], library[PATH_MAX];
	const char *at = strstr(patient->preload, "libctrace");
	const char *start = at;
	while (start > patient->preload && !strchr(": ", start[-1]))
		start--;
	snprintf(library, sizeof(library), "%.*s", (int)strcspn(start, ": "), start);
	snprintf(path, sizeof(path), "root%s", library);
	if (*library == '/' && faccessat(patient->process.folder, path, R_OK, 0) != 0)
		ct_doctor_tell(patient->doctor, CT_DOCTOR_PROBLEM, "library",
			       "%s does not exist where the process runs (its container or mount namespace): mount or "
			       "copy it there",
			       library);
	else
		ct_doctor_tell(patient->doctor, CT_DOCTOR_PROBLEM, "library",
			       "LD_PRELOAD=%s, but it is not loaded: its stderr says why", patient->preload);
}

static void tell_not_loaded(const struct patient *patient)
{
	struct ct_doctor *doctor = patient->doctor;
	const struct ct_unit *unit = &patient->unit;
	if (is_narrow(patient))
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library", "a 32-bit program cannot be recorded");
	else if (patient->musl)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "the program uses musl: build the library for musl (`make musl`), and start the program "
			       "with `ctrace record`");
	else if (!patient->loader && !patient->glibc)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "the program is static: it has no loader that could preload a library");
	else if (is_privileged(patient))
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "the program has gained rights (set-user-ID, capabilities), so LD_PRELOAD is ignored");
	else if (strstr(patient->preload, "libctrace"))
		tell_missing(patient);
	else if (strstr(unit->preload, "libctrace"))
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "%s has LD_PRELOAD, but the process was started before: systemctl daemon-reload && "
			       "systemctl restart %s",
			       unit->name, unit->name);
	else if (*unit->name)
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "library",
			       "%s does not set LD_PRELOAD=%s: systemctl edit %s, or for now ctrace attach %d",
			       unit->name, *doctor->library ? doctor->library : "libctrace.so", unit->name,
			       patient->pid);
	else
		ct_doctor_tell(
			doctor, CT_DOCTOR_PROBLEM, "library",
			"the process was started without LD_PRELOAD=%s: start it so, or for now ctrace attach %d",
			*doctor->library ? doctor->library : "libctrace.so", patient->pid);
}

static void tell_state(const struct patient *patient)
{
	struct ct_doctor *doctor = patient->doctor;
	char number[CT_NUMBER_ROOM];
	if (patient->recorded)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "recording", "%s, %s on disk; ctrace ctl %d says more",
			       patient->name, ct_number_bytes(number, patient->store_bytes), patient->pid);
	else if (patient->asleep)
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "recording", "asleep; ctrace ctl %d exact wakes it", patient->pid);
	else if (!patient->loaded || patient->musl)
		tell_not_loaded(patient);
	else if (is_privileged(patient))
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "recording",
			       "the library is loaded and leaves the program alone, because it has gained rights "
			       "(set-user-ID, capabilities)");
	else
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "recording",
			       "the library is loaded and leaves the program alone: %s%s%s", patient->lists,
			       *patient->lists ? "; or " : "",
			       "/etc/ctrace.conf excludes it, a value is wrong, or the store could not be made (its "
			       "stderr has a line)");
}

static void tell_unit(const struct patient *patient)
{
	const struct ct_unit *unit = &patient->unit;
	if (!*unit->name)
		return;
	if (!*unit->file)
		ct_doctor_tell(patient->doctor, CT_DOCTOR_NOTE, "unit", "%s: its file was not found", unit->name);
	else
		ct_doctor_tell(patient->doctor, CT_DOCTOR_OK, "unit", "%s%s%s%s%s", unit->name,
			       *unit->preload ? ", LD_PRELOAD=" : ", without LD_PRELOAD", unit->preload,
			       *unit->protect_system ? ", ProtectSystem=" : "", unit->protect_system);
	if (unit->private_tmp && (!strncmp(patient->out, "/tmp/", 5) || !strncmp(patient->out, "/var/tmp/", 9)))
		ct_doctor_tell(patient->doctor, CT_DOCTOR_NOTE, "unit",
			       "PrivateTmp=: stores are in the service's own folder, here /proc/%d/root%.*s",
			       patient->pid, (int)(strrchr(patient->out, '/') - patient->out), patient->out);
}

/* May the process's user write to the folder? Its groups other than the first are not looked at. */
static bool may_write(const struct patient *patient, const struct stat *folder)
{
	uid_t user = (uid_t)status_number(patient, "Uid:\t");
	gid_t group = (gid_t)status_number(patient, "Gid:\t");
	if (!user || folder->st_mode & S_IWOTH)
		return true;
	return folder->st_uid == user ? folder->st_mode & S_IWUSR
				      : folder->st_gid == group && folder->st_mode & S_IWGRP;
}

/* The folder of CTRACE_OUT, as the process sees it. */
static void tell_output(const struct patient *patient)
{
	struct ct_doctor *doctor = patient->doctor;
	char path[PATH_MAX + 64], folder[PATH_MAX];
	struct statfs system;
	struct statvfs mount;
	struct stat status;
	const char *slash = strrchr(patient->out, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - patient->out) : 0, patient->out);
	bool absolute = *patient->out == '/';
	snprintf(path, sizeof(path), "/proc/%d/%s/%s", patient->pid, absolute ? "root" : "cwd", folder);
	const char *shown = *folder ? folder : absolute ? "/" : "the process's current folder";
	if (stat(path, &status) != 0 || statfs(path, &system) != 0 || statvfs(path, &mount) != 0) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "output", "%s: %s, where the process runs: make it", shown,
			       strerror(errno));
	} else if (mount.f_flag & ST_RDONLY) {
		ct_doctor_tell(
			doctor, CT_DOCTOR_PROBLEM, "output",
			*patient->unit.protect_system
				? "%s is read-only for the process (ProtectSystem=%s): StateDirectory=ctrace makes "
				  "/var/lib/ctrace for CTRACE_OUT"
				: "%s is read-only for the process: name another folder with CTRACE_OUT",
			shown, patient->unit.protect_system);
	} else if ((system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC) && !patient->tmpfs) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "output",
			       "%s is in memory (tmpfs), and a store there counts as memory of the container: name a "
			       "folder on disk with CTRACE_OUT",
			       shown);
	} else if (!may_write(patient, &status)) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "output",
			       "%s: user %lu may not write there; the report goes to TMPDIR", shown,
			       status_number(patient, "Uid:\t"));
	} else {
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "output", "%s can be written", shown);
	}
}

static void tell_memory(const struct patient *patient, const struct ct_cgroup *group)
{
	char limit[CT_NUMBER_ROOM], used[CT_NUMBER_ROOM], store[CT_NUMBER_ROOM];
	if (!group->version) {
		ct_doctor_tell(patient->doctor, CT_DOCTOR_NOTE, "memory", "its control group cannot be read");
	} else if (!group->limit) {
		ct_doctor_tell(patient->doctor, CT_DOCTOR_OK, "memory", "no limit in control group %s (version %d)",
			       group->name, group->version);
	} else {
		bool tight = group->used > group->limit / 10 * 9;
		ct_doctor_tell(patient->doctor, tight ? CT_DOCTOR_NOTE : CT_DOCTOR_OK, "memory",
			       "%s of %s used in control group %s (version %d)%s%s%s",
			       ct_number_bytes(used, group->used), ct_number_bytes(limit, group->limit), group->name,
			       group->version, patient->recorded ? "; the store's pages in memory count, at most " : "",
			       patient->recorded ? ct_number_bytes(store, patient->store_bytes) : "",
			       tight ? "; a recording needs some MiB more" : "");
	}
}

static bool is_elsewhere(const struct patient *patient, const char *namespace)
{
	char here[64] = "", there[64] = "", own[64], name[64];
	snprintf(own, sizeof(own), "/proc/self/ns/%s", namespace);
	snprintf(name, sizeof(name), "ns/%s", namespace);
	return readlink(own, here, sizeof(here) - 1) > 0 &&
	       readlinkat(patient->process.folder, name, there, sizeof(there) - 1) > 0 && strcmp(here, there) != 0;
}

static void tell_surroundings(const struct patient *patient)
{
	bool mounts = is_elsewhere(patient, "mnt"), pids = is_elsewhere(patient, "pid");
	if (mounts || pids)
		ct_doctor_tell(
			patient->doctor, CT_DOCTOR_NOTE, "container",
			"another %s%s%s namespace: its files are below /proc/%d/root; ctrace finds store and page by "
			"the pid",
			mounts ? "mount" : "", mounts && pids ? " and " : "", pids ? "pid" : "", patient->pid);
	if (status_number(patient, "Seccomp:\t") == 2)
		ct_doctor_tell(patient->doctor, CT_DOCTOR_NOTE, "rights",
			       "a seccomp filter is on: if the program set it itself, no report is written at its end; "
			       "ctrace export STORE makes it");
}

void ct_doctor_process(struct ct_doctor *doctor, int pid)
{
	static struct patient patient;
	struct ct_error_text error;
	struct ct_cgroup group;
	patient = (struct patient){.doctor = doctor, .pid = pid};
	if (ct_process_open(pid, &patient.process, &error)) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "process", "%s", error.line);
		return;
	}
	if (readlinkat(patient.process.folder, "exe", patient.exe, sizeof(patient.exe) - 1) < 0) {
		ct_doctor_tell(doctor, CT_DOCTOR_PROBLEM, "process",
			       errno == ENOENT ? "%d is a thread of the kernel, or has ended"
			       : geteuid()     ? "%d is another user's, or has given up rights: run this as root"
					       : "%d cannot be read, even by root: in a container that takes the "
						 "capability SYS_PTRACE",
			       pid);
	} else {
		ct_doctor_tell(doctor, CT_DOCTOR_OK, "process", "%d, %s", pid, patient.exe);
		ct_cgroup_of(pid, &group);
		read_unit(&patient);
		read_environment(&patient);
		read_maps(&patient);
		find_recording(&patient);
		tell_state(&patient);
		tell_unit(&patient);
		if (patient.loaded)
			tell_output(&patient);
		tell_memory(&patient, &group);
		tell_surroundings(&patient);
	}
	close(patient.process.folder);
}

/* SPDX-License-Identifier: MIT */
/* The settings of a systemd service that matter for a recording, from the files of its unit. systemd is not asked. */
#ifndef CT_DOCTOR_UNIT_H
#define CT_DOCTOR_UNIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CT_UNIT_ROOM 512

struct ct_unit {
	char name[CT_UNIT_ROOM]; /* web@1.service; "": the process is in none */
	char file[PATH_MAX]; /* "": not found */
	char preload[CT_UNIT_ROOM]; /* the last LD_PRELOAD of Environment=; "": none */
	char protect_system[32];
	bool private_tmp;
};

/* Find the service in the content of /proc/PID/cgroup (0::/system.slice/web.service), and read its files below `root`.
 */
void ct_unit_read(const char *root, const char *groups, struct ct_unit *unit);

#endif

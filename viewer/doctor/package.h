/* SPDX-License-Identifier: MIT */
/*
 * How the names of an object file are installed. The package that owns the file is looked up in the system's database
 * of installed packages (dpkg, rpm), without the network.
 */
#ifndef CT_DOCTOR_PACKAGE_H
#define CT_DOCTOR_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/profile.h"

#define CT_PACKAGE_ROOM 512

/*
 * "apt install python3.11-dbg", or "dnf debuginfo-install sqlite-libs". root is "" or the folder of another system.
 * False: no package has this file, or the system is neither Debian's nor Fedora's kind.
 */
bool ct_package_command(const char *root, const char *path, char command[CT_PACKAGE_ROOM]);

/*
 * The object file whose functions without names allocate the most, if that is at least a tenth of all; NULL: there is
 * none. Only the innermost frames of each stack count.
 */
const char *ct_package_nameless(const struct ct_profile *profile);

#endif

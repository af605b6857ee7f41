/* SPDX-License-Identifier: MIT */
/*
 * A process that this library was loaded into by libctrace-stub.so, perhaps as every program of the machine. Unless its
 * settings say otherwise, it sleeps until `ctrace ctl` wakes it, and it says nothing about wrong settings.
 *
 * The settings come from the environment, and where that has none, from a file that only root can write. A program that
 * gains rights from its file reads neither (life/exempt.h). CTRACE_ALLOW and CTRACE_DENY choose programs, however the
 * library was loaded.
 *
 * At start, by the thread that starts.
 */
#ifndef CT_LIFE_FLEET_H
#define CT_LIFE_FLEET_H

#include "sys/compiler.h"

#define CT_FLEET_FILE "/etc/ctrace.conf"

/*
 * The settings of the stub, as NAME=VALUE, a NULL pointer last; NULL: it was not the stub, or LD_PRELOAD names this
 * library, too. False: the file cannot be used, so this process must be left alone.
 */
CT_COLD bool ct_fleet_settings(char **variables, char ***settings);

/* Cut the text of a settings file into at most `most` settings and a NULL pointer; other lines are left out. */
CT_COLD void ct_fleet_split(char *text, char **settings, size_t most);

/* Do CTRACE_ALLOW and CTRACE_DENY let the program with this path be recorded? */
CT_COLD bool ct_fleet_admits(const char *exe);

#endif

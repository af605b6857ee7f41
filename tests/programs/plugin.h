/* SPDX-License-Identifier: MIT */
/* The functions that plugin_host.c calls in a plugin. */
#ifndef PLUGIN_H
#define PLUGIN_H

void plugin_run(int round);

#endif

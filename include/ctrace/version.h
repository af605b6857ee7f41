/* SPDX-License-Identifier: MIT */
#ifndef CTRACE_VERSION_H
#define CTRACE_VERSION_H

/* The version of the library, the programs and the man pages. */
#define CTRACE_VERSION "0.1.0"

#endif

/* SPDX-License-Identifier: MIT */
#ifndef CTRACE_VERSION_H
#define CTRACE_VERSION_H

#define CTRACE_VERSION "0.1.0"

#endif

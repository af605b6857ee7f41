/* SPDX-License-Identifier: MIT */
/* The style and the script of the flame graph of write/svg.c. Both are constant, and neither holds data. */
#ifndef CT_WRITE_SVG_SCRIPT_H
#define CT_WRITE_SVG_SCRIPT_H

extern const char ct_svg_style[], ct_svg_script[];

#endif

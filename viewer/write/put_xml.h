/* SPDX-License-Identifier: MIT */
/* Writes text into XML, and into HTML. */
#ifndef CT_WRITE_PUT_XML_H
#define CT_WRITE_PUT_XML_H

#include <stdio.h>

/*
 * Write clean UTF-8 so that it can be an attribute's value or an element's text. U+FFFE and U+FFFF, which XML 1.0 does
 * not allow, become U+FFFD.
 */
void ct_put_xml(FILE *out, const char *text);

/* The same for the first bytes of a text, which must end with a whole character. */
void ct_put_xml_part(FILE *out, const char *text, size_t bytes);

#endif

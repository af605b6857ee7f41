/* SPDX-License-Identifier: MIT */
#include "view/line.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

void ct_line_init(struct ct_line *line, const struct ct_terminal *terminal, FILE *out)
{
	*line = (struct ct_line){.terminal = terminal, .out = out};
}

void ct_line_fini(struct ct_line *line)
{
	free(line->bytes);
	line->bytes = NULL;
}

static void put(struct ct_line *line, const char *bytes, size_t length)
{
	if (line->length + length > line->room) {
		size_t room = (line->length + length) * 2 + 256;
		char *more = realloc(line->bytes, room);

		if (!more) {
			line->failed = true;
			return;
		}
		line->bytes = more;
		line->room = room;
	}
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

/* Decode one character of UTF-8; an invalid byte is a character of its own. Returns its length. */
static size_t decode(const char *text, wchar_t *character)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t length = byte[0] < 0xc2 ? 1 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
	uint32_t value = length == 1 ? byte[0] : byte[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80) {
			*character = 0xfffd;
			return 1;
		}
		value = value << 6 | (byte[i] & 0x3fu);
	}
	*character = length == 1 && value >= 0x80 ? 0xfffd : (wchar_t)value;
	return length;
}

/* Is this a control character, which could move the cursor, or one that reverses the direction of text? */
static bool is_control(wchar_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The ASCII replacement for a character, for terminals without UTF-8. */
static const char *ascii_for(wchar_t c)
{
	switch (c) {
	case L'µ':
		return "u";
	case L'…':
		return "~";
	case L'·':
		return "-";
	case L'×':
		return "x";
	case L'│':
		return "|";
	case L'├':
	case L'└':
		return "+";
	case L'─':
		return "-";
	default:
		return "?";
	}
}

/* Decide what to write for the character at text: the bytes, their length, and the columns that they fill. */
static size_t show(const struct ct_terminal *terminal, const char *text, const char **bytes, size_t *length, int *width)
{
	wchar_t character;
	size_t used;
	int wide;
	*bytes = text;
	*length = 1;
	*width = 1;
	if (*text >= 0x20 && *text < 0x7f)
		return 1;
	used = decode(text, &character);
	if (is_control(character)) {
		*bytes = "?";
	} else if (!terminal->utf8) {
		*bytes = ascii_for(character);
	} else if (character == 0xfffd) {
		*bytes = "\xef\xbf\xbd";
		*length = 3;
	} else {
		wide = wcwidth(character);
		*width = wide < 0 ? 1 : wide;
		*length = used;
	}
	return used;
}

int ct_line_width(const struct ct_terminal *terminal, const char *text)
{
	const char *bytes;
	size_t length;
	int columns = 0, width;
	while (*text) {
		text += show(terminal, text, &bytes, &length, &width);
		columns += width;
	}
	return columns;
}

void ct_line_add(struct ct_line *line, const char *text)
{
	const char *bytes;
	size_t length;
	int width;
	while (*text) {
		text += show(line->terminal, text, &bytes, &length, &width);
		put(line, bytes, length);
		line->columns += width;
	}
}

/* Does text fit into these columns? Stops at the first character that does not. */
static bool fits(const struct ct_terminal *terminal, const char *text, int columns)
{
	const char *bytes;
	size_t length;
	int width;
	while (*text) {
		text += show(terminal, text, &bytes, &length, &width);
		columns -= width;
		if (columns < 0)
			return false;
	}
	return true;
}

void ct_line_add_cut(struct ct_line *line, const char *text, int columns)
{
	const char *bytes;
	size_t length;
	int width;
	if (columns <= 0)
		return;
	if (fits(line->terminal, text, columns)) {
		ct_line_add(line, text);
		return;
	}
	for (columns--; *text; columns -= width, line->columns += width) {
		text += show(line->terminal, text, &bytes, &length, &width);
		if (width > columns)
			break;
		put(line, bytes, length);
	}
	ct_line_add(line, "…");
}

int ct_line_left(const struct ct_line *line)
{
	int left = line->terminal->columns - line->columns;
	return left > 0 ? left : 0;
}

void ct_line_add_rest(struct ct_line *line, const char *text)
{
	ct_line_add_cut(line, text, ct_line_left(line));
}

void ct_line_add_blanks(struct ct_line *line, int columns)
{
	for (; columns > 0; columns--, line->columns++)
		put(line, " ", 1);
}

void ct_line_add_right(struct ct_line *line, const char *text, int columns)
{
	ct_line_add_blanks(line, columns - ct_line_width(line->terminal, text));
	ct_line_add(line, text);
}

void ct_line_link(struct ct_line *line, const char *path, unsigned number)
{
	char host[256] = "", part[16];
	if (!line->terminal->links || *path != '/' || access(path, R_OK) != 0)
		return;
	gethostname(host, sizeof(host) - 1);
	put(line, "\033]8;;file://", 12);
	put(line, host, strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."));
	for (; *path; path++) {
		bool plain = isalnum((unsigned char)*path) || strchr("/-._~", *path);
		put(line, part, (size_t)sprintf(part, plain ? "%c" : "%%%02X", (unsigned char)*path));
	}
	if (number)
		put(line, part, (size_t)sprintf(part, "#%u", number));
	put(line, "\033\\", 2);
	line->linked = true;
}

void ct_line_link_end(struct ct_line *line)
{
	if (line->linked)
		put(line, "\033]8;;\033\\", 7);
	line->linked = false;
}

void ct_line_add_spark(struct ct_line *line, int height)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {" ", ".", ",", ":", "-", "=", "+", "*", "#"};
	ct_line_add(line, line->terminal->utf8 ? blocks[height] : ascii[height]);
}

void ct_line_format(struct ct_line *line, const char *format, ...)
{
	char text[512];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	ct_line_add(line, text);
}

void ct_line_style(struct ct_line *line, enum ct_style style)
{
	static const char *const codes[] = {
		[CT_STYLE_PLAIN] = "\033[0m",     [CT_STYLE_STRONG] = "\033[0;1m",   [CT_STYLE_QUIET] = "\033[0;2m",
		[CT_STYLE_HEAD] = "\033[0;4m",    [CT_STYLE_SORTED] = "\033[0;1;4m", [CT_STYLE_BAR] = "\033[0;36m",
		[CT_STYLE_LOSS] = "\033[0;1;33m", [CT_STYLE_MORE] = "\033[0;31m",    [CT_STYLE_LESS] = "\033[0;32m",
	};
	if (line->terminal->color)
		put(line, codes[style], strlen(codes[style]));
}

void ct_line_end(struct ct_line *line)
{
	while (line->length > 0 && line->bytes[line->length - 1] == ' ')
		line->length--;
	put(line, "\n", 1);
	fwrite(line->bytes, 1, line->length, line->out);
	line->length = 0;
	line->columns = 0;
}

void ct_line_put_remark(struct ct_line *line, const char *label, const char *text)
{
	ct_line_style(line, CT_STYLE_LOSS);
	ct_line_add(line, label);
	ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
	ct_line_add(line, text);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}

/* A number stays with its unit. */
static size_t word_length(const char *text)
{
	size_t length = strcspn(text, " ");
	bool number = length && isdigit((unsigned char)text[length - 1]) && text[length] == ' ';
	return number ? length + 1 + strcspn(text + length + 1, " ") : length;
}

void ct_line_put_wrapped(struct ct_line *line, const char *text, int indent)
{
	while (*text) {
		size_t length = word_length(text);
		char *word = strndup(text, length);
		if (!word) {
			line->failed = true;
			break;
		}
		if (line->columns > indent && ct_line_width(line->terminal, word) + 1 > ct_line_left(line)) {
			ct_line_end(line);
			ct_line_add_blanks(line, indent);
		} else if (line->columns > indent) {
			ct_line_add(line, " ");
		}
		ct_line_add(line, word);
		free(word);
		text += length;
		text += strspn(text, " ");
	}
	ct_line_end(line);
}

/* SPDX-License-Identifier: MIT */
/*
 * Where stacks end: the mapping of /proc/self/maps that holds a stack pointer. Looked up once for each
 * stack that a thread runs on (its own, a signal stack, coroutines) and kept, latest first.
 */
#include <string.h>

#include "cold/cold.h"
#include "cold/sys.h"

#define READ_BYTES 4096u

static bool contains(const struct ct_stack_bounds *bounds, uintptr_t sp)
{
	return sp >= bounds->low && sp < bounds->high;
}

static void move_to_front(struct ct_thread *thread, struct ct_stack_bounds bounds, uint32_t from)
{
	memmove(&thread->bounds[1], &thread->bounds[0], from * sizeof(bounds));
	thread->bounds[0] = bounds;
}

/* One line is "low-high perms ...": feed it byte by byte. */
struct maps_parser {
	struct ct_stack_bounds bounds;
	enum { IN_LOW, IN_HIGH, IN_REST } state;
};

/* True when the line's two addresses are complete. */
static bool parse_byte(struct maps_parser *parser, char byte)
{
	uintptr_t *number = parser->state == IN_LOW ? &parser->bounds.low : &parser->bounds.high;
	if (byte == '\n') {
		memset(parser, 0, sizeof(*parser));
	} else if (parser->state == IN_REST) {
		return false;
	} else if (byte >= '0' && byte <= '9') {
		*number = *number << 4 | (uintptr_t)(byte - '0');
	} else if (byte >= 'a' && byte <= 'f') {
		*number = *number << 4 | (uintptr_t)(byte - 'a' + 10);
	} else {
		parser->state++;
		return parser->state == IN_REST;
	}
	return false;
}

static bool find_mapping(uintptr_t address, struct ct_stack_bounds *bounds)
{
	char buffer[READ_BYTES];
	struct maps_parser parser;
	memset(&parser, 0, sizeof(parser));
	int fd = ct_sys_open("/proc/self/maps", O_RDONLY, 0);
	if (fd < 0)
		return false;
	bool found = false;
	long got;
	while (!found && (got = ct_sys_read(fd, buffer, sizeof(buffer))) > 0) {
		for (long i = 0; i < got && !found; i++)
			found = parse_byte(&parser, buffer[i]) && contains(&parser.bounds, address);
	}
	ct_sys_close(fd);
	*bounds = parser.bounds;
	return found;
}

bool ct_stack_find_bounds(struct ct_thread *thread, uintptr_t sp)
{
	for (uint32_t i = 1; i < CT_BOUNDS_KEPT; i++)
		if (contains(&thread->bounds[i], sp)) {
			move_to_front(thread, thread->bounds[i], i);
			return true;
		}
	struct ct_stack_bounds found;
	if (!find_mapping(sp, &found))
		return false;
	/* A stack that has grown replaces what was known of it. */
	uint32_t slot = 0;
	while (slot < CT_BOUNDS_KEPT - 1 && thread->bounds[slot].high != found.high)
		slot++;
	move_to_front(thread, found, slot);
	return true;
}

/* SPDX-License-Identifier: MIT */
/* Represents a test suite: parses a list of numbers. With -DREGRESSION the parser copies its input first. */
#include <stdlib.h>
#include <string.h>

static char input[64 * 1024];

static size_t parse(const char *text)
{
	size_t numbers = 0;
#ifdef REGRESSION
	char *copy = strdup(text);
#else
	const char *copy = text;
#endif
	for (const char *p = copy; *p; p++)
		numbers += *p == ',';
#ifdef REGRESSION
	free(copy);
#endif
	return numbers;
}

int main(void)
{
	char *line = malloc(1000);
	memset(input, ',', sizeof(input) - 1);
	size_t numbers = parse(input);
	free(line);
	return numbers != sizeof(input) - 1;
}

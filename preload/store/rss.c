/* SPDX-License-Identifier: MIT */
#include "store/rss.h"

#include "sys/page.h"
#include "sys/sys.h"

/* /proc/self/statm begins with two numbers: all pages of the process, and the resident ones. */
uint64_t ct_rss_bytes(void)
{
	char line[128];
	int fd = ct_sys_open("/proc/self/statm", O_RDONLY, 0);
	if (fd < 0)
		return 0;
	long length = ct_sys_read(fd, line, sizeof(line) - 1);
	ct_sys_close(fd);
	if (length <= 0)
		return 0;
	line[length] = '\0';
	const char *at = line;
	while (*at && *at != ' ')
		at++;
	uint64_t pages = 0;
	for (at += *at == ' '; *at >= '0' && *at <= '9'; at++)
		pages = 10 * pages + (uint64_t)(*at - '0');
	return pages * ct_page_bytes;
}

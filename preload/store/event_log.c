/* SPDX-License-Identifier: MIT */
/* The file is an array of struct ct_event, in the order of folding. */
#include "store/event_log.h"
#include "sys/sys.h"
#include "sys/text.h"

#define BUFFERED 512u

static struct ct_text path;
static struct ct_event buffer[BUFFERED];
static uint32_t count;

static void append(int flags)
{
	int fd = ct_sys_open(path.bytes, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	if (fd >= 0) {
		ct_sys_write(fd, buffer, count * sizeof(*buffer));
		ct_sys_close(fd);
	}
	count = 0; /* if the file is gone, the events are lost, since the buffer has no more room */
}

void ct_event_log_open(const char *output)
{
	ct_text_clear(&path);
	ct_text_add(&path, output);
	ct_text_add(&path, ".events");
	/* Never write to a file that another user has put there. */
	ct_sys_unlink(path.bytes);
	append(O_CREAT | O_EXCL);
}

void ct_event_log_add(const struct ct_event *event)
{
	buffer[count++] = *event;
	if (count == BUFFERED)
		append(0);
}

void ct_event_log_flush(void)
{
	append(0);
}

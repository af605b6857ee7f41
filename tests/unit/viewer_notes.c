/* SPDX-License-Identifier: MIT */
/* The lines of silent processes, and the names of second reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ctrace/report_name.h"
#include "record/notes.h"

static char printed[64 << 10];

/* Print the notes, and read their lines back into printed. */
static void print(struct ct_notes *notes)
{
	char name[] = "/tmp/ctrace-notes-XXXXXX";
	int saved = dup(2), fd = mkstemp(name);
	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, 2);
	ct_notes_print(notes);
	dup2(saved, 2);
	ssize_t got = pread(fd, printed, sizeof(printed) - 1, 0);
	assert_true(got >= 0);
	printed[got] = '\0';
	close(fd);
	close(saved);
	unlink(name);
}

static void append(const struct ct_notes *notes, const char *bytes)
{
	int fd = open(notes->path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	close(fd);
}

static void test_one_line_for_each_process(void **state)
{
	struct ct_notes notes = {.count = 0};
	(void)state;
	ct_notes_make(&notes, "/tmp", "unit-test");
	assert_true(*notes.path);
	ct_notes_add(&notes, 100, "a", 5, strdup("total 5 B"));
	ct_notes_add(&notes, 30, "z", 1000, strdup("total 1000 B"));
	ct_notes_append(notes.path, 9, "b", "recording stopped: x");
	ct_notes_append(notes.path, 100, "a", "total 1 B");
	ct_notes_append(notes.path, 9, "b", "total 2 B");
	ct_notes_append(notes.path, 20, "a", "total 3 \033 B");
	append(&notes, "no number\tc\ttext\n7 no tab\n8\tonly one\n\n9\tb\t\tno formats\n");
	append(&notes, "9\tb\t\t/a b.store\tpprof,dhat\n9\tb\t\t/c.store\t\n");
	int other = open(notes.path, O_RDONLY);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), -1); /* we are still there */
	ct_notes_read(&notes);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), 0);
	close(other);
	print(&notes);
	assert_string_equal(printed, "ctrace:   z 30: total 1000 B\n"
				     "ctrace:   a 100: total 5 B; total 1 B\n"
				     "ctrace:   a 20: total 3 \xef\xbf\xbd B\n"
				     "ctrace:   b 9: recording stopped: x; total 2 B\n");
	assert_int_equal(notes.left_count, 2);
	assert_string_equal(notes.left[0].store, "/a b.store");
	assert_string_equal(notes.left[0].formats, "pprof,dhat");
	assert_string_equal(notes.left[1].formats, "");
	ct_notes_fini(&notes);
}

static void test_bounded_what_lacks_something_first(void **state)
{
	struct ct_notes notes = {.count = 0};
	(void)state;
	for (uint32_t pid = 1; pid <= 500; pid++)
		ct_notes_add(&notes, pid, "p", 500 - pid, strdup(pid == 400 ? "INCOMPLETE: x" : "total 1 B"));
	print(&notes);
	size_t lines = 0;
	for (const char *at = printed; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, CT_NOTES_SHOWN + 1);
	assert_non_null(strstr(printed, "ctrace:   p 1: total 1 B\n"));
	assert_non_null(strstr(printed, "ctrace:   p 400: INCOMPLETE: x\nctrace:   and 480 more\n"));
	ct_notes_fini(&notes);
}

static void test_no_notes(void **state)
{
	struct ct_notes notes = {.count = 0};
	(void)state;
	ct_notes_make(&notes, "/no/such/folder", "unit-test");
	assert_string_equal(notes.path, "");
	ct_notes_read(&notes);
	print(&notes);
	assert_string_equal(printed, "");
	ct_notes_fini(&notes);
}

static void test_stem(void **state)
{
	static const struct {
		const char *path, *stem;
	} names[] = {
		{"/a/b.json", "/a/b"},
		{"/a/b.12.json", "/a/b.12"},
		{"/a/heap.pb.gz", "/a/heap"},
		{"/a/b.gz", "/a/b"},
		{"/a/b", "/a/b"},
		{"/a.json/b", "/a.json/b"},
		{"/a/.json", "/a/.json"},
		{"/a/b.12", "/a/b.12"},
		{"/a/b.", "/a/b."},
		{".json", ".json"},
		{"b.json", "b"},
		{"", ""},
		{"/a/app-1.2.0", "/a/app-1.2.0"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char stem[32];
		snprintf(stem, sizeof(stem), "%.*s", (int)ct_report_stem(names[i].path), names[i].path);
		assert_string_equal(stem, names[i].stem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_line_for_each_process),
		cmocka_unit_test(test_bounded_what_lacks_something_first),
		cmocka_unit_test(test_no_notes),
		cmocka_unit_test(test_stem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Report files: whole or not at all, in the right place, never over the wrong file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/export.h"
#include "store_builder.h"
#include "write/file.h"

static char folder[] = "/tmp/ctrace-unit-write-XXXXXX";
static char name[3][128];

static const char *in_folder(int i, const char *base)
{
	snprintf(name[i], sizeof(name[i]), "%s/%s", folder, base);
	return name[i];
}

static int count_files(void)
{
	DIR *dir = opendir(folder);
	int count = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(const char *path, const char *text)
{
	char content[256] = "";
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(content, text);
}

static void test_appears_when_it_is_whole(void **state)
{
	(void)state;
	struct ct_out_file file;
	struct ct_error_text error;
	struct stat status;
	const char *path = in_folder(0, "report");
	put_file(path, "old");
	mode_t mask = umask(027);
	assert_int_equal(ct_out_open(path, &file, &error), CT_OK);
	umask(mask);
	fputs("new", file.stream);
	fflush(file.stream);
	assert_content(path, "old");
	assert_int_equal(ct_out_close(&file, CT_OK, &error), CT_OK);
	assert_content(path, "new");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	assert_int_equal(count_files(), 1);

	assert_int_equal(ct_out_open(path, &file, &error), CT_OK);
	fputs("half", file.stream);
	assert_int_equal(ct_out_close(&file, CT_ERR_DAMAGED, &error), CT_ERR_DAMAGED);
	assert_content(path, "new");
	assert_int_equal(count_files(), 1);
	unlink(path);
}

/* A file size limit simulates a full disk: the write fails in the middle. */
static void test_no_room(void **state)
{
	(void)state;
	struct ct_out_file file;
	struct ct_error_text error;
	struct rlimit old, small = {4096, RLIM_INFINITY};
	const char *path = in_folder(0, "report");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(ct_out_open(path, &file, &error), CT_OK);
	for (int i = 0; i < 10000; i++)
		fputs("many bytes ", file.stream);
	int code = ct_out_close(&file, CT_OK, &error); /* although the result of fputs was ignored */
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(code, CT_ERR_IO);
	assert_non_null(strstr(error.line, path));
	assert_null(strchr(error.line, '\n'));
	assert_int_equal(count_files(), 0);
}

static void test_devices_and_links(void **state)
{
	(void)state;
	struct ct_out_file file;
	struct ct_error_text error;
	struct stat status;
	assert_int_equal(ct_out_open("/dev/full", &file, &error), CT_OK);
	fputs("text", file.stream);
	assert_int_equal(ct_out_close(&file, CT_OK, &error), CT_ERR_IO);
	assert_int_equal(stat("/dev/full", &status), 0);
	assert_true(S_ISCHR(status.st_mode));

	/* A planted link is replaced, and its target stays. */
	const char *victim = in_folder(0, "victim"), *report = in_folder(1, "report");
	put_file(victim, "precious");
	assert_int_equal(symlink(victim, report), 0);
	assert_int_equal(ct_out_open(report, &file, &error), CT_OK);
	fputs("new", file.stream);
	assert_int_equal(ct_out_close(&file, CT_OK, &error), CT_OK);
	assert_content(victim, "precious");
	assert_content(report, "new");
	unlink(victim);
	unlink(report);

	assert_true(ct_out_open(in_folder(0, "no/such/folder"), &file, &error) < 0);
	assert_true(ct_out_close(&file, CT_ERR_IO, &error) < 0);
	assert_non_null(strstr(error.line, "no/such/folder"));
}

/* A store that has a report's path in its header. */
static void write_store(const char *path, const char *output)
{
	struct store_builder *builder = store_builder_new();
	struct ct_section *strings = &builder->header.sections[CT_SECTION_STRINGS];
	builder->header.output = (struct ct_span){(uint32_t)strings->used, (uint32_t)strlen(output)};
	memcpy(builder->strings + strings->used, output, strlen(output));
	strings->used += strlen(output);
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 100, 0);
	store_builder_write(builder, path);
	free(builder);
}

static int export_in_place(const char *store, bool remove_store)
{
	struct ct_error_text error;
	struct ct_input input;
	const struct ct_export job = {
		.input = &input, .format = &ct_formats[0], .remove_store = remove_store, .quiet = true};
	int code = ct_input_open(store, &input, &error);
	if (!code)
		code = ct_export_run(&job, &error);
	ct_input_close(&input);
	return code;
}

static void test_where_the_report_goes(void **state)
{
	(void)state;
	const char *report = in_folder(0, "a.json"), *store = in_folder(1, "a.json.store");
	write_store(store, report);
	assert_int_equal(export_in_place(store, false), CT_OK);
	assert_int_equal(access(report, F_OK), 0);
	assert_int_equal(count_files(), 2);
	unlink(report);
	unlink(store);

	/* A store from elsewhere names a file that it must not touch. */
	const char *victim = in_folder(0, "victim");
	put_file(victim, "precious");
	write_store(store, victim);
	assert_int_equal(export_in_place(store, true), CT_OK);
	assert_content(victim, "precious");
	assert_int_equal(access(in_folder(2, "a.json"), F_OK), 0);
	assert_int_equal(access(store, F_OK), -1); /* removed */
	unlink(name[2]);
	unlink(victim);
	assert_int_equal(count_files(), 0);
}

static void test_a_bad_store_stays(void **state)
{
	(void)state;
	const char *store = in_folder(1, "a.json.store");
	write_store(store, "/nowhere/a.json");
	assert_int_equal(truncate(store, 100000), 0);
	assert_int_equal(export_in_place(store, true), CT_ERR_DAMAGED);
	assert_int_equal(count_files(), 1);
	unlink(store);
}

static int make_folder(void **state)
{
	(void)state;
	return !mkdtemp(folder);
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appears_when_it_is_whole), cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_devices_and_links),        cmocka_unit_test(test_where_the_report_goes),
		cmocka_unit_test(test_a_bad_store_stays),
	};
	return cmocka_run_group_tests_name("viewer_write", tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: MIT */
/* Names that are kept between runs: what is used again, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/cache.h"
#include "symbol/cache_folder.h"

#define FRAMES 4
#define READER "test"

static const uint8_t build_id[20] = {1, 2, 3};
static char folder[] = "/tmp/ctrace-cache-XXXXXX";
static char object[64], debug[64]; /* what the names depend on */

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *kept_path(void)
{
	static char path[512];
	DIR *directory = opendir(folder);
	struct dirent *entry;
	*path = '\0';
	assert_non_null(directory);
	while ((entry = readdir(directory)))
		if (strchr(entry->d_name, '-'))
			snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
	closedir(directory);
	return path;
}

static struct ct_cache *open_cache(void)
{
	return ct_cache_open(build_id, sizeof(build_id), object, READER);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	setenv("CTRACE_CACHE", folder, 1);
	snprintf(object, sizeof(object), "%s/object", folder);
	snprintf(debug, sizeof(debug), "%s/debug", folder);
	write_file(object, "object");
	struct ct_cache *cache = open_cache();
	assert_non_null(cache);
	assert_false(ct_cache_is_valid(cache));
	ct_cache_depend(cache, object);
	ct_cache_depend(cache, debug);
	ct_cache_add(cache, 0x300, &(struct ct_symbol_frame){.function = "outer", .file = "/a.c", .line = 3}, 1);
	struct ct_symbol_frame two[] = {{"inner", "/a.h", 7}, {"outer", "/a.c", 4}};
	ct_cache_add(cache, 0x100, two, 2);
	ct_cache_add(cache, 0x200, NULL, 0);
	ct_cache_close(cache, true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(kept_path());
	unlink(object);
	unlink(debug);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static bool is_kept(void)
{
	struct ct_cache *cache = open_cache();
	assert_non_null(cache);
	bool valid = ct_cache_is_valid(cache);
	ct_cache_close(cache, true);
	return valid;
}

static void test_frames_come_back(void **state)
{
	struct ct_symbol_frame frames[FRAMES];
	size_t count;
	(void)state;
	struct ct_cache *cache = open_cache();
	assert_true(ct_cache_is_valid(cache));
	assert_true(ct_cache_find(cache, 0x100, frames, FRAMES, &count));
	assert_int_equal(count, 2);
	assert_string_equal(frames[0].function, "inner");
	assert_string_equal(frames[0].file, "/a.h");
	assert_int_equal(frames[0].line, 7);
	assert_string_equal(frames[1].function, "outer");
	assert_int_equal(frames[1].line, 4);
	assert_true(ct_cache_find(cache, 0x200, frames, FRAMES, &count));
	assert_int_equal(count, 0);
	assert_false(ct_cache_find(cache, 0x101, frames, FRAMES, &count));
	assert_false(ct_cache_find(cache, 0, frames, FRAMES, &count));
	assert_true(ct_cache_find(cache, 0x100, frames, 1, &count));
	assert_int_equal(count, 1);
	ct_cache_close(cache, true);
}

/* A second run adds its names to those of the first. */
static void test_names_are_added(void **state)
{
	struct ct_symbol_frame frames[FRAMES];
	size_t count;
	(void)state;
	struct ct_cache *cache = open_cache();
	ct_cache_add(cache, 0x180, &(struct ct_symbol_frame){.function = "late"}, 1);
	ct_cache_close(cache, true);
	cache = open_cache();
	assert_true(ct_cache_find(cache, 0x180, frames, FRAMES, &count));
	assert_string_equal(frames[0].function, "late");
	assert_null(frames[0].file);
	assert_true(ct_cache_find(cache, 0x300, frames, FRAMES, &count));
	assert_string_equal(frames[0].function, "outer");
	ct_cache_close(cache, true);
}

static void test_changed_files(void **state)
{
	(void)state;
	assert_true(is_kept());
	write_file(debug, "installed later");
	assert_false(is_kept());
	assert_int_equal(unlink(debug), 0);
	assert_true(is_kept());
	write_file(object, "objecT"); /* of the same size */
	assert_false(is_kept());
}

static void test_another_reader_or_object(void **state)
{
	uint8_t other[sizeof(build_id)] = {9};
	struct ct_cache *caches[] = {
		ct_cache_open(build_id, sizeof(build_id), object, "newer"),
		ct_cache_open(other, sizeof(other), object, READER),
		ct_cache_open(build_id, sizeof(build_id), debug, READER),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		assert_false(ct_cache_is_valid(caches[i]));
		ct_cache_close(caches[i], true);
	}
}

/* Whatever byte is wrong, and wherever the file ends, it is the same as no file. */
static void test_damage(void **state)
{
	static char whole[4096];
	(void)state;
	const char *path = kept_path();
	int fd = open(path, O_RDWR);
	ssize_t bytes = read(fd, whole, sizeof(whole));
	assert_in_range(bytes, 100, sizeof(whole) - 1);
	for (ssize_t i = 0; i < bytes; i++) {
		char wrong = (char)(whole[i] ^ 0x55);
		assert_int_equal(pwrite(fd, &wrong, 1, i), 1);
		assert_false(is_kept());
		assert_int_equal(pwrite(fd, whole + i, 1, i), 1);
	}
	assert_true(is_kept());
	for (ssize_t i = bytes - 1; i > 0; i--) {
		assert_int_equal(ftruncate(fd, i), 0);
		assert_false(is_kept());
	}
	close(fd);
}

/* Others could have written what is in such a folder, or behind such a link. */
static void test_folders_of_others(void **state)
{
	char moved[128];
	(void)state;
	assert_int_equal(chmod(folder, 0777), 0);
	assert_null(open_cache());
	assert_int_equal(chmod(folder, 0700), 0);
	assert_true(is_kept());
	char *path = kept_path();
	snprintf(moved, sizeof(moved), "%s/moved", folder);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	assert_false(is_kept());
	assert_int_equal(unlink(moved), 0);
}

static void test_no_folder(void **state)
{
	static const char *const none[] = {"off", "/nowhere/at/all", "relative"};
	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		setenv("CTRACE_CACHE", none[i], 1);
		assert_null(open_cache());
	}
	setenv("CTRACE_CACHE", folder, 1);
}

/* The files that were not written for longest make room for a new one. */
static void test_folder_is_bounded(void **state)
{
	char path[128];
	struct stat status;
	size_t left = 0;
	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		write_file(path, "");
		assert_int_equal(truncate(path, CT_CACHE_FOLDER_MAX / 8), 0);
		struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	ct_cache_folder_write("new", "content", 7);
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		bool is_left = stat(path, &status) == 0;
		assert_true(is_left || left == 0); /* only the oldest are gone */
		left += is_left;
		unlink(path);
	}
	assert_in_range(left, 4, 6);
	snprintf(path, sizeof(path), "%s/new", folder);
	assert_int_equal(unlink(path), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames_come_back), TEST(test_names_are_added),
		TEST(test_changed_files),    TEST(test_another_reader_or_object),
		TEST(test_damage),           TEST(test_folders_of_others),
		TEST(test_no_folder),        TEST(test_folder_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

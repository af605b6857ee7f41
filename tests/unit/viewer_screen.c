/* SPDX-License-Identifier: MIT */
/* The screen of the interactive view without a terminal: keys in, lines out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/screen.h"

static uint32_t frame(struct ct_profile *profile, const char *name)
{
	uint32_t id = (uint32_t)ct_profile_string(profile, name, strlen(name));
	return (uint32_t)ct_profile_frame(profile, &(struct ct_frame){.text = id, .function = id});
}

/* main -> read -> (parse 100, scan 30), main -> write 50 */
static void add_sites(struct ct_profile *profile, uint64_t scan_bytes)
{
	uint32_t main_ = frame(profile, "main"), read = frame(profile, "read_all"), write = frame(profile, "write");
	uint32_t stacks[3][3] = {
		{frame(profile, "parse"), read, main_}, {frame(profile, "scan"), read, main_}, {write, main_}};
	const uint64_t bytes[] = {100, scan_bytes, 50};
	const uint32_t counts[] = {3, 3, 2};
	for (int i = 0; i < 3; i++) {
		struct ct_counters counters = {
			.total_bytes = bytes[i], .total_blocks = 1, .end_bytes = bytes[i], .end_blocks = 1};
		assert_int_equal(ct_profile_site(profile, stacks[i], counts[i], &counters, false), 0);
	}
}

static struct ct_profile *profile_new(void)
{
	struct ct_profile *profile = ct_profile_new();
	profile->has_lifetimes = true;
	profile->pid = 7;
	add_sites(profile, 30);
	return profile;
}

static struct ct_screen screen_of(const struct ct_profile *profile, enum ct_rows_kind kind)
{
	struct ct_screen screen = {.terminal = {.columns = 120}, .height = 30, .exact = true, .rows = {.kind = kind}};
	assert_int_equal(ct_screen_show(&screen, profile), 0);
	return screen;
}

static void press(struct ct_screen *screen, const char *keys)
{
	for (; *keys; keys++)
		assert_int_equal(ct_screen_key(screen, *keys), CT_ACTION_NONE);
}

static bool shows(struct ct_screen *screen, const char *part)
{
	char *text = ct_screen_text(screen);
	bool found = strstr(text, part);
	free(text);
	return found;
}

static uint64_t bytes_of(const struct ct_screen *screen, size_t row)
{
	assert_true(row < screen->rows.count);
	return screen->rows.rows[row].counters.total_bytes;
}

static void test_sorts(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	assert_int_equal(bytes_of(&screen, 0), 100);
	assert_int_equal(bytes_of(&screen, 2), 30);
	press(&screen, "r");
	assert_int_equal(bytes_of(&screen, 0), 30);
	for (int i = 0; i < CT_COLUMN_COUNT; i++) {
		press(&screen, ">");
		assert_true(ct_column_exists(profile, screen.rows.sort));
		assert_false(ct_column_on_demand(screen.rows.sort));
	}
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

/* Rows of sites begin at own code and fold by it; the key a shows each stack from its leaf on. */
static void test_own_code(void **state)
{
	struct ct_profile *profile = profile_new();
	const struct ct_counters counters = {.total_bytes = 500, .total_blocks = 1, .end_bytes = 500, .end_blocks = 1};
	uint32_t stack[] = {frame(profile, "operator new"),
			    frame(profile, "std::string::_M_create"),
			    frame(profile, "std::string::append"),
			    frame(profile, "scan"),
			    frame(profile, "read_all"),
			    frame(profile, "main")};
	(void)state;
	assert_int_equal(ct_profile_site(profile, stack, 6, &counters, false), 0);
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	assert_int_equal(screen.rows.count, 3);
	assert_int_equal(bytes_of(&screen, 0), 530);
	assert_int_equal(screen.rows.rows[0].id, 1);
	assert_true(shows(&screen, "scan (string::append, ~) < read_all"));
	assert_true(shows(&screen, "stack, the largest of 2, 6 frames -"));
	screen.height = 13; /* if the stack does not fit, it begins with the function that the own code called */
	assert_true(shows(&screen, "stack, the largest of 2, 6 frames, 2 above"));
	assert_true(shows(&screen, "    by std::string::append\n    by scan\n    2 more; Enter"));
	ct_screen_key(&screen, CT_KEY_ENTER);
	assert_true(shows(&screen, "    at operator new\n"));
	ct_screen_key(&screen, CT_KEY_ESCAPE);
	screen.height = 30;
	press(&screen, "a");
	assert_int_equal(screen.rows.count, 4);
	assert_int_equal(bytes_of(&screen, 0), 500);
	assert_true(shows(&screen, "std::string::append < scan"));
	press(&screen, "a");
	assert_int_equal(screen.rows.count, 3);
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

static void test_opens_tree(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_CALLEES);
	(void)state;
	assert_int_equal(screen.rows.count, 1);
	assert_int_equal(bytes_of(&screen, 0), 180);
	press(&screen, "+");
	assert_int_equal(screen.rows.count, 3);
	assert_int_equal(bytes_of(&screen, 1), 130); /* read_all */
	ct_screen_key(&screen, CT_KEY_DOWN);
	press(&screen, "+");
	assert_int_equal(screen.rows.count, 5);
	assert_true(shows(&screen, "- read_all"));
	ct_screen_key(&screen, CT_KEY_END);
	assert_int_equal(screen.selected, 4);
	ct_screen_key(&screen, CT_KEY_LEFT); /* go to the parent, then close it */
	assert_int_equal(screen.selected, 0);
	ct_screen_key(&screen, CT_KEY_LEFT);
	assert_int_equal(screen.rows.count, 1);
	press(&screen, "t"); /* callers: each leaf has one chain of them */
	assert_int_equal(screen.rows.count, 3);
	assert_true(shows(&screen, "parse < read_all < main"));
	press(&screen, "t");
	assert_int_equal(screen.rows.kind, CT_ROWS_MODULES);
	press(&screen, "t"); /* the profile has no threads */
	assert_int_equal(screen.rows.kind, CT_ROWS_LEAKS);
	press(&screen, "t");
	assert_int_equal(screen.rows.kind, CT_ROWS_SITES);
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

static void test_filters_and_searches(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	press(&screen, "fREAD\n");
	assert_int_equal(screen.rows.count, 0); /* a capital makes it case-sensitive */
	assert_true(shows(&screen, "no site matches"));
	ct_screen_key(&screen, CT_KEY_ESCAPE);
	press(&screen, "fread|scan\n");
	assert_int_equal(screen.rows.count, 2);
	assert_true(shows(&screen, "2 of 3 sites"));
	ct_screen_key(&screen, CT_KEY_ESCAPE);
	assert_int_equal(screen.rows.count, 3);
	press(&screen, "/wri\n");
	assert_int_equal(bytes_of(&screen, screen.selected), 50);
	press(&screen, "/nobody(\n");
	assert_int_equal(bytes_of(&screen, screen.selected), 50);
	assert_true(shows(&screen, "not found: nobody("));
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

/* When numbers change, the selection stays with its row; if it is at the top, it stays at the top. */
static void test_follows(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	ct_screen_key(&screen, CT_KEY_END);
	assert_int_equal(bytes_of(&screen, screen.selected), 30);
	ct_profile_clear_counters(profile);
	add_sites(profile, 3000);
	assert_int_equal(ct_screen_show(&screen, profile), 0);
	assert_int_equal(screen.selected, 0);
	assert_int_equal(bytes_of(&screen, 0), 3000);
	ct_profile_clear_counters(profile);
	add_sites(profile, 1);
	assert_int_equal(ct_screen_show(&screen, profile), 0);
	assert_int_equal(screen.selected, 0);
	assert_int_equal(bytes_of(&screen, 0), 100);
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

/* No window size breaks the text, and with 40 or more columns no line is wider than the window. */
static void test_sizes(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	for (int kind = 0; kind < CT_ROWS_KINDS; kind++, press(&screen, "t")) {
		for (screen.height = 1; screen.height < 40; screen.height += 3) {
			for (screen.terminal.columns = 1; screen.terminal.columns < 200;
			     screen.terminal.columns += 13) {
				char *text = ct_screen_text(&screen), *rest = NULL;
				assert_non_null(text);
				for (char *line = strtok_r(text, "\n", &rest); line && screen.terminal.columns >= 40;
				     line = strtok_r(NULL, "\n", &rest))
					assert_true(ct_line_width(&screen.terminal, line) <= screen.terminal.columns);
				free(text);
			}
		}
	}
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

static void test_empty(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	for (int i = 0; i < CT_ROWS_KINDS; i++) {
		assert_true(shows(&screen, screen.rows.kind == CT_ROWS_LEAKS ? "no leak candidate"
									     : "no allocation was recorded"));
		press(&screen, "\n+-/x\nnNfy\nrt");
		ct_screen_key(&screen, CT_KEY_ESCAPE);
	}
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

static void test_clicks(void **state)
{
	struct ct_profile *profile = profile_new();
	struct ct_screen screen = screen_of(profile, CT_ROWS_SITES);
	(void)state;
	free(ct_screen_text(&screen));
	int first = screen.selected_line;
	assert_true(first > 0);
	ct_screen_key(&screen, CT_KEY_CLICK + first + 2);
	assert_int_equal(screen.selected, 2);
	free(ct_screen_text(&screen));
	assert_int_equal(screen.selected_line, first + 2);
	static const int outside[] = {0, -1, 3, 25, 10000};
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		ct_screen_key(&screen, CT_KEY_CLICK + (outside[i] < 0 || outside[i] == 3 ? first : 0) + outside[i]);
	assert_int_equal(screen.selected, 2);
	assert_false(screen.stack_open);
	ct_screen_key(&screen, CT_KEY_CLICK + first + 2);
	assert_true(screen.stack_open);
	ct_screen_key(&screen, CT_KEY_CLICK + first); /* not a row now */
	assert_int_equal(screen.selected, 2);
	ct_screen_key(&screen, CT_KEY_ESCAPE);
	ct_screen_key(&screen, '/');
	ct_screen_key(&screen, CT_KEY_CLICK + first);
	assert_string_equal(screen.input, "");
	ct_screen_fini(&screen);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorts),   cmocka_unit_test(test_own_code),
		cmocka_unit_test(test_clicks),  cmocka_unit_test(test_opens_tree),
		cmocka_unit_test(test_follows), cmocka_unit_test(test_filters_and_searches),
		cmocka_unit_test(test_sizes),   cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests_name("viewer_screen", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Parts of the ledger without a process: runs of pages, the rest that is unexplained, and the words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/peer.h"
#include "model/ledger.h"

/* Resident and swapped bytes of ranges whose starts only grow, across runs, in gaps and at edges. */
static void test_runs(void **state)
{
	struct ct_page_run rows[] = {{0x1000, 0x3000, true}, {0x3000, 0x4000, false}, {0x6000, 0x8000, true}};
	const struct ct_page_runs runs = {.rows = rows, .count = 3};
	static const struct {
		uint64_t start, end, resident, swapped;
	} ranges[] = {
		{0, 0x1000, 0, 0},
		{0x800, 0x1010, 0x10, 0},
		{0x1010, 0x1010, 0, 0},
		{0x2ff0, 0x3010, 0x10, 0x10},
		{0x2ff8, 0x7000, 0x1008, 0x1000},
		{0x4000, 0x6000, 0, 0},
		{0x5000, 0x9000, 0x2000, 0},
		{0x8000, 0x9000, 0, 0},
	};
	size_t at = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint64_t swapped = 0;
		assert_int_equal(ct_runs_resident(&runs, &at, ranges[i].start, ranges[i].end, &swapped),
				 ranges[i].resident);
		assert_int_equal(swapped, ranges[i].swapped);
	}
}

static void write_file(int folder, const char *name, const void *bytes, size_t length, off_t at)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, bytes, length, at), length);
	close(fd);
}

/* Pages of hugetlbfs, which the kernel leaves out of RSS: an allocator's are anonymous, those of MAP_SHARED are shared.
 */
static void test_huge_pages(void **state)
{
	static const char smaps[] = "00200000-00400000 rw-p 00000000 00:11 7     /anon_hugepage (deleted)\n"
				    "Rss:                   0 kB\n"
				    "Shared_Hugetlb:        0 kB\n"
				    "Private_Hugetlb:    2048 kB\n"
				    "00400000-00800000 rw-s 00000000 00:11 8     /anon_hugepage (deleted)\n"
				    "Rss:                   0 kB\n"
				    "Shared_Hugetlb:     4096 kB\n"
				    "00800000-00801000 rw-p 00000000 00:00 0\n"
				    "Rss:                   4 kB\n";
	static const char rollup[] = "Rss: 4 kB\nShared_Hugetlb: 4096 kB\nPrivate_Hugetlb: 2048 kB\n";
	char folder[] = "/tmp/viewer_memory.XXXXXX";
	uint64_t present[513];
	struct ct_error_text error;
	struct ct_peer peer;
	(void)state;
	for (size_t i = 0; i < 513; i++)
		present[i] = UINT64_C(1) << 63 | UINT64_C(1) << 56;
	assert_non_null(mkdtemp(folder));
	struct ct_process process = {1, open(folder, O_PATH | O_DIRECTORY)};
	write_file(process.folder, "smaps", smaps, strlen(smaps), 0);
	write_file(process.folder, "smaps_rollup", rollup, strlen(rollup), 0);
	write_file(process.folder, "pagemap", present, 512 * sizeof(present[0]), 0x200 * sizeof(present[0]));
	write_file(process.folder, "pagemap", present, sizeof(present[0]), 0x800 * sizeof(present[0]));
	assert_int_equal(ct_peer_open(&process, &peer, &error), CT_OK);
	assert_int_equal(peer.rss_bytes, (4 + 4096 + 2048) << 10);
	assert_int_equal(peer.area_count, 3);
	assert_int_equal(peer.areas[0].kind, CT_AREA_ANONYMOUS);
	assert_int_equal(peer.areas[0].resident_bytes, 2048 << 10);
	assert_int_equal(peer.areas[1].kind, CT_AREA_SHARED_MEMORY);
	assert_int_equal(peer.areas[1].resident_bytes, 4096 << 10);
	assert_int_equal(peer.areas[2].resident_bytes, 4 << 10);
	ct_peer_close(&peer);
	unlinkat(process.folder, "smaps", 0);
	unlinkat(process.folder, "smaps_rollup", 0);
	unlinkat(process.folder, "pagemap", 0);
	close(process.folder);
	rmdir(folder);
}

/* Two percent of RSS may be unexplained, in both directions. */
static void test_balance(void **state)
{
	struct ct_ledger ledger = {.rss_bytes = 10000, .bytes = {[CT_LEDGER_LIVE] = 6000, [CT_LEDGER_FILES] = 3800}};
	(void)state;
	for (int off = -1; off <= 1; off += 2) {
		ledger.bytes[CT_LEDGER_FILES] = 4000 + 200 * off;
		ct_ledger_balance(&ledger);
		assert_int_equal(ledger.bytes[CT_LEDGER_UNEXPLAINED], -200 * off);
		assert_true(ct_ledger_is_explained(&ledger));
		ledger.bytes[CT_LEDGER_FILES] += off;
		ct_ledger_balance(&ledger);
		assert_false(ct_ledger_is_explained(&ledger));
	}
}

static void test_words(void **state)
{
	struct ct_ledger ledger = {
		.rss_bytes = 300 << 20,
		.bytes = {[CT_LEDGER_LIVE] = 60 << 20, [CT_LEDGER_FREE] = 180 << 20, [CT_LEDGER_FILES] = 60 << 20},
		.heap_bytes = 240 << 20,
		.pinned_bytes = 170 << 20,
		.whole_bytes = 10 << 20,
		.has_sites = true,
	};
	char text[CT_LEDGER_ROOM];
	(void)state;
	assert_string_equal(ct_ledger_fragmentation(&ledger, text),
			    "holds 240 MiB: 60.0 MiB are live, 170 MiB are free but pinned, "
			    "10.0 MiB are free in whole pages");
	assert_string_equal(ct_ledger_caveat(&ledger, text), "");
	ledger.slack_estimated = ledger.late = true;
	assert_string_equal(ct_ledger_caveat(&ledger, text),
			    "slack is an estimate; the rest of the allocator's own is in the free memory; "
			    "the recording did not begin with the program: older blocks count as free");
	ledger.has_sites = ledger.late = false;
	ledger.bytes[CT_LEDGER_UNEXPLAINED] = 7 << 20;
	assert_string_equal(ct_ledger_caveat(&ledger, text),
			    "live and slack are estimates from a sample; the process changed while it was read");
	assert_string_equal(ct_ledger_fragmentation(&ledger, text), "holds 240 MiB, about 60.0 MiB are live");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_balance),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* tests/unit/data/KERNEL/zoneinfo: the whole file as that kernel wrote it. Run from the top of the
 * tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/sense/pagesets.h"

static uint64_t pages_of(const char *text, size_t len, size_t piece)
{
	struct pagesets_reader reader = {0};

	for (size_t at = 0; at < len; at += piece)
		pagesets_feed(&reader, text + at, len - at < piece ? len - at : piece);
	return reader.pages;
}

static uint64_t pages_in(const char *text)
{
	return pages_of(text, strlen(text), SIZE_MAX);
}

static void test_pagesets_of_all_zones_and_processors_add_up(void **state)
{
	static const struct {
		const char *path;
		uint64_t pages;
	} files[] = {
		{"tests/unit/data/6.1/zoneinfo", 3143},
		{"tests/unit/data/6.12/zoneinfo", 2646},
		{"tests/unit/data/7.x/zoneinfo", 4854},
	};
	static char text[16384];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FCLOSE FILE *file = fopen(files[i].path, "re");
		size_t len;

		assert_non_null(file);
		len = fread(text, 1, sizeof(text), file);
		for (size_t piece = 1; piece <= 4096; piece *= 16)
			assert_int_equal(pages_of(text, len, piece), files[i].pages);
	}
}

static void test_pagesets_pass_over_what_is_no_count(void **state)
{
	(void)state;
	assert_int_equal(pages_in(""), 0);
	assert_int_equal(pages_in("  count: 12\n"), 12);
	assert_int_equal(pages_in("  count: 12"), 0); /* its line goes on */
	assert_int_equal(pages_in("  recount: 12\ncount 3\n  count:\n"), 0);
	assert_int_equal(pages_in("count: 12x\ncount: -1\ncount: 1 2\n"), 0);
	assert_int_equal(pages_in("count: 18446744073709551616\ncount: 7\n"), 7);
	assert_int_equal(pages_in("count: 18446744073709551615\ncount: 7\n"), UINT64_MAX);
}

static void test_pagesets_line_of_any_length_is_one_line(void **state)
{
	char text[400] = "count: 1";

	(void)state;
	memset(text + 8, ' ', 300);
	strcpy(text + 308, "\ncount: 5\n");
	assert_int_equal(pages_in(text), 5);
}

/* Of this machine. */
static void test_pagesets_are_not_read_twice_at_once(void **state)
{
	struct pagesets pagesets;
	uint64_t bytes;

	(void)state;
	pagesets_open(&pagesets);
	if (pagesets.fd < 0)
		skip();
	bytes = pagesets_bytes(&pagesets, 1000000, 50000);
	pagesets.bytes = bytes + 1;
	assert_int_equal(pagesets_bytes(&pagesets, 1049999, 50000), bytes + 1);
	pagesets.bytes = UINT64_MAX;
	assert_true(pagesets_bytes(&pagesets, 1050000, 50000) < UINT64_MAX);
	pagesets_close(&pagesets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pagesets_of_all_zones_and_processors_add_up),
		cmocka_unit_test(test_pagesets_pass_over_what_is_no_count),
		cmocka_unit_test(test_pagesets_line_of_any_length_is_one_line),
		cmocka_unit_test(test_pagesets_are_not_read_twice_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

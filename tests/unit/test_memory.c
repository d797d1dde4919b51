// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwd keeps resident: by the kernel's own count of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <link.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/daemon/daemon.h"
#include "user/daemon/memory.h"
#include "user/policy/lease/lease.h"

static uint64_t status_kib(const char *key)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %llu", &kib);
	fclose(status);
	return kib;
}

static int sum_constants(struct dl_phdr_info *object, size_t size, void *data)
{
	volatile unsigned long *sum = data;

	(void)size;
	for (int i = 0; strchr(object->dlpi_name, '/') && i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const unsigned char *bytes =
			(const unsigned char *)(object->dlpi_addr + segment->p_vaddr);

		for (size_t at = 0; segment->p_type == PT_LOAD && at < segment->p_memsz; at += 4096)
			*sum += bytes[at];
	}
	return 0;
}

static unsigned long sum_of_libraries(void)
{
	unsigned long sum = 0;

	dl_iterate_phdr(sum_constants, &sum);
	return sum;
}

/* As a start does that goes through much of them: only a fraction is needed from then on. */
static void test_libraries_are_let_go_once_they_have_started(void **state)
{
	unsigned long sum = sum_of_libraries();
	uint64_t before_kib = status_kib("RssFile");

	(void)state;
	memory_settle();
	assert_in_range(status_kib("RssFile"), 1, before_kib / 2);
	assert_int_equal(sum_of_libraries(), sum);
	assert_true(sqlite3_complete("SELECT 1;"));
}

/* Of the program itself: its code that is there, and all of it. */
static void read_own_code(uint64_t *ret_rss_kib, uint64_t *ret_kib)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	uintptr_t code = (uintptr_t)read_own_code;
	unsigned long long from, to, kib;
	bool is_it = false;
	char line[512];

	assert_non_null(maps);
	*ret_rss_kib = *ret_kib = 0;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			is_it = code >= from && code < to;
		if (is_it && sscanf(line, "Rss: %llu", &kib) == 1)
			*ret_rss_kib = kib;
		if (is_it && sscanf(line, "Size: %llu", &kib) == 1)
			*ret_kib = kib;
	}
	fclose(maps);
}

static int let_own_code_go(struct dl_phdr_info *object, size_t size, void *data)
{
	(void)size, (void)data;
	for (int i = 0; !*object->dlpi_name && i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t from = (object->dlpi_addr + segment->p_vaddr) & ~4095UL;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
			madvise((void *)from, segment->p_memsz, MADV_DONTNEED);
	}
	return 0;
}

/* So that there is as much of it as uwd has. */
static __typeof__(daemon_open) *volatile linked = daemon_open;

/* As after an exec: what of it is needed to act may not have been needed yet. */
static void test_own_code_is_there_as_a_whole(void **state)
{
	uint64_t rss_kib, kib;

	(void)state;
	assert_non_null(linked);
	dl_iterate_phdr(let_own_code_go, NULL);
	read_own_code(&rss_kib, &kib);
	assert_true(rss_kib < kib);
	memory_settle();
	read_own_code(&rss_kib, &kib);
	assert_true(kib > 0);
	assert_int_equal(rss_kib, kib);
}

static void test_what_was_written_is_kept(void **state)
{
	static char written[] = "written";
	char *block = strdup("block");

	(void)state;
	written[0] = 'W';
	memory_settle();
	assert_string_equal(written, "Written");
	assert_string_equal(block, "block");
	free(block);
}

/* The largest table of all; at rest it holds nothing. */
static void test_ledger_of_leases_takes_no_memory_before_it_is_used(void **state)
{
	struct lease_slot *slots = calloc(1, 4096);
	struct lease_ledger *ledger;
	uint64_t before_kib;

	(void)state;
	memory_begin();
	free(malloc(1 << 20)); /* by which glibc would keep the next ones in its heap */
	before_kib = status_kib("RssAnon");
	ledger = calloc(1, lease_ledger_size());
	assert_non_null(ledger);
	lease_init(ledger, slots);
	assert_in_range(status_kib("RssAnon") - before_kib, 0, lease_ledger_size() / 1024 / 8);
	free(ledger);
	free(slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libraries_are_let_go_once_they_have_started),
		cmocka_unit_test(test_own_code_is_there_as_a_whole),
		cmocka_unit_test(test_what_was_written_is_kept),
		cmocka_unit_test(test_ledger_of_leases_takes_no_memory_before_it_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

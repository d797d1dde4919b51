// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwd keeps resident: by the kernel's own count of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <link.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
		cmocka_unit_test(test_what_was_written_is_kept),
		cmocka_unit_test(test_ledger_of_leases_takes_no_memory_before_it_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* SipHash-2-4 against the vectors of its authors (siphash.c, vectors.h: bytes 0 to 15 as secret).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/hash.h"

static void test_hash_is_that_of_its_authors(void **state)
{
	static const struct {
		size_t count; /* of the bytes 0, 1, 2 ... */
		uint64_t hash;
	} rows[] = {
		{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
	};
	uint8_t bytes[64], secret[HASH_SECRET_LEN];

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (uint8_t i = 0; i < sizeof(secret); i++)
		secret[i] = i;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(hash_keyed(secret, bytes, rows[i].count), rows[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_is_that_of_its_authors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

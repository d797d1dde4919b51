// SPDX-License-Identifier: GPL-2.0-or-later
/* A pool that others may write: its owner minds nothing of it, and readers follow nothing out of
 * it. */
#include "tests/unit/pool_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "user/lib/pool/directory.h"

static struct directory_entry *entry_of(uint8_t *base, uint64_t id)
{
	return (void *)(base + pool_directory_end((uint32_t)id) - sizeof(struct directory_entry));
}

static uint8_t *map(const struct uw_pool *pool, uint64_t *ret_bytes)
{
	struct stat st;
	uint8_t *base;

	assert_int_equal(fstat(uw_pool_fd(pool), &st), 0);
	*ret_bytes = (uint64_t)st.st_size;
	base = mmap(NULL, *ret_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, uw_pool_fd(pool), 0);
	assert_true(base != MAP_FAILED);
	return base;
}

struct hostile {
	struct uw_pool *pool, *reader;
	uint8_t *base;
	uint64_t bytes, id;
	struct directory_entry *entry;
};

static void open_hostile(struct hostile *h)
{
	h->pool = make(4 * MIB, 0);
	h->id = put(h->pool, 30, 40, NULL);
	h->base = map(h->pool, &h->bytes);
	h->entry = entry_of(h->base, h->id);
	assert_int_equal(uw_pool_attach_fd(uw_pool_fd(h->pool), UW_READ_WRITE, &h->reader), 0);
}

static void close_hostile(struct hostile *h)
{
	munmap(h->base, h->bytes);
	uw_pool_close(h->reader);
	uw_pool_close(h->pool);
}

static int ask(const struct hostile *h)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};

	return uw_tensor_get(h->reader, h->id, &tensor);
}

static void test_entries_that_cannot_be_are_refused(void **data)
{
	struct hostile h;
	struct directory_entry good;

	(void)data;
	open_hostile(&h);
	memcpy(&good, h.entry, sizeof(good));
	assert_int_equal(ask(&h), 0);
	const struct {
		size_t at, length;
		uint64_t value;
		int rc;
	} wrong[] = {
		{offsetof(struct directory_entry, type), 2, 3, -EBADMSG},
		{offsetof(struct directory_entry, type), 2, 999, -EBADMSG},
		{offsetof(struct directory_entry, bits), 2, 0, -EBADMSG},
		{offsetof(struct directory_entry, bits), 2, 24, -EBADMSG},
		{offsetof(struct directory_entry, dimensions), 4, 9, -EBADMSG},
		{offsetof(struct directory_entry, dimensions), 4, UINT32_MAX, -EBADMSG},
		{offsetof(struct directory_entry, shape), 8, 1ULL << 62, -EBADMSG},
		{offsetof(struct directory_entry, shape), 8, UINT64_MAX, -EBADMSG},
		{offsetof(struct directory_entry, bytes), 8, 4801, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, 0, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, good.offset + 1, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, h.bytes - 64, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, h.bytes, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, UINT64_MAX - 63, -EBADMSG},
		{offsetof(struct directory_entry, offset), 8, h.bytes - 8192, -ENODATA},
		{offsetof(struct directory_entry, generation), 8, 77, -EBADMSG},
		{offsetof(struct directory_entry, id), 8, 0, UW_STALE},
		{offsetof(struct directory_entry, sequence), 4, 7, -EAGAIN},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy((uint8_t *)h.entry + wrong[i].at, &wrong[i].value, wrong[i].length);
		assert_int_equal(ask(&h), wrong[i].rc);
		memcpy(h.entry, &good, sizeof(good));
	}
	assert_int_equal(ask(&h), 0);
	close_hostile(&h);
}

static void test_heads_that_cannot_be_are_refused(void **data)
{
	static const struct {
		size_t at, length;
		uint64_t value;
		int rc;
	} wrong[] = {
		{offsetof(struct directory_head, magic), 8, 0, -EINVAL},
		{offsetof(struct directory_head, version), 4, 2, -EPROTO},
		{offsetof(struct directory_head, entry_bytes), 4, 64, -EPROTO},
		{offsetof(struct directory_head, bytes), 8, 1ULL << 40, -EBADMSG},
		{offsetof(struct directory_head, from), 8, 64, -EBADMSG},
		{offsetof(struct directory_head, room), 4, UINT32_MAX, -EBADMSG},
		{offsetof(struct directory_head, room), 4, 65536, -EBADMSG},
	};
	struct uw_pool *other = NULL;
	uint8_t good[64];
	struct hostile h;

	(void)data;
	open_hostile(&h);
	memcpy(good, h.base, sizeof(good));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(h.base + wrong[i].at, &wrong[i].value, wrong[i].length);
		assert_int_equal(uw_pool_attach_fd(uw_pool_fd(h.pool), UW_READ_ONLY, &other),
				 wrong[i].rc);
		memcpy(h.base, good, sizeof(good));
	}
	assert_null(other);
	/* One that counts more entries than there are shows none that is not there. */
	((struct directory_head *)(void *)h.base)->count = UINT32_MAX;
	for (uint32_t slot = 1; slot < 5000; slot++) {
		h.id = DIRECTORY_ID | 1ULL << 32 | slot;
		assert_true(ask(&h) == UW_STALE || ask(&h) == -ENODATA);
	}
	close_hostile(&h);
}

/* The owner goes by what it knows itself, whatever stands there. */
static void test_owner_minds_nothing_that_others_wrote(void **data)
{
	struct hostile h;
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	uint64_t id;
	void *memory;

	(void)data;
	open_hostile(&h);
	memset(h.base, 0xa5, 16384);
	assert_int_equal(uw_tensor_get(h.pool, h.id, &tensor), 0);
	assert_int_equal(tensor.bytes, 4800);
	assert_int_equal(tensor.shape[1], 40);
	id = put(h.pool, 5, 5, &memory);
	memset(memory, 0, 100);
	assert_int_equal(uw_pool_free(h.pool, h.id), 0);
	assert_int_equal(uw_pool_free(h.pool, id), 0);
	assert_int_equal(stats_of(h.pool).used_bytes, 0);
	close_hostile(&h);
}

/* ---- while it changes ---- */

static _Atomic bool ends;

static void *scribble(void *data)
{
	const struct hostile *h = data;
	uint64_t state = 88172645463325252ULL;

	while (!ends) {
		uint8_t *at = (uint8_t *)h->entry;

		for (uint32_t i = 0; i < 64; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			at[state % sizeof(*h->entry)] = (uint8_t)(state >> 32);
		}
	}
	return NULL;
}

static void test_what_is_found_while_others_write_lies_within(void **data)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	struct directory_entry good;
	pthread_t thread;
	struct hostile h;

	(void)data;
	open_hostile(&h);
	memcpy(&good, h.entry, sizeof(good));
	ends = false;
	assert_int_equal(pthread_create(&thread, NULL, scribble, &h), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		int rc;

		if (i % 16 == 0)
			memcpy(h.entry, &good, sizeof(good));
		rc = uw_tensor_get(h.reader, h.id, &tensor);
		assert_true(rc == 0 || rc == UW_STALE || rc == -EAGAIN || rc == -EBADMSG ||
			    rc == -ENODATA);
		if (rc)
			continue;
		assert_in_range((uintptr_t)tensor.memory % 4096 % 64, 0, 0);
		assert_true(tensor.bytes <= h.bytes);
	}
	ends = true;
	pthread_join(thread, NULL);
	close_hostile(&h);
}

/* An honest owner that frees and allocates: a reader gets all of a tensor or nothing. */
static void *change(void *data)
{
	struct hostile *h = data;

	while (!ends) {
		struct uw_tensor tensor = matrix(1 + random() % 50, 1 + random() % 50);
		uint64_t id;

		if (uw_tensor_alloc(h->pool, &tensor, 0, &id, NULL))
			return h;
		h->id = id;
		if (uw_pool_free(h->pool, id))
			return h;
	}
	return NULL;
}

static void test_reader_sees_whole_entries_while_the_owner_changes_them(void **data)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};
	uint32_t found = 0;
	pthread_t thread;
	void *failed;
	struct hostile h;

	(void)data;
	open_hostile(&h);
	ends = false;
	assert_int_equal(pthread_create(&thread, NULL, change, &h), 0);
	for (uint32_t i = 0; i < 100000000 && found < 1000; i++) {
		uint64_t id = *(volatile uint64_t *)&h.id;
		int rc = uw_tensor_get(h.reader, id, &tensor);

		assert_true(rc == 0 || rc == UW_STALE || rc == -EAGAIN);
		if (rc)
			continue;
		found++;
		assert_int_equal(tensor.bytes, 4 * tensor.shape[0] * tensor.shape[1]);
		assert_int_equal(tensor.generation & 0x3fffffff, id >> 32 & 0x3fffffff);
	}
	ends = true;
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(found, 1000);
	close_hostile(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_that_cannot_be_are_refused),
		cmocka_unit_test(test_heads_that_cannot_be_are_refused),
		cmocka_unit_test(test_owner_minds_nothing_that_others_wrote),
		cmocka_unit_test(test_what_is_found_while_others_write_lies_within),
		cmocka_unit_test(test_reader_sees_whole_entries_while_the_owner_changes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

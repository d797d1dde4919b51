// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools and rings whose memory a keeper gives, and that others attach to by a name. */
#include "tests/unit/uw_fast.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "user/lib/pools.h"

static struct uw_pool_options options_of(const char *name, uint64_t mib)
{
	return (struct uw_pool_options){.size = sizeof(struct uw_pool_options),
					.component = "trading_data",
					.name = name,
					.bytes = mib * MIB};
}

static struct uw_pool *make(struct uw *uw, const char *name)
{
	const struct uw_pool_options options = options_of(name, 8);
	struct uw_pool *pool = NULL;

	assert_int_equal(uw_pool_create(uw, &options, &pool), 0);
	return pool;
}

static int refused(struct uw *uw, const char *component, const char *name, uint64_t mib)
{
	struct uw_pool_options options = options_of(name, mib);
	struct uw_pool *pool = NULL;
	int rc;

	options.component = component;
	rc = uw_pool_create(uw, &options, &pool);
	assert_null(pool);
	return rc;
}

static uint64_t memory_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void put(struct uw_pool *pool, uint64_t bytes, uint64_t *ret_id, uint8_t **ret_memory)
{
	void *memory = NULL;

	assert_int_equal(uw_pool_alloc(pool, bytes, 0, ret_id, &memory), 0);
	memset(memory, 0x5a, bytes);
	*ret_memory = memory;
}

static uint64_t put_tensor(struct uw_pool *pool, const char *text)
{
	const struct uw_tensor tensor = {
		.size = sizeof(tensor),
		.type = UW_UINT,
		.bits = 8,
		.dimensions = 1,
		.shape = {4096},
	};
	void *memory = NULL;
	uint64_t id = 0;

	assert_int_equal(uw_tensor_alloc(pool, &tensor, 0, &id, &memory), 0);
	memcpy(memory, text, strlen(text) + 1);
	return id;
}

static const char *text_of(struct uw_pool *pool, uint64_t id)
{
	struct uw_tensor tensor = {.size = sizeof(tensor)};

	assert_int_equal(uw_tensor_get(pool, id, &tensor), 0);
	return tensor.memory;
}

/* ---- what a keeper gives ---- */

static void test_pages_come_from_the_keeper_and_go_at_once(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	char path[32], name[32] = "";
	uint64_t id, before = memory_of(uw_pool_fd(pool)), trimmed;
	uint8_t *memory;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", uw_pool_fd(pool));
	assert_true(readlink(path, name, sizeof(name) - 1) > 0);
	assert_string_equal(name, "/memfd:uw-pool (deleted)");
	assert_string_equal(uw_pool_name(pool), "prices");
	assert_int_equal(uw_fixture_say(fixture, LEVEL__COUNT).leases, 1);
	put(pool, 3 * MIB, &id, &memory);
	assert_in_range(memory_of(uw_pool_fd(pool)), before + 3 * MIB, before + 4 * MIB);
	assert_int_equal(uw_pool_free(pool, id), 0);
	assert_int_equal(uw_pool_trim(pool, UINT64_MAX, &trimmed), 0);
	assert_true(trimmed > 0); /* some went before */
	assert_int_equal(memory_of(uw_pool_fd(pool)), before);
	put(pool, 3 * MIB, &id, &memory);
	uw_pool_close(pool);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(uw);
}

static void test_what_cannot_be_made_says_why(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");

	assert_int_equal(refused(uw, "trading_data", "prices", 1), -EEXIST);
	assert_int_equal(refused(uw, "trading_data", "No name", 1), -EINVAL);
	assert_int_equal(refused(uw, "trading_data", "a-name-that-is-longer-than-31-bytes", 1),
			 -EINVAL);
	assert_int_equal(refused(uw, "nowhere", "other", 1), -ENOENT);
	assert_int_equal(refused(uw, "trading_data", "large", 400), -ENOMEM);
	assert_int_equal(refused(uw, NULL, "none", 1), -EINVAL);
	assert_int_equal(uw_fixture_leases(fixture), 1);
	uw_pool_close(pool);
	uw_close(uw);
}

static void test_pools_without_a_name_get_one_each(void **state)
{
	struct uw *uw = uw_fixture_open(*state);
	struct uw_pool *one = make(uw, NULL), *other = make(uw, NULL);
	struct uw_pool_options options = options_of(NULL, 1);
	struct uw_pool *local = NULL;

	assert_string_not_equal(uw_pool_name(one), uw_pool_name(other));
	assert_int_equal(uw_pool_create(NULL, &options, &local), 0);
	assert_null(uw_pool_name(local));
	assert_int_equal(uw_pool_share(local, UW_NOBODY, UW_NOBODY, 0444), -EPERM);
	assert_int_equal(uw_pool_is_orphan(local), 0);
	uw_pool_close(local);
	uw_pool_close(other);
	uw_pool_close(one);
	uw_close(uw);
}

/* ---- others attach ---- */

static void await_orphan(struct uw *uw, struct uw_pool *pool)
{
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};

	for (int i = 0; i < 100 && !uw_pool_is_orphan(pool); i++) {
		poll(&ready, 1, 100);
		uw_dispatch(uw);
	}
	assert_int_equal(uw_pool_is_orphan(pool), 1);
}

static void test_pool_is_read_by_its_name_and_outlives_its_owner(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices"), *reader = NULL;
	uint64_t id = put_tensor(pool, "here");

	assert_int_equal(uw_pool_share(pool, UW_NOBODY, UW_NOBODY, 0444), 0);
	assert_int_equal(uw_pool_share(pool, UW_NOBODY, UW_NOBODY, 0777), -EINVAL);
	assert_int_equal(uw_pool_attach(other, "orders", UW_READ_ONLY, &reader), -ENOENT);
	assert_int_equal(uw_pool_attach(other, "prices", 2, &reader), -EINVAL);
	assert_int_equal(uw_pool_attach(other, NULL, UW_READ_ONLY, &reader), -EINVAL);
	assert_int_equal(uw_pool_attach(other, "prices", UW_READ_ONLY, &reader), 0);
	assert_int_equal(fcntl(uw_pool_fd(reader), F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_string_equal(text_of(reader, id), "here");
	assert_int_equal(uw_pool_alloc(reader, 1, 0, &id, NULL), -EPERM);
	assert_int_equal(uw_pool_share(reader, UW_NOBODY, UW_NOBODY, 0666), -EPERM);
	assert_int_equal(uw_pool_is_orphan(reader), 0);
	uw_pool_close(pool);
	await_orphan(other, reader);
	assert_string_equal(text_of(reader, id), "here");
	uw_pool_close(reader);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(other);
	uw_close(uw);
}

static void test_handle_attaches_once_and_not_to_its_own(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices"), *reader = NULL, *second = NULL;
	char name[32];

	snprintf(name, sizeof(name), "%u/prices", geteuid());
	assert_int_equal(uw_pool_attach(uw, "prices", UW_READ_ONLY, &reader), -EEXIST);
	assert_int_equal(uw_pool_attach(other, name, UW_READ_WRITE, &reader), 0);
	assert_string_equal(uw_pool_name(reader), name);
	assert_int_equal(uw_pool_attach(other, name, UW_READ_ONLY, &second), -EEXIST);
	uw_pool_close(reader);
	assert_int_equal(uw_pool_attach(other, name, UW_READ_ONLY, &second), 0);
	uw_pool_close(second);
	uw_pool_close(pool);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(other);
	uw_close(uw);
}

/* One's own programs find it as soon as uwd knows it, which is before anything is in it. */
static void test_what_is_being_made_is_to_be_tried_again(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct lib_pool *made = NULL;
	struct uw_pool *pool = NULL;
	struct uw_ring *ring = NULL;

	assert_int_equal(lib_pool_create(uw, "trading_data", "prices", MIB, &made, NULL), 0);
	assert_int_equal(uw_pool_attach(other, "prices", UW_READ_ONLY, &pool), -EAGAIN);
	assert_int_equal(uw_ring_attach(other, "prices", UW_READ_WRITE, &ring), -EAGAIN);
	assert_int_equal(lib_pool_commit(made, 0, MIB), 0);
	assert_int_equal(uw_pool_attach(other, "prices", UW_READ_ONLY, &pool), -EAGAIN);
	assert_int_equal(uw_ring_attach(other, "prices", UW_READ_WRITE, &ring), -EAGAIN);
	assert_int_equal(pwrite(made->fd, "\0\0\0\0", 4, 4096), 4);
	assert_int_equal(uw_pool_attach(other, "prices", UW_READ_ONLY, &pool), -EAGAIN);
	assert_int_equal(pwrite(made->fd, "else", 4, 0), 4);
	assert_int_equal(uw_pool_attach(other, "prices", UW_READ_ONLY, &pool), -EINVAL);
	assert_int_equal(uw_ring_attach(other, "prices", UW_READ_WRITE, &ring), -EINVAL);
	lib_pool_close(made);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(other);
	uw_close(uw);
}

static void test_ring_is_shared_by_its_name(void **state)
{
	const struct uw_ring_options options = {.size = sizeof(options),
						.component = "trading_data",
						.name = "ticks",
						.bytes = 65536};
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture), *other = uw_fixture_open(fixture);
	struct uw_ring *ring = NULL, *reader = NULL;
	struct uw_record record = {.length = 5};
	struct uw_pool *pool = NULL;

	assert_int_equal(uw_ring_create(uw, &options, &ring), 0);
	assert_true(memory_of(uw_ring_fd(ring)) > 65536);
	assert_string_equal(uw_ring_name(ring), "ticks");
	assert_int_equal(uw_ring_share(ring, UW_NOBODY, UW_NOBODY, 0666), 0);
	assert_int_equal(uw_pool_attach(other, "ticks", UW_READ_ONLY, &pool), -EINVAL);
	assert_int_equal(uw_ring_attach(other, "ticks", UW_READ_WRITE, &reader), 0);
	assert_int_equal(uw_ring_share(reader, UW_NOBODY, UW_NOBODY, 0444), -EPERM);
	assert_int_equal(uw_ring_reserve(ring, &record, 1), 1);
	memcpy(record.bytes, "tick", 5);
	assert_int_equal(uw_ring_commit(ring, &record, 1), 0);
	uw_ring_close(ring);
	assert_int_equal(uw_ring_peek(reader, &record, 1), 1);
	assert_string_equal(record.bytes, "tick");
	uw_ring_close(reader);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(other);
	uw_close(uw);
}

/* ---- uwd goes and comes ---- */

static void test_pool_gets_pages_after_a_restart(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	uint8_t *memory, *more;
	uint64_t id, other;

	put(pool, MIB, &id, &memory);
	uw_fixture_kill(fixture); /* and its keepers with it */
	assert_int_equal(memory[MIB - 1], 0x5a);
	uw_fixture_start(fixture);
	put(pool, 2 * MIB, &other, &more);
	assert_int_equal(memory[MIB - 1], 0x5a);
	assert_int_equal(uw_fixture_leases(fixture), 1);
	uw_pool_close(pool);
	uw_close(uw);
}

static void test_without_uwd_only_what_is_there_is_given_out(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices"), *brief = make(uw, "brief");
	uint64_t id, other, began_us;
	uint8_t *memory;

	put(pool, MIB, &id, &memory);
	assert_int_equal(uw_pool_free(pool, id), 0);
	uw_fixture_kill(fixture);
	put(pool, MIB, &id, &memory);
	assert_int_equal(uw_pool_alloc(pool, 4 * MIB, 0, &other, NULL), -ENOTCONN);
	assert_int_equal(uw_pool_free(pool, id), 0);
	began_us = clock_now_us();
	uw_pool_close(brief); /* waits for nobody */
	assert_true(clock_now_us() - began_us < 4 * US_PER_SEC);
	uw_fixture_start(fixture);
	uw_fixture_leases(fixture); /* it listens */
	put(pool, 4 * MIB, &other, &memory);
	uw_fixture_await(fixture, 1);
	uw_pool_close(pool);
	uw_close(uw);
}

static void test_uwd_that_forgot_the_pool_gives_it_no_pages(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	uint8_t *memory;
	uint64_t id;

	put(pool, MIB, &id, &memory);
	uw_fixture_kill(fixture);
	assert_int_equal(unlink(fixture->file), 0);
	uw_fixture_start(fixture);
	assert_int_equal(uw_pool_alloc(pool, 4 * MIB, 0, &id, NULL), -ESTALE);
	assert_int_equal(memory[MIB - 1], 0x5a);
	uw_pool_close(pool);
	uw_close(uw);
}

/* ---- pins of the dead ---- */

/* A process that does its part, says so, and waits to be killed. */
static pid_t start_client(const struct uw_fixture *fixture, int (*part)(struct uw *uw))
{
	int ends[2];
	char none;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		struct uw *uw = NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uw_open(fixture->socket, &uw) || part(uw) || write(ends[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &none, 1), 1);
	close(ends[0]);
	return pid;
}

static void kill_client(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static uint64_t held_id; /* of the tensor that the client is after */

static int hold_all_a_reader_can(struct uw *uw)
{
	struct uw_pool *pool = NULL;
	void *memory, *managed = NULL;

	return uw_pool_attach(uw, "prices", UW_READ_WRITE, &pool) ||
	       uw_pool_pin(pool, held_id, &memory) != -EPERM ||
	       uw_pool_unpin(pool, held_id) != -EPERM ||
	       uw_tensor_dlpack(pool, held_id, 0, &managed) || !managed;
}

/* Pins are the owner's alone, in its own memory: an export elsewhere holds the mapping there. */
static void test_reader_that_is_killed_leaves_no_pin(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	struct uw_pool_stats stats = {.size = sizeof(stats)};
	const char *place;
	pid_t reader;

	held_id = put_tensor(pool, "here");
	place = text_of(pool, held_id);
	reader = start_client(fixture, hold_all_a_reader_can);
	kill_client(reader);
	assert_int_equal(uw_pool_free(pool, held_id), 0);
	assert_int_equal(uw_pool_stats(pool, &stats), 0);
	assert_int_equal(stats.zombie_bytes, 0);
	assert_int_equal(stats.used_bytes, 0);
	assert_ptr_equal(text_of(pool, put_tensor(pool, "next")), place);
	uw_pool_close(pool);
	uw_fixture_await(fixture, 0);
	uw_close(uw);
}

/* One is pinned; one was freed while it is; one is held by an export. */
static int hold_all_an_owner_can(struct uw *uw)
{
	struct uw_pool *pool = make(uw, "prices");
	uint64_t freed = put_tensor(pool, "freed"), exported = put_tensor(pool, "exported");
	uint64_t pinned = put_tensor(pool, "pinned");
	void *memory, *managed = NULL;

	return uw_pool_pin(pool, pinned, &memory) || uw_pool_pin(pool, freed, &memory) ||
	       uw_pool_free(pool, freed) || uw_tensor_dlpack(pool, exported, 0, &managed) ||
	       !managed;
}

static void test_owner_that_is_killed_takes_its_pins_with_it(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = NULL, *next;
	pid_t owner;
	uint64_t id;

	owner = start_client(fixture, hold_all_an_owner_can);
	assert_int_equal(uw_pool_attach(uw, "prices", UW_READ_WRITE, &pool), 0);
	kill_client(owner);
	await_orphan(uw, pool);
	assert_int_equal(uw_fixture_leases(fixture), 1); /* which is read on */
	uw_pool_close(pool);
	uw_fixture_await(fixture, 0);
	next = make(uw, "prices");
	id = put_tensor(next, "next");
	assert_string_equal(text_of(next, id), "next");
	uw_pool_close(next);
	uw_close(uw);
}

/* ---- ends ---- */

/* DLManagedTensor of dlpack.h, as far as it is used */
struct exported {
	uint8_t tensor[48];
	void *context;
	void (*deleter)(void *self);
};

static void test_export_outlives_the_handle(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	uint64_t id = put_tensor(pool, "here");
	const char *text = text_of(pool, id);
	void *managed = NULL;

	assert_int_equal(uw_tensor_dlpack(pool, id, 0, &managed), 0);
	uw_pool_close(pool);
	assert_int_equal(uw_fixture_leases(fixture), 0);
	uw_close(uw);
	assert_string_equal(text, "here");
	((struct exported *)managed)->deleter(managed);
}

static void test_child_of_fork_may_only_close(void **state)
{
	struct uw_fixture *fixture = *state;
	struct uw *uw = uw_fixture_open(fixture);
	struct uw_pool *pool = make(uw, "prices");
	uint64_t id = put_tensor(pool, "here");
	int status, fd = uw_pool_fd(pool);
	pid_t child = fork();

	if (!child) {
		bool good = fcntl(fd, F_GETFD) == -1 && uw_pool_fd(pool) == -ECHILD &&
			    uw_pool_alloc(pool, MIB, 0, &id, NULL) == -ECHILD &&
			    uw_pool_share(pool, UW_NOBODY, UW_NOBODY, 0444) == -ECHILD;

		uw_pool_close(pool);
		uw_close(uw);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(text_of(pool, id), "here");
	assert_int_equal(uw_fixture_leases(fixture), 1);
	uw_pool_close(pool);
	uw_close(uw);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, uw_fixture_setup, uw_fixture_teardown)
#define FAST(name) cmocka_unit_test_setup_teardown(test_##name, uw_fast_setup, uw_fast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_come_from_the_keeper_and_go_at_once),
		TEST(what_cannot_be_made_says_why),
		TEST(pools_without_a_name_get_one_each),
		TEST(pool_is_read_by_its_name_and_outlives_its_owner),
		TEST(handle_attaches_once_and_not_to_its_own),
		TEST(what_is_being_made_is_to_be_tried_again),
		TEST(ring_is_shared_by_its_name),
		TEST(pool_gets_pages_after_a_restart),
		FAST(without_uwd_only_what_is_there_is_given_out),
		TEST(uwd_that_forgot_the_pool_gives_it_no_pages),
		TEST(reader_that_is_killed_leaves_no_pin),
		TEST(owner_that_is_killed_takes_its_pins_with_it),
		TEST(export_outlives_the_handle),
		TEST(child_of_fork_may_only_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

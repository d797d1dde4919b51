// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools over the socket of leases, with keepers that make and commit them, and what is left of whom
 * when one of the processes ends. */
#include "tests/unit/lease_server_fixture.h"

#include <sys/mman.h>
#include <sys/stat.h>

#define ASK_BYTES (8 * MIB)

/* The next packet, with the fd that came with it or -1. */
static union packet_answer hear_with(int fd, enum packet_kind kind, int *ret_passed)
{
	static uint8_t heard[PACKET_MAX];
	struct iovec into = {heard, sizeof(heard)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &into,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	union packet_answer answer;
	struct packet_in in;
	const char *text;
	size_t length;
	ssize_t size;

	serve_until(fd);
	size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	assert_true(size > 0);
	*ret_passed = -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(ret_passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	assert_int_equal(packet_open(&in, heard, (size_t)size), 0);
	assert_int_equal(in.kind, kind);
	assert_int_equal(packet_next_answer(&in, &answer, &text, &length), 1);
	return answer;
}

static union packet_request pool_wish(const char *component, uint64_t size, const char *name)
{
	union packet_request request = wish(component, size, 0);

	strcpy(request.grant.text, name);
	return request;
}

/* The pool, by its id and fd. */
static uint64_t get_pool(int fd, const char *name, int *ret_passed)
{
	union packet_answer answer =
		ask_one(fd, PACKET_POOL_CREATE, pool_wish("trading_data", ASK_BYTES, name));

	assert_int_equal(answer.reply.outcome, PACKET_WAITS);
	answer = hear_with(fd, PACKET_LATER, ret_passed);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(answer.reply.item.cookie, 9);
	assert_int_equal(answer.reply.bytes, ASK_BYTES);
	assert_true(*ret_passed >= 0);
	return answer.reply.id;
}

static union packet_answer commit(int fd, uint64_t id, uint64_t offset, uint64_t size)
{
	union packet_request request = {.range = {.id = id, .offset = offset, .bytes = size}};
	union packet_answer answer = ask_one(fd, PACKET_POOL_COMMIT, request);
	int none;

	return answer.reply.outcome == PACKET_WAITS ? hear_with(fd, PACKET_LATER, &none) : answer;
}

static int32_t share(int fd, uint64_t id, uint32_t uid, uint32_t mode)
{
	union packet_request request = {
		.share = {.id = id, .uid = uid, .gid = PACKET_ANYBODY, .mode = mode}};

	return ask_one(fd, PACKET_POOL_SHARE, request).reply.outcome;
}

static union packet_answer attach(int fd, const char *name, uint32_t flags, int *ret_passed)
{
	union packet_request request = {.attach = {.flags = flags, .uid = PACKET_ANYBODY}};

	strcpy(request.attach.name, name);
	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_POOL_ATTACH, &request);
	send_out(fd, -1);
	return hear_with(fd, PACKET_ANSWER, ret_passed);
}

static int32_t offer(int fd, uint64_t id, int passed)
{
	union packet_request request = {.lease.id = id};

	packet_start(&out, bytes, PACKET_REQUESTS);
	packet_add_request(&out, PACKET_POOL_OFFER, &request);
	send_out(fd, passed);
	serve();
	return hear_answer(fd, PACKET_ANSWER).reply.outcome;
}

static uint64_t memory_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static bool is_same(int a, int b)
{
	struct stat one, other;

	return !fstat(a, &one) && !fstat(b, &other) && one.st_ino == other.st_ino;
}

static void test_pool_is_made_and_committed_by_its_keeper(void **state)
{
	int fd = join(), pool;
	uint64_t id = get_pool(fd, "prices", &pool);

	(void)state;
	assert_int_equal(memory_of(pool), 0);
	assert_int_equal(commit(fd, id, MIB, 2 * MIB).reply.bytes, 2 * MIB);
	assert_int_equal(memory_of(pool), 2 * MIB);
	assert_int_equal(commit(fd, id, ASK_BYTES, 1).reply.outcome, -ERANGE);
	assert_int_equal(commit(fd, id, 4096, ASK_BYTES).reply.outcome, -ERANGE);
	assert_int_equal(commit(fd, id, 0, 0).reply.outcome, -ERANGE);
	assert_int_equal(commit(fd, id + 1, 0, MIB).reply.outcome, PACKET_STALE);
	/* By its lease it is freed, and then the keeper has let it go too. */
	assert_int_equal(
		ask_one(fd, PACKET_FREE, (union packet_request){.lease.id = id}).reply.outcome, 0);
	assert_int_equal(commit(fd, id, 0, MIB).reply.outcome, PACKET_STALE);
	assert_int_equal(leases(), 0);
	close(pool);
	close(fd);
}

static void test_pool_that_does_not_fit_is_denied(void **state)
{
	int fd = join(), pool;
	union packet_answer answer =
		ask_one(fd, PACKET_POOL_CREATE, pool_wish("trading_data", 401 * MIB, "large"));

	(void)state;
	assert_int_equal(answer.reply.outcome, PACKET_DENIED);
	assert_string_equal(answer.denial.reason, "never");
	assert_int_equal(
		ask_one(fd, PACKET_POOL_CREATE, pool_wish("nowhere", MIB, "x")).reply.outcome,
		-ENOENT);
	assert_int_equal(ask_one(fd, PACKET_POOL_CREATE, pool_wish("trading_data", MIB, "no name"))
				 .reply.outcome,
			 -EINVAL);
	get_pool(fd, "prices", &pool);
	assert_int_equal(ask_one(fd, PACKET_POOL_CREATE, pool_wish("trading_data", MIB, "prices"))
				 .reply.outcome,
			 -EEXIST);
	close(pool);
	close(fd);
}

static void test_pool_is_its_owners_alone_until_it_is_shared(void **state)
{
	int fd = join(), reader = join(), pool, passed;
	uint64_t id = get_pool(fd, "prices", &pool), lease;
	union packet_request range = {.range = {.id = id, .bytes = MIB}};
	union packet_answer answer;

	(void)state;
	server->connection[1].peer.who = (struct ipc_peer){.pid = getpid(), .uid = 7, .gid = 8};
	assert_int_equal(attach(reader, "prices", 0, &passed).reply.outcome, -EACCES);
	assert_int_equal(attach(reader, "other", 0, &passed).reply.outcome, -ENOENT);
	assert_int_equal(share(reader, id, 7, 0400), PACKET_STALE);
	assert_int_equal(share(fd, id, 7, 0400), 0);
	assert_int_equal(attach(reader, "prices", PACKET_WRITE, &passed).reply.outcome, -EACCES);
	answer = attach(reader, "prices", 0, &passed);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(answer.reply.bytes, ASK_BYTES);
	assert_true(is_same(pool, passed));
	assert_int_equal(fcntl(passed, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(write(passed, "x", 1), -1);
	assert_int_equal(fallocate(passed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
			 -1);
	close(passed);
	lease = answer.reply.id;
	assert_int_equal(attach(reader, "prices", 0, &passed).reply.outcome, -EEXIST);
	range.range.id = lease;
	assert_int_equal(ask_one(reader, PACKET_POOL_COMMIT, range).reply.outcome, PACKET_STALE);
	assert_int_equal(offer(reader, lease, pool), PACKET_STALE);
	ask_one(reader, PACKET_FREE, (union packet_request){.lease.id = lease});
	assert_int_equal(share(fd, id, 7, 0600), 0);
	assert_int_equal(attach(reader, "prices", PACKET_WRITE, &passed).reply.outcome, 0);
	assert_int_equal(fcntl(passed, F_GETFL) & O_ACCMODE, O_RDWR);
	close(passed);
	close(pool);
	close(reader);
	close(fd);
}

static void test_rights_are_those_of_the_class(void **state)
{
	static const struct {
		uint32_t uid, gid, group, mode, share_gid;
		bool reads, writes;
	} rows[] = {
		{7, 8, 9, 0400, 5, true, false},  {7, 8, 9, 0200, 5, true, true},
		{6, 8, 9, 0600, 5, false, false}, {6, 8, 9, 0040, 8, true, false},
		{6, 8, 9, 0040, 9, true, false},  {6, 8, 9, 0020, 9, true, true},
		{6, 8, 9, 0660, 5, false, false}, {6, 8, 9, 0004, 5, true, false},
		{6, 8, 9, 0006, 5, true, true},   {6, 8, 9, 0660, PACKET_ANYBODY, false, false},
		{0, 0, 0, 0, 5, true, true},
	};
	int fd = join(), reader = join(), pool, passed;
	uint64_t id = get_pool(fd, "prices", &pool);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint32_t flags = 0; flags <= PACKET_WRITE; flags += PACKET_WRITE) {
			union packet_request request = {.share = {.id = id,
								  .uid = 7,
								  .gid = rows[i].share_gid,
								  .mode = rows[i].mode}};
			union packet_answer answer;

			server->connection[1].peer.who =
				(struct ipc_peer){.uid = rows[i].uid,
						  .gid = rows[i].gid,
						  .group_count = 1,
						  .group = {rows[i].group}};
			ask_one(fd, PACKET_POOL_SHARE, request);
			answer = attach(reader, "prices", flags, &passed);
			assert_int_equal(answer.reply.outcome,
					 (flags ? rows[i].writes : rows[i].reads) ? 0 : -EACCES);
			if (passed >= 0)
				close(passed);
			ask_one(reader, PACKET_FREE,
				(union packet_request){.lease.id = answer.reply.id});
		}
	}
	close(pool);
	close(reader);
	close(fd);
}

static void test_orphan_is_read_on_and_freed_by_the_last(void **state)
{
	int fd = join(), reader = join(), pool, passed;
	uint64_t id = get_pool(fd, "prices", &pool), gone;
	struct lease_component_view view;
	struct packet_in in;
	union packet_answer answer;

	(void)state;
	answer = attach(reader, "prices", 0, &passed);
	assert_int_equal(answer.reply.outcome, 0);
	close(pool);
	close(fd);
	serve_until(reader);
	assert_true(hear(reader, &in));
	assert_int_equal(in.kind, PACKET_GONE);
	assert_int_equal(packet_next_gone(&in, &gone), 1);
	assert_int_equal(gone, answer.reply.id);
	lease_component_view(f->ledger, TRADING, now_us, &view);
	assert_int_equal(view.pool_bytes, ASK_BYTES);
	fd = join();
	assert_int_equal(attach(fd, "prices", 0, &pool).reply.outcome, -ENOENT);
	assert_true(lease_pool_find(f->ledger, id) != LEASE_NO_POOL);
	close(reader);
	serve();
	assert_true(lease_pool_find(f->ledger, id) == LEASE_NO_POOL);
	lease_component_view(f->ledger, TRADING, now_us, &view);
	assert_int_equal(view.pool_bytes, 0);
	close(passed);
	close(fd);
}

static void test_keeper_that_dies_is_replaced_and_handed_the_pools(void **state)
{
	int fd = join(), pool, none;
	uint64_t id = get_pool(fd, "prices", &pool);
	union packet_request range = {.range = {.id = id, .offset = 0, .bytes = 2 * MIB}};

	(void)state;
	kill(keepers[TRADING], SIGSTOP);
	assert_int_equal(ask_one(fd, PACKET_POOL_COMMIT, range).reply.outcome, PACKET_WAITS);
	keeper_kill(dir, TRADING);
	now_us += US_PER_SEC;
	serve();
	lease_server_keep_house(server);
	assert_int_equal(hear_with(fd, PACKET_LATER, &none).reply.outcome, 0);
	assert_int_equal(memory_of(pool), 2 * MIB);
	assert_int_equal(commit(fd, id, 2 * MIB, MIB).reply.outcome, 0);
	close(pool);
	close(fd);
}

static void test_without_a_keeper_what_was_asked_fails(void **state)
{
	int fd = join(), none;
	union packet_request request = pool_wish("trading_data", MIB, "prices");

	(void)state;
	no_keepers = true;
	assert_int_equal(ask_one(fd, PACKET_POOL_CREATE, request).reply.outcome, PACKET_WAITS);
	for (int i = 0; i < 5; i++) {
		assert_true(hears_nothing(fd));
		now_us += US_PER_SEC;
		lease_server_keep_house(server);
	}
	assert_int_equal(hear_with(fd, PACKET_LATER, &none).reply.outcome, -EIO);
	assert_int_equal(leases(), 0);
	close(fd);
}

/* Another server over the same slots. The keepers go on. */
static void restart_server(void)
{
	uint32_t freed;

	lease_server_free(server);
	free(f->ledger);
	lease_fixture_start(f);
	lease_adopt(f->ledger, LEASE_SLOTS, now_us, &freed);
	assert_int_equal(freed, 0);
	start_server();
	lease_server_adopt(server);
	serve();
}

static uint64_t hello_again(int *fd, uint64_t key)
{
	close(*fd);
	*fd = call_in();
	return hello(*fd, key, 0);
}

static void test_next_uwd_gets_the_pools_from_the_keeper(void **state)
{
	int fd = call_in(), pool, passed, reader;
	uint64_t key = hello(fd, 0, 0), id = get_pool(fd, "prices", &pool);
	pid_t keeper = keepers[TRADING];

	(void)state;
	assert_int_equal(commit(fd, id, 0, MIB).reply.outcome, 0);
	restart_server();
	assert_int_equal(hello_again(&fd, key), key);
	assert_int_equal(commit(fd, id, MIB, MIB).reply.outcome, 0);
	assert_int_equal(memory_of(pool), 2 * MIB);
	reader = join();
	assert_int_equal(share(fd, id, PACKET_ANYBODY, 0444), 0);
	assert_int_equal(attach(reader, "prices", 0, &passed).reply.outcome, 0);
	assert_true(is_same(pool, passed));
	assert_int_equal(keepers[TRADING], keeper);
	close(passed);
	close(pool);
	close(reader);
	close(fd);
}

/* As another uwd hears it from the keeper. */
static uint32_t count_kept(void)
{
	struct keep_message message = {.magic = KEEP_MAGIC, .op = KEEP_LIST};
	int fd = keeper_call(dir, TRADING), passed = -1;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint32_t count = 0;

	assert_int_equal(keep_send(fd, &message, -1), 0);
	for (;;) {
		assert_int_equal(poll(&ready, 1, 10000), 1);
		assert_int_equal(keep_receive(fd, &message, &passed), 0);
		if (!message.pool)
			break;
		close(passed);
		count++;
	}
	close(fd);
	return count;
}

/* All that the server asked of the keeper is answered: whoever calls it next takes its place, and
 * what was on its way is lost. */
static void serve_until_answered(void)
{
	struct pollfd ready = {.fd = lease_server_fd(server), .events = POLLIN};

	while (server->keeper[TRADING].first && poll(&ready, 1, 10000) > 0)
		assert_int_equal(lease_server_dispatch(server), 0);
	assert_null(server->keeper[TRADING].first);
}

/* The owner died while there was no uwd. */
static void test_pool_that_nobody_has_is_dropped_by_its_keeper(void **state)
{
	int fd = call_in(), pool;
	uint64_t key = hello(fd, 0, 0), id = get_pool(fd, "prices", &pool);
	struct lease_slot *slot = &f->slot[id & UINT32_MAX];

	(void)state;
	atomic_store(&slot->state, LEASE_FREE);
	restart_server();
	hello_again(&fd, key);
	close(pool);
	assert_true(get_pool(fd, "prices", &pool) != id);
	serve_until_answered();
	assert_int_equal(count_kept(), 1);
	close(pool);
	close(fd);
}

static void test_owner_offers_what_both_have_lost(void **state)
{
	int fd = call_in(), pool, other, fake;
	uint64_t key = hello(fd, 0, 0), id = get_pool(fd, "prices", &pool);
	uint64_t second = get_pool(fd, "orders", &other);

	(void)state;
	assert_int_equal(write(pool, "kept", 4), 4);
	keeper_kill(dir, TRADING);
	restart_server();
	hello_again(&fd, key);
	assert_int_equal(server->pool_fd[lease_pool_find(f->ledger, id)], -1);
	/* Neither another pool, nor a file that is like it, nor a read-only one, nor none. */
	assert_int_equal(offer(fd, id, other), -EBADF);
	fake = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fake, ASK_BYTES), 0);
	assert_int_equal(fchmod(fake, 0600), 0);
	assert_int_equal(fcntl(fake, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(offer(fd, id, fake), -EBADF);
	close(fake);
	assert_int_equal(offer(fd, id, -1), -EBADF);
	assert_int_equal(offer(fd, id, pool), 0);
	now_us += US_PER_SEC;
	assert_int_equal(offer(fd, second, other), 0);
	assert_int_equal(offer(fd, second, other), 0);
	assert_int_equal(commit(fd, id, MIB, MIB).reply.outcome, 0);
	assert_true(is_same(server->pool_fd[lease_pool_find(f->ledger, id)], pool));
	close(pool);
	close(other);
	close(fd);
}

static void test_client_that_does_not_wait_for_its_pool_has_none(void **state)
{
	int fd = join(), other = join(), pool;
	union packet_request request = pool_wish("trading_data", MIB, "prices");

	(void)state;
	assert_int_equal(ask_one(fd, PACKET_POOL_CREATE, request).reply.outcome, PACKET_WAITS);
	close(fd);
	serve();
	get_pool(other, "prices", &pool);
	assert_int_equal(leases(), 1);
	close(pool);
	close(other);
}

static void test_component_that_goes_takes_its_pools(void **state)
{
	uint32_t to[UW_COMPONENTS_MAX];
	int fd = join(), pool, models;
	uint64_t id = get_pool(fd, "prices", &pool), second;
	union packet_answer answer =
		ask_one(fd, PACKET_POOL_CREATE, pool_wish("ml_models", MIB, "models"));

	(void)state;
	memset(to, 0xff, sizeof(to)); /* COMPONENT_NONE */
	to[MODELS] = 0;
	answer = hear_with(fd, PACKET_LATER, &models);
	second = answer.reply.id;
	f->config.component[0] = f->config.component[MODELS];
	f->config.component_count = 1;
	lease_configure(f->ledger, &f->config);
	lease_server_renumber(server, to);
	lease_look(f->ledger, &f->headroom);
	assert_int_equal(commit(fd, id, 0, MIB).reply.outcome, PACKET_STALE);
	answer = commit(fd, second, 0, MIB);
	assert_int_equal(answer.reply.outcome, 0);
	assert_int_equal(memory_of(models), MIB);
	close(pool);
	close(models);
	close(fd);
}

static void test_keeper_without_pools_is_let_go(void **state)
{
	int fd = join(), pool;
	uint64_t id = get_pool(fd, "prices", &pool);

	(void)state;
	lease_server_keep_house(server);
	assert_true(server->keeper[TRADING].fd >= 0);
	ask_one(fd, PACKET_FREE, (union packet_request){.lease.id = id});
	while (server->keeper[TRADING].first)
		assert_int_equal(lease_server_dispatch(server), 0);
	lease_server_keep_house(server);
	assert_int_equal(server->keeper[TRADING].fd, -1);
	close(pool);
	get_pool(fd, "orders", &pool); /* by another one, at once: the first did not die early */
	close(pool);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pool_is_made_and_committed_by_its_keeper),
		TEST(pool_that_does_not_fit_is_denied),
		TEST(pool_is_its_owners_alone_until_it_is_shared),
		TEST(rights_are_those_of_the_class),
		TEST(orphan_is_read_on_and_freed_by_the_last),
		TEST(keeper_that_dies_is_replaced_and_handed_the_pools),
		TEST(without_a_keeper_what_was_asked_fails),
		TEST(next_uwd_gets_the_pools_from_the_keeper),
		TEST(pool_that_nobody_has_is_dropped_by_its_keeper),
		TEST(owner_offers_what_both_have_lost),
		TEST(client_that_does_not_wait_for_its_pool_has_none),
		TEST(component_that_goes_takes_its_pools),
		TEST(keeper_without_pools_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

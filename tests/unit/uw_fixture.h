/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libuw against a server of leases in a process of its own, which can be killed and started again
 * over the same file. Two components; a byte written to it is a level for the second.
 */
#ifndef TESTS_UNIT_UW_FIXTURE_H
#define TESTS_UNIT_UW_FIXTURE_H

#include "tests/unit/keeper_fixture.h"
#include "tests/unit/lease_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/lease/file.h"
#include "user/lease/server.h"
#include "user/lib/uw.h"

struct uw_fixture {
	char dir[32], socket[64], file[64];
	pid_t server;
	int levels; /* of the server: bytes in, and out what there is */
};

struct uw_sums {
	uint32_t leases;
	uint64_t leased_bytes[LEASE_COMPONENTS];
};

#define UW_LENDS 0x10 /* and so many times 10M that the second component may borrow */

/* ---- the server's process ---- */

struct uw_server {
	struct lease_fixture f;
	struct lease_file *file;
	const char *dir;
};

static inline void uw_server_place(void *data, const struct lease_peer *peer,
				   struct lease_place *ret_place)
{
	(void)data, (void)peer;
	*ret_place = (struct lease_place){.component = COMPONENT_NONE, .may = 3};
}

static inline int uw_server_find(void *data, const char *name, uint8_t *ret_priority)
{
	struct uw_server *s = data;

	*ret_priority = 5;
	return config_find(&s->f.config, name);
}

static inline const char *uw_server_name(void *data, uint32_t component)
{
	struct uw_server *s = data;

	return component < LEASE_COMPONENTS ? s->f.config.component[component].name : NULL;
}

static inline int uw_server_keeper(void *data, uint32_t component, bool start, int *ret_fd)
{
	struct uw_server *s = data;

	return keeper_find(s->dir, component, start, ret_fd);
}

static inline void uw_server_grow(void *data)
{
	struct uw_server *s = data;

	if (!lease_file_grow(s->file))
		lease_set_room(s->f.ledger, lease_file_room(s->file));
}

static inline char *uw_server_report(void *data)
{
	(void)data;
	return strdup("{\"v\":1}");
}

/* Nothing is moved: a leaf is a name, and the answer comes a turn later. */

static struct lease_move uw_server_moving;

static inline struct lease_learned uw_server_learned(void *data, uint32_t component, uint32_t uid,
						     const char *key, uint64_t input_bytes)
{
	(void)data, (void)component, (void)uid;
	return (struct lease_learned){.bytes = strcmp(key, "known") ? 0
								    : 50 * MIB + 2 * input_bytes};
}

static inline int uw_server_move(void *data, const struct lease_move *move)
{
	(void)data;
	uw_server_moving = *move;
	return 0;
}

static inline void uw_server_moved(struct lease_server *server)
{
	struct lease_move move = uw_server_moving;

	uw_server_moving = (struct lease_move){0};
	if (move.id)
		lease_server_moved(server, move.client, move.id, 0, 4711);
}

static inline void uw_server_end(void *data, const struct lease_leaf_end *end)
{
	(void)data, (void)end;
}

static inline int uw_server_look(void *data, const char *component, const char *leaf,
				 struct lease_leaf_look *ret_look)
{
	(void)data, (void)component, (void)leaf;
	*ret_look = (struct lease_leaf_look){.used_bytes = 3 * MIB, .peak_bytes = 4 * MIB};
	return 0;
}

static inline bool uw_server_find_leaf(void *data, int32_t pid, char component[static UW_NAME_LEN],
				       char leaf[static LEASE_LEAF_LEN])
{
	(void)data;
	strcpy(component, "ml_models");
	snprintf(leaf, LEASE_LEAF_LEN, LEASE_LEAF_PREFIX "%d", pid);
	return true;
}

/* Nobody waits for it: who asks the server is told that there is none. */
static inline void uw_server_fail(const struct uw_err *err)
{
	print_error("the server does not start: %s\n", err->text);
	_exit(1);
}

static inline struct lease_server *uw_server_open(struct uw_server *s,
						  const struct uw_fixture *fixture)
{
	struct lease_server_conf conf = {
		.path = fixture->socket,
		.place = uw_server_place,
		.component = uw_server_find,
		.name = uw_server_name,
		.keeper = uw_server_keeper,
		.grow = uw_server_grow,
		.learned = uw_server_learned,
		.move = uw_server_move,
		.end = uw_server_end,
		.look = uw_server_look,
		.find_leaf = uw_server_find_leaf,
		.report = uw_server_report,
		.data = s,
	};
	struct lease_server *server = NULL;
	struct uw_err err = {0};
	void *data = NULL;
	uint32_t freed;

	s->dir = fixture->dir;
	if (lease_fixture_setup(&data) || lease_file_open(fixture->file, &s->file, &err))
		uw_server_fail(&err);
	s->f = *(struct lease_fixture *)data;
	s->f.slot = lease_file_slots(s->file);
	lease_fixture_start(&s->f);
	lease_adopt(s->f.ledger, lease_file_room(s->file), clock_now_us(), &freed);
	conf.ledger = s->f.ledger;
	if (lease_server_new(&conf, &server, &err))
		uw_server_fail(&err);
	lease_server_adopt(server);
	return server;
}

static inline void uw_server_lend(struct uw_server *s, struct lease_server *server, uint8_t tens)
{
	s->f.headroom.component[MODELS].limit_bytes = 600 * MIB + tens * 10 * MIB;
	lease_look(s->f.ledger, &s->f.headroom);
	lease_server_settle(server);
}

static inline void uw_server_obey(struct uw_server *s, struct lease_server *server, int fd)
{
	struct lease_totals totals;
	struct uw_sums sums = {0};
	uint8_t byte;
	ssize_t size = read(fd, &byte, 1);

	if (size < 0)
		print_error("the server has lost its test: %s\n", strerror(errno));
	if (size != 1)
		_exit(size < 0);
	if (byte < LEVEL__COUNT)
		lease_server_level(server, MODELS, (enum level)byte, 100U * byte, clock_now_us());
	if (byte >= UW_LENDS)
		uw_server_lend(s, server, (uint8_t)(byte - UW_LENDS));
	lease_totals(s->f.ledger, &totals);
	sums.leases = totals.leases;
	for (uint32_t i = 0; i < LEASE_COMPONENTS; i++)
		sums.leased_bytes[i] = lease_sums(&s->f, i).leased_bytes;
	if (write(fd, &sums, sizeof(sums)) < 0)
		_exit(1);
}

static inline void uw_server_run(const struct uw_fixture *fixture, int fd)
{
	static struct uw_server s;
	struct lease_server *server = uw_server_open(&s, fixture);
	struct pollfd ready[] = {{.fd = lease_server_fd(server), .events = POLLIN},
				 {.fd = fd, .events = POLLIN}};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		poll(ready, 2, 20);
		if (ready[1].revents)
			uw_server_obey(&s, server, fd);
		lease_server_dispatch(server);
		uw_server_moved(server);
		lease_server_keep_house(server);
	}
}

/* ---- the test's ---- */

static inline void uw_fixture_start(struct uw_fixture *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->server = fork();
	if (!f->server) {
		close(fds[0]);
		uw_server_run(f, fds[1]);
	}
	close(fds[1]);
	f->levels = fds[0];
}

/* A level for the second component, or LEVEL__COUNT for none; what there is. */
static inline struct uw_sums uw_fixture_say(const struct uw_fixture *f, uint8_t level)
{
	struct uw_sums sums = {.leases = UINT32_MAX};

	assert_int_equal(write(f->levels, &level, 1), 1);
	assert_int_equal(read(f->levels, &sums, sizeof(sums)), sizeof(sums));
	return sums;
}

static inline uint32_t uw_fixture_leases(const struct uw_fixture *f)
{
	return uw_fixture_say(f, LEVEL__COUNT).leases;
}

/* Until there are so many. */
static inline void uw_fixture_await(const struct uw_fixture *f, uint32_t leases)
{
	for (int i = 0; i < 10000 && uw_fixture_leases(f) != leases; i++)
		usleep(1000);
	assert_int_equal(uw_fixture_leases(f), leases);
}

static inline void uw_fixture_kill(struct uw_fixture *f)
{
	kill(f->server, SIGKILL);
	waitpid(f->server, NULL, 0);
	close(f->levels);
}

static inline int uw_fixture_setup(void **data)
{
	struct uw_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/uw-lib-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->socket, sizeof(f->socket), "%s/lease.sock", f->dir);
	snprintf(f->file, sizeof(f->file), "%s/leases", f->dir);
	uw_fixture_start(f);
	uw_fixture_leases(f); /* it listens */
	*data = f;
	return 0;
}

static inline int uw_fixture_teardown(void **data)
{
	struct uw_fixture *f = *data;
	char keeper[64];
	int rc;

	uw_fixture_kill(f);
	unlink(f->socket);
	unlink(f->file);
	for (uint32_t i = 0; i < LEASE_COMPONENTS; i++) {
		snprintf(keeper, sizeof(keeper), "%s/keep-%u", f->dir, i);
		unlink(keeper);
	}
	rc = rmdir(f->dir);
	free(f);
	return rc;
}

static inline struct uw *uw_fixture_open(const struct uw_fixture *f)
{
	struct uw *uw = NULL;

	assert_int_equal(uw_open(f->socket, &uw), 0);
	return uw;
}

static inline struct uw_request uw_wish(uint64_t mib)
{
	return (struct uw_request){.size = sizeof(struct uw_request),
				   .component = "ml_models",
				   .description = "BERT",
				   .bytes = mib * MIB};
}

static inline uint64_t uw_get(struct uw *uw, uint64_t mib)
{
	struct uw_request request = uw_wish(mib);
	struct uw_grant grant = {.size = sizeof(grant)};

	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
	assert_int_equal(grant.bytes, mib * MIB);
	return grant.id;
}

#endif

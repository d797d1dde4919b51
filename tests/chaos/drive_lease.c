// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server of leases over its file, with a program that leases and frees again and again in a
 * process that nothing befalls. Whatever fails in the server, its loop goes on and the program gets
 * its memory in the end; one that is killed leaves a file that the next one takes over.
 */
#include "tests/chaos/drivers.h"
#include "tests/unit/uw_fixture.h"

#define GRANTS   3U
#define WAIT_US  (30 * US_PER_SEC)
#define PAUSE_US 1000
#define MIBS     10U

/* struct chaos: what the program was given, and whether it holds any now. */
enum note {
	NOTE_GRANTS,
};

static struct uw_fixture fixture;

static void name_files(const struct chaos *c)
{
	snprintf(fixture.dir, sizeof(fixture.dir), "%.31s", c->dir);
	snprintf(fixture.socket, sizeof(fixture.socket), "%.40s/lease.sock", c->dir);
	snprintf(fixture.file, sizeof(fixture.file), "%.40s/leases", c->dir);
}

/* ---- the program ---- */

static void lease_again(struct chaos *c)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct uw_request request = uw_wish(MIBS);
		struct uw_grant grant = {.size = sizeof(grant)};
		struct uw *uw = NULL;

		request.timeout_us = US_PER_SEC;
		request.flags = UW_NO_CREDIT;
		if (!uw_open(fixture.socket, &uw) && !uw_alloc(uw, &request, &grant, NULL)) {
			c->note[NOTE_GRANTS]++;
			uw_free(uw, grant.id);
		}
		uw_close(uw);
		usleep(PAUSE_US);
	}
}

static void prepare(struct chaos *c)
{
	name_files(c);
	if (!fork())
		lease_again(c);
}

/* ---- the server ---- */

static struct lease_server *open_server(struct chaos *c, struct uw_server *s)
{
	struct lease_server_conf conf = {
		.path = fixture.socket,
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
		.ledger = s->f.ledger,
		.data = s,
	};
	struct lease_server *server = NULL;
	struct uw_err err = {0};

	if (!chaos_ok(c, "lease_server_new", lease_server_new(&conf, &server, &err), &err))
		return NULL;
	lease_server_adopt(server);
	return server;
}

static void serve(struct chaos *c, struct lease_server *server)
{
	struct pollfd ready = {.fd = lease_server_fd(server), .events = POLLIN};
	uint64_t until_us = clock_now_us() + WAIT_US, enough = c->note[NOTE_GRANTS] + GRANTS;

	while (c->note[NOTE_GRANTS] < enough && clock_now_us() < until_us) {
		poll(&ready, 1, 10);
		chaos_done(c, "lease_server_dispatch", lease_server_dispatch(server));
		lease_server_keep_house(server);
	}
	if (c->note[NOTE_GRANTS] < enough)
		chaos_violate(c, "the program gets no lease any more");
}

static void act(struct chaos *c)
{
	static struct uw_server s;
	struct lease_server *server;
	struct uw_err err = {0};
	void *data = NULL;
	uint32_t freed;

	if (!chaos_ok(c, "lease_file_open", lease_file_open(fixture.file, &s.file, &err), &err))
		return;
	s.dir = fixture.dir;
	if (lease_fixture_setup(&data))
		abort();
	s.f = *(struct lease_fixture *)data;
	s.f.slot = lease_file_slots(s.file);
	lease_fixture_start(&s.f);
	lease_adopt(s.f.ledger, lease_file_room(s.file), clock_now_us(), &freed);
	server = open_server(c, &s);
	if (server)
		serve(c, server);
	lease_server_free(server);
	lease_file_close(s.file);
}

/* The one after it, with a program of its own. */
static void check(struct chaos *c)
{
	prepare(c);
	act(c);
}

const struct chaos_driver chaos_lease = {
	.name = "lease",
	.how = CHAOS_FAILS | CHAOS_KILLS,
	.prepare = prepare,
	.act = act,
	.check = check,
};

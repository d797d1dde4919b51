// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rest of libuw, against a server of leases and its keepers in processes that nothing befalls:
 * one handle makes a pool, a ring and a task, another one attaches to what is shared and reads it.
 * Whatever fails in either, what was written is read as it was, records in their order and each
 * once, nothing that was leased stays behind when all is closed, and the next call works.
 */
#include <errno.h>
#include <string.h>

#include "tests/chaos/drivers.h"
#include "tests/unit/uw_fixture.h"

#define POOL_BYTES  (8 * MIB)
#define PIECE_BYTES (64 * KIB)
#define RING_BYTES  4096U
#define RECORDS     3U

static struct uw_fixture fixture;

static void prepare(struct chaos *c)
{
	struct uw_fixture *f = &fixture;

	snprintf(f->dir, sizeof(f->dir), "%.31s", c->dir);
	snprintf(f->socket, sizeof(f->socket), "%.40s/lease.sock", c->dir);
	snprintf(f->file, sizeof(f->file), "%.40s/leases", c->dir);
	uw_fixture_start(f);
	uw_fixture_leases(f); /* it listens */
}

/* ---- a pool ---- */

static void read_pool(struct chaos *c, struct uw *reader, uint64_t id)
{
	struct uw_pool *pool = NULL;
	uint64_t bytes = 0;
	void *memory = NULL;

	if (!chaos_done(c, "uw_pool_attach", uw_pool_attach(reader, "prices", UW_READ_ONLY, &pool)))
		return;
	if (uw_pool_is_orphan(pool))
		chaos_violate(c, "a pool whose owner lives is an orphan");
	if (uw_pool_get(pool, id, &memory, &bytes) != -EPERM)
		chaos_violate(c, "who attached has the owner's rights");
	uw_pool_close(pool);
}

static void fill_pool(struct chaos *c, struct uw_pool *pool, struct uw *reader)
{
	uint64_t id = 0, bytes = 0, trimmed = 0;
	void *memory = NULL;

	if (!chaos_done(c, "uw_pool_alloc",
			uw_pool_alloc(pool, PIECE_BYTES, UW_EVICTABLE, &id, &memory)))
		return;
	memset(memory, 0x5e, PIECE_BYTES);
	chaos_done(c, "uw_pool_unpin", uw_pool_unpin(pool, id));
	if (chaos_done(c, "uw_pool_share", uw_pool_share(pool, UW_NOBODY, UW_NOBODY, 04)))
		read_pool(c, reader, id);
	if (uw_pool_get(pool, id, &memory, &bytes) || bytes < PIECE_BYTES ||
	    ((const uint8_t *)memory)[PIECE_BYTES - 1] != 0x5e)
		chaos_violate(c, "a pool has not what was written there");
	chaos_done(c, "uw_pool_free", uw_pool_free(pool, id));
	chaos_done(c, "uw_pool_trim", uw_pool_trim(pool, 0, &trimmed));
}

static void use_pool(struct chaos *c, struct uw *uw, struct uw *reader)
{
	struct uw_pool_options options = {
		.size = sizeof(options),
		.component = "trading_data",
		.name = "prices",
		.bytes = POOL_BYTES,
	};
	struct uw_pool *pool = NULL;

	if (!chaos_done(c, "uw_pool_create", uw_pool_create(uw, &options, &pool)))
		return;
	fill_pool(c, pool, reader);
	uw_pool_close(pool);
}

/* ---- a ring ---- */

static void write_record(struct chaos *c, struct uw_ring *ring, uint64_t number)
{
	struct uw_record record = {.length = sizeof(number)};
	int rc = uw_ring_reserve(ring, &record, 1);

	if (rc == 1) {
		memcpy(record.bytes, &number, sizeof(number));
		rc = uw_ring_commit(ring, &record, 1);
	}
	if (rc)
		chaos_violate(c, "a record cannot be written: %d", rc);
}

static void read_record(struct chaos *c, struct uw_ring *ring, uint64_t number)
{
	struct uw_record record = {0};
	uint64_t found = 0;
	int rc = uw_ring_peek(ring, &record, 1);

	if (rc == 1) {
		memcpy(&found, record.bytes, sizeof(found));
		rc = uw_ring_release(ring, &record, 1);
	}
	if (rc || found != number)
		chaos_violate(c, "record %u is %u: %d", (uint32_t)number, (uint32_t)found, rc);
}

/* What needs no system call cannot fail. */
static void pass_records(struct chaos *c, struct uw_ring *writes, struct uw_ring *reads)
{
	for (uint64_t number = 1; number <= RECORDS; number++)
		write_record(c, writes, number);
	if (uw_ring_wait(reads, UW_RING_READ, US_PER_SEC))
		chaos_violate(c, "who waits for records that are there waits on");
	for (uint64_t number = 1; number <= RECORDS; number++)
		read_record(c, reads, number);
}

static void use_ring(struct chaos *c, struct uw *uw, struct uw *reader)
{
	struct uw_ring_options options = {
		.size = sizeof(options),
		.component = "trading_data",
		.name = "orders",
		.bytes = RING_BYTES,
	};
	struct uw_ring *writes = NULL, *reads = NULL;

	if (!chaos_done(c, "uw_ring_create", uw_ring_create(uw, &options, &writes)))
		return;
	if (chaos_done(c, "uw_ring_attach",
		       uw_ring_attach(reader, "orders", UW_READ_WRITE, &reads)))
		pass_records(c, writes, reads);
	uw_ring_close(reads);
	uw_ring_close(writes);
}

/* ---- a task ---- */

static void use_task(struct chaos *c, struct uw *uw)
{
	struct uw_task task = {
		.size = sizeof(task), .component = "ml_models", .name = "train", .bytes = MIB};
	struct uw_task_status status = {.size = sizeof(status)};
	uint64_t id = 0;

	if (!chaos_done(c, "uw_task_submit", uw_task_submit(uw, &task, &id, NULL)))
		return;
	chaos_done(c, "uw_task_status", uw_task_status(uw, id, 10 * US_PER_SEC, &status));
	chaos_done(c, "uw_task_begin", uw_task_begin(uw, id, -1));
	chaos_done(c, "uw_task_end", uw_task_end(uw, id));
}

/* ---- all of it ---- */

static void expect_nothing_left(struct chaos *c)
{
	chaos_pause(c);
	for (int i = 0; i < 10000 && uw_fixture_leases(&fixture); i++)
		usleep(1000);
	if (uw_fixture_leases(&fixture))
		chaos_violate(c, "%u leases stay behind", uw_fixture_leases(&fixture));
	chaos_go_on(c);
}

static void act(struct chaos *c)
{
	struct uw *uw = NULL, *reader = NULL;

	if (chaos_done(c, "uw_open", uw_open(fixture.socket, &uw)) &&
	    chaos_done(c, "uw_open", uw_open(fixture.socket, &reader))) {
		use_pool(c, uw, reader);
		use_ring(c, uw, reader);
		use_task(c, uw);
	}
	uw_close(reader);
	uw_close(uw);
	expect_nothing_left(c);
}

/* The server has gone with the program's process; it was asked before. */
static void check(struct chaos *c)
{
	(void)c;
}

const struct chaos_driver chaos_pools = {
	.name = "pools",
	.how = CHAOS_FAILS,
	.prepare = prepare,
	.act = act,
	.check = check,
};

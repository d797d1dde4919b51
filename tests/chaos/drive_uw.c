// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that links libuw, against a server of leases in a process that nothing befalls: it
 * connects, leases memory in three ways, watches the pressure, frees and closes. Whatever fails in
 * the program, nothing of what it leased stays behind when it has closed, and the next call works.
 */
#include <errno.h>

#include "tests/chaos/drivers.h"
#include "tests/unit/uw_fixture.h"

#define MIBS 10U

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

/* ---- the program ---- */

static void on_pressure(void *data, const struct uw_pressure *pressure)
{
	(void)data, (void)pressure;
}

static void lease_and_free(struct chaos *c, struct uw *uw)
{
	struct uw_request request = uw_wish(MIBS), many[2] = {uw_wish(MIBS), uw_wish(MIBS)};
	struct uw_grant grant = {.size = sizeof(grant)}, grants[2] = {grant, grant};
	int outcome[2] = {-EIO, -EIO}, rc;
	uint64_t handle = 0;

	request.timeout_us = 20 * 1000 * 1000;
	rc = uw_alloc(uw, &request, &grant, NULL);
	if (rc > 0)
		chaos_violate(c, "10M of 400M are denied: %d", rc);
	if (chaos_done(c, "uw_alloc", rc))
		chaos_done(c, "uw_resize", uw_resize(uw, grant.id, 2 * MIBS * MIB, &grant, NULL));
	if (chaos_done(c, "uw_alloc_many", uw_alloc_many(uw, many, 2, grants, outcome)))
		for (int i = 0; i < 2; i++)
			if (!outcome[i])
				chaos_done(c, "uw_free", uw_free(uw, grants[i].id));
	if (chaos_done(c, "uw_on_pressure",
		       uw_on_pressure(uw, "ml_models", on_pressure, NULL, &handle)))
		chaos_done(c, "uw_off", uw_off(uw, handle));
	if (!rc)
		chaos_done(c, "uw_free", uw_free(uw, grant.id));
}

static void act(struct chaos *c)
{
	struct uw *uw = NULL;

	if (!chaos_done(c, "uw_open", uw_open(fixture.socket, &uw)))
		return;
	lease_and_free(c, uw);
	uw_close(uw);
	chaos_pause(c);
	for (int i = 0; i < 10000 && uw_fixture_leases(&fixture); i++)
		usleep(1000);
	if (uw_fixture_leases(&fixture))
		chaos_violate(c, "%u leases stay behind", uw_fixture_leases(&fixture));
	chaos_go_on(c);
}

/* The server has gone with the program's process; it was asked before. */
static void check(struct chaos *c)
{
	(void)c;
}

const struct chaos_driver chaos_uw = {
	.name = "uw",
	.how = CHAOS_FAILS,
	.prepare = prepare,
	.act = act,
	.check = check,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger of leases over slots in memory, two components of which nothing is used, and clients. */
#ifndef TESTS_UNIT_LEASE_FIXTURE_H
#define TESTS_UNIT_LEASE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/model/plan.h"
#include "user/policy/lease/lease.h"

enum {
	TRADING, /* budget 400M */
	MODELS,  /* budget 600M, borrows */
	LEASE_COMPONENTS
};

#define LEASE_LEAF 77 /* a leaf of TRADING */

struct lease_fixture {
	struct config config;
	struct lease_headroom headroom;
	struct lease_slot *slot;
	struct lease_ledger *ledger;
	uint64_t now_us;
	struct lease_result result;
};

static inline void lease_fixture_start(struct lease_fixture *f)
{
	f->ledger = calloc(1, lease_ledger_size());
	assert_non_null(f->ledger);
	lease_init(f->ledger, f->slot);
	lease_configure(f->ledger, &f->config);
	lease_look(f->ledger, &f->headroom);
}

static inline int lease_fixture_setup(void **data)
{
	struct lease_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->now_us = 1000 * US_PER_SEC;
	f->config.usable_bytes = 1000 * MIB;
	f->config.component_count = LEASE_COMPONENTS;
	f->config.lease_max = LEASE_SLOTS_CLIENT;
	strcpy(f->config.component[TRADING].name, "trading_data");
	strcpy(f->config.component[MODELS].name, "ml_models");
	f->headroom = (struct lease_headroom){
		.host_valid = true,
		.host_free_bytes = 900 * MIB,
		.usable_bytes = 1000 * MIB,
		.component[TRADING] = {.budget_bytes = 400 * MIB, .limit_bytes = 400 * MIB},
		.component[MODELS] = {.budget_bytes = 600 * MIB,
				      .limit_bytes = 600 * MIB,
				      .borrows = true},
	};
	f->slot = calloc(LEASE_SLOTS, sizeof(*f->slot));
	if (!f->slot)
		return -1;
	lease_fixture_start(f);
	lease_set_room(f->ledger, LEASE_SLOTS);
	*data = f;
	return 0;
}

static inline int lease_fixture_teardown(void **data)
{
	struct lease_fixture *f = *data;

	free(f->ledger);
	free(f->slot);
	free(f);
	return 0;
}

static inline struct lease_identity lease_who(uint32_t uid, uint32_t number)
{
	return (struct lease_identity){
		.key = 1000 + number, .pid = (int32_t)(1 + number), .start_ticks = 5, .uid = uid};
}

/* Outside of all components, and may use both. */
static inline uint32_t lease_join(struct lease_fixture *f, uint32_t uid, uint32_t number)
{
	struct lease_identity identity = lease_who(uid, number);
	struct lease_place place = {.component = COMPONENT_NONE, .may = 3};
	uint32_t client = LEASE_NO_CLIENT;

	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), 0);
	return client;
}

/* In LEASE_LEAF, which uses so much. */
static inline uint32_t lease_join_leaf(struct lease_fixture *f, uint32_t number, uint64_t use)
{
	struct lease_identity identity = lease_who(1000, number);
	struct lease_place place = {
		.component = TRADING, .leaf = LEASE_LEAF, .use_bytes = use, .may = 3};
	uint32_t client = LEASE_NO_CLIENT;

	assert_int_equal(lease_client_join(f->ledger, &identity, &place, &client), 0);
	return client;
}

static inline struct lease_request lease_wish(uint32_t client, uint32_t component, uint64_t bytes)
{
	return (struct lease_request){
		.client = client, .component = component, .priority = 5, .bytes = bytes};
}

static inline enum lease_outcome lease_ask(struct lease_fixture *f,
					   const struct lease_request *request)
{
	lease_grant(f->ledger, request, f->now_us, &f->result);
	assert_int_equal(f->result.error, 0);
	return f->result.outcome;
}

/* Plain, priority 5. */
static inline enum lease_outcome lease_ask_for(struct lease_fixture *f, uint32_t client,
					       uint32_t component, uint64_t bytes)
{
	struct lease_request request = lease_wish(client, component, bytes);

	return lease_ask(f, &request);
}

/* The id of one that must be granted. */
static inline uint64_t lease_get(struct lease_fixture *f, uint32_t client, uint32_t component,
				 uint64_t bytes)
{
	assert_int_equal(lease_ask_for(f, client, component, bytes), LEASE_GRANTED);
	assert_int_not_equal(f->result.id, 0);
	return f->result.id;
}

static inline bool lease_hears(struct lease_fixture *f)
{
	return lease_next(f->ledger, f->now_us, &f->result);
}

static inline struct lease_component_view lease_sums(const struct lease_fixture *f,
						     uint32_t component)
{
	struct lease_component_view view;

	lease_component_view(f->ledger, component, f->now_us, &view);
	return view;
}

#endif

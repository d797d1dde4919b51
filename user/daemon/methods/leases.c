// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leases for people. A page goes through a bounded number of slots, so that a ledger with few
 * leases of the component that was asked for does not hold up the loop.
 */
#include "user/daemon/methods/leases.h"

#include <inttypes.h>

#include "user/daemon/leases.h"
#include "user/daemon/leases_report.h"
#include "user/ipc/json.h"

#define SLOTS_A_PAGE 4096U

/* COMPONENT_NONE for all; false when that is answered. */
static bool read_filter(const struct daemon *daemon, const json_t *parameters,
			struct ipc_answer *answer, uint32_t *ret_component)
{
	const json_t *value = json_object_get(parameters, "component");
	int index;

	*ret_component = COMPONENT_NONE;
	if (!value || json_is_null(value))
		return true;
	index = json_is_string(value) ? config_find(&daemon->config, json_string_value(value)) : -1;
	if (index < 0) {
		ipc_answer_fail(answer, IPC_ERROR_NO_COMPONENT, "there is no component '%.64s'",
				json_get_text(parameters, "component"));
		return false;
	}
	*ret_component = (uint32_t)index;
	return true;
}

static void method_leases(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	uint64_t count = json_get_u64_or(call->parameters, "count", IPC_LEASES_A_PAGE);
	uint64_t slot = json_get_u64_or(call->parameters, "from", 0), end;
	uint32_t component;
	json_t *list;

	if (!read_filter(daemon, call->parameters, answer, &component))
		return;
	if (slot > LEASE_SLOTS)
		slot = LEASE_SLOTS;
	if (count > IPC_LEASES_A_PAGE)
		count = IPC_LEASES_A_PAGE;
	end = slot + SLOTS_A_PAGE < LEASE_SLOTS ? slot + SLOTS_A_PAGE : LEASE_SLOTS;
	list = json_array();
	for (; slot < end && json_array_size(list) < count; slot++) {
		struct lease_view view;

		if (lease_read(daemon->leases, (uint32_t)slot, &view) && !view.pool &&
		    (component == COMPONENT_NONE || view.component == component))
			json_array_append_new(list, leases_encode_one(daemon, &view));
	}
	answer->parameters = json_pack("{s:o, s:o}", "leases", list, "next",
				       slot < LEASE_SLOTS ? json_number(slot) : json_null());
}

static void method_pools(struct daemon *daemon, const struct ipc_call *call,
			 struct ipc_answer *answer)
{
	uint32_t component;
	json_t *list;

	if (!read_filter(daemon, call->parameters, answer, &component))
		return;
	list = json_array();
	for (uint32_t i = 0; i < LEASE_POOLS; i++) {
		struct lease_pool_view view;

		if (lease_pool_read(daemon->leases, i, &view) &&
		    (component == COMPONENT_NONE || view.component == component))
			json_array_append_new(list, leases_encode_pool(daemon, i, &view));
	}
	answer->parameters = json_pack("{s:o}", "pools", list);
}

static void method_free(struct daemon *daemon, const struct ipc_call *call,
			struct ipc_answer *answer)
{
	uint64_t id = json_get_u64(call->parameters, "id");

	if (leases_take(daemon, id))
		ipc_answer_fail(answer, IPC_ERROR_NO_LEASE, "there is no lease %" PRIu64, id);
}

bool methods_lease_handle(struct daemon *daemon, const struct ipc_call *call,
			  struct ipc_answer *answer)
{
	if (call->method != IPC_LEASES && call->method != IPC_FREE_LEASE &&
	    call->method != IPC_POOLS)
		return false;
	if (!daemon->leases)
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "uwd has no leases: %s",
				daemon->leases_why.text);
	else if (call->method == IPC_LEASES)
		method_leases(daemon, call, answer);
	else if (call->method == IPC_POOLS)
		method_pools(daemon, call, answer);
	else
		method_free(daemon, call, answer);
	return true;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls uwd over its socket, and turns values of its answers into text: bytes, times, shares and
 * rates, with the word that an absent value stands for.
 */
#include "user/cli/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/command.h"
#include "user/model/component.h"

int remote_open(const struct cli *cli, struct ipc_client *ret_client, struct uw_err *err)
{
	return ipc_client_open(cli->options.socket ?: IPC_SOCKET_PATH, ret_client, err);
}

bool remote_is_absent(int r)
{
	return r == -ECONNREFUSED;
}

bool remote_is_passing(int r)
{
	return remote_is_absent(r) || r == -EPIPE || r == -EBUSY || r == -ETIMEDOUT;
}

void remote_await(const struct cli *cli, uint64_t pause_us, bool *announced)
{
	struct timespec pause = {
		.tv_sec = (time_t)(pause_us / US_PER_SEC),
		.tv_nsec = (long)(pause_us % US_PER_SEC * NS_PER_US),
	};

	if (!*announced)
		fprintf(stderr, "uwctl %s: uwd does not answer; waiting for it\n",
			cli->command->name);
	*announced = true;
	nanosleep(&pause, NULL);
}

static int call_within(const struct cli *cli, uint64_t timeout_us, enum ipc_method method,
		       json_t *parameters, json_t **ret_answer, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	int r = remote_open(cli, &client, err);

	if (r < 0)
		json_decref(parameters);
	else
		r = ipc_client_call(&client, method, parameters, timeout_us, ret_answer, err);
	ipc_client_close(&client);
	return r;
}

int remote_call(const struct cli *cli, enum ipc_method method, json_t *parameters,
		json_t **ret_answer, struct uw_err *err)
{
	return call_within(cli, REMOTE_TIMEOUT_US, method, parameters, ret_answer, err);
}

int remote_call_queue(const struct cli *cli, enum ipc_method method, json_t *parameters,
		      json_t **ret_answer, struct uw_err *err)
{
	return call_within(cli, REMOTE_QUEUE_TIMEOUT_US, method, parameters, ret_answer, err);
}

json_t *remote_component(const struct cli *cli)
{
	return cli->argc ? json_pack("{s:s}", "component", cli->argv[0]) : json_object();
}

static const char *absent_or(const char *absent, const json_t *object, const char *key,
			     uint64_t *ret_value)
{
	*ret_value = json_get_u64(object, key);
	return *ret_value == UINT64_MAX ? absent : NULL;
}

const char *value_bytes(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;

	return absent_or("-", object, key, &value) ?: units_print_bytes(value, buf);
}

const char *value_limit(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;

	return absent_or("max", object, key, &value) ?: units_print_bytes(value, buf);
}

const char *value_user(const json_t *object, char buf[static VALUE_LEN])
{
	uint64_t uid = json_get_u64_or(object, "uid", 0);
	const struct passwd *user = getpwuid((uid_t)uid);

	snprintf(buf, VALUE_LEN, "%" PRIu64, uid);
	return user ? user->pw_name : buf;
}

const char *value_us(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;

	return absent_or("never", object, key, &value) ?: units_print_us(value, buf);
}

const char *value_permyriad(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;

	return absent_or("-", object, key, &value) ?: units_print_permyriad(value, buf);
}

const char *value_percent(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;

	return absent_or("-", object, key, &value)
		       ?: units_print_permyriad((value + 5) / 10 * 10, buf);
}

const char *value_points(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	int64_t permyriad = json_get_i64(object, key);
	uint64_t size = permyriad < 0 ? (uint64_t)-permyriad : (uint64_t)permyriad;

	if (!size)
		return "0";
	snprintf(buf, VALUE_LEN, "%c%" PRIu64 ".%02" PRIu64 " points", permyriad < 0 ? '-' : '+',
		 size / 100, size % 100);
	return buf;
}

/* Below a page a second it stands still. */
const char *value_rate(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	int64_t rate = json_get_i64(object, key);
	uint64_t size = rate < 0 ? (uint64_t)-rate : (uint64_t)rate;
	char text[UNITS_TEXT_LEN];

	if (size < 4096)
		return "0";
	snprintf(buf, VALUE_LEN, "%c%.20s/s", rate < 0 ? '-' : '+', units_print_bytes(size, text));
	return buf;
}

static const char *value_count(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t value;
	const char *absent = absent_or("-", object, key, &value);

	if (absent)
		return absent;
	snprintf(buf, VALUE_LEN, "%" PRIu64, value);
	return buf;
}

const char *value_in_unit(const json_t *object, const char *key, const char *unit,
			  char buf[static VALUE_LEN])
{
	static const struct {
		const char *unit;
		const char *(*text)(const json_t *object, const char *key,
				    char buf[static VALUE_LEN]);
	} rows[] = {
		{"bytes", value_limit},
		{"us", value_us},
		{"permyriad", value_permyriad},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].unit, unit))
			return rows[i].text(object, key, buf);
	}
	return value_count(object, key, buf);
}

enum paint level_paint(const char *level)
{
	static const enum paint paints[LEVEL__COUNT] = {
		[LEVEL_NORMAL] = PAINT_GOOD,  [LEVEL_LOW] = PAINT_NOTE,
		[LEVEL_MEDIUM] = PAINT_NOTE,  [LEVEL_HIGH] = PAINT_WARN,
		[LEVEL_CRITICAL] = PAINT_BAD, [LEVEL_EMERGENCY] = PAINT_BAD,
	};

	for (int i = 0; i < LEVEL__COUNT; i++) {
		if (!strcmp(level_name((enum level)i), level))
			return paints[i];
	}
	return PAINT_PLAIN;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of uwd as commands make them, and its answers as text that a person reads. */
#ifndef UW_CLI_REMOTE_H
#define UW_CLI_REMOTE_H

#include "user/base/units.h"
#include "user/cli/cli.h"
#include "user/ipc/client.h"
#include "user/ipc/json.h"

#define REMOTE_TIMEOUT_US 5000000ULL /* uwd answers between two ticks, so within milliseconds */

/* What jobs are asked and changed by is answered when it is on disk, which may be slow. */
#define REMOTE_QUEUE_TIMEOUT_US 60000000ULL

/* Connects to where the options say. Errors as of ipc_client_open. */
int remote_open(const struct cli *cli, struct ipc_client *ret_client, struct uw_err *err);

/* Connects, calls once, closes. Steals parameters. */
int remote_call(const struct cli *cli, enum ipc_method method, json_t *parameters,
		json_t **ret_answer, struct uw_err *err);

/* As remote_call, for the methods of the queue: within REMOTE_QUEUE_TIMEOUT_US. */
int remote_call_queue(const struct cli *cli, enum ipc_method method, json_t *parameters,
		      json_t **ret_answer, struct uw_err *err);

/* True for the errors of remote_open that say: uwd does not run. */
bool remote_is_absent(int r);

/* True for what ends while uwd is restarted, or is over soon. */
bool remote_is_passing(int r);

/* Says once that uwd is away, and sleeps before the next try; *announced is kept by the caller, who
 * clears it when uwd is back. */
void remote_await(const struct cli *cli, uint64_t pause_us, bool *announced);

#define REMOTE_RETRY_US 500000ULL /* between two tries to reach a uwd that went away */

/* {"component": word} for the first word, {} without one. */
json_t *remote_component(const struct cli *cli);

#define VALUE_LEN UNITS_TEXT_LEN

/* A number of object in its unit; absent is "-", or "max" and "never" where that is what it means.
 */
const char *value_bytes(const json_t *object, const char *key, char buf[static VALUE_LEN]);
const char *value_limit(const json_t *object, const char *key, char buf[static VALUE_LEN]);
const char *value_us(const json_t *object, const char *key, char buf[static VALUE_LEN]);

/* Points that edges have moved by: "-2.50 points", "0". */
const char *value_points(const json_t *object, const char *key, char buf[static VALUE_LEN]);

/* The user of "uid", by number where there is no name; valid until the next one. */
const char *value_user(const json_t *object, char buf[static VALUE_LEN]);
const char *value_permyriad(const json_t *object, const char *key, char buf[static VALUE_LEN]);
const char *value_percent(const json_t *object, const char *key, char buf[static VALUE_LEN]);
const char *value_rate(const json_t *object, const char *key, char buf[static VALUE_LEN]);

/* By the name of its unit, as the interface gives it. */
const char *value_in_unit(const json_t *object, const char *key, const char *unit,
			  char buf[static VALUE_LEN]);

enum paint level_paint(const char *level);

#endif

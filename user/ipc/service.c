// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns one call into one answer: finds the method, checks in peer_may that the caller has the
 * right to it, and has the daemon's handler fill the answer. Whose jobs a caller may see or change
 * is asked in daemon/methods (select.c, change.c), who may submit in daemon/submitters.c. The
 * methods by which Varlink tools ask what there is are answered here.
 */
#include "user/ipc/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/ipc/wire.h"

#define PRODUCT "uwctl"
#define VENDOR  "The uwctl authors"
#define URL     "man:uwctl(8)"

json_t *service_reply(json_t *parameters, const char *error, bool continues)
{
	json_t *reply = json_object();

	if (!parameters)
		parameters = json_object();
	if (json_object_set_new(reply, "parameters", parameters) < 0)
		goto fail;
	if (error && json_object_set_new(reply, "error", json_string(error)) < 0)
		goto fail;
	if (continues && json_object_set_new(reply, "continues", json_true()) < 0)
		goto fail;
	return reply;
fail:
	json_decref(reply);
	return NULL;
}

/* Takes text. */
static int write_text(char *text, size_t count, bool continues, char **ret_bytes, size_t *ret_count)
{
	static const char head[] = "{\"parameters\":", end[] = "}", more[] = ",\"continues\":true}";
	const char *tail = continues ? more : end;
	size_t head_count = strlen(head), tail_count = strlen(tail) + 1;
	size_t all = head_count + count + tail_count;
	AUTO_FREE char *taken = text;
	char *bytes = all > WIRE_MESSAGE_MAX ? NULL : malloc(all);

	if (!bytes)
		return all > WIRE_MESSAGE_MAX ? -EMSGSIZE : -ENOMEM;
	memcpy(bytes, head, head_count);
	memcpy(bytes + head_count, taken, count);
	memcpy(bytes + head_count + count, tail, tail_count);
	*ret_bytes = bytes;
	*ret_count = all;
	return 0;
}

int service_write(struct ipc_answer *answer, char **ret_bytes, size_t *ret_count)
{
	AUTO_JSON json_t *reply = NULL;

	if (answer->text)
		return write_text(TAKE(answer->text), answer->text_count, answer->follow, ret_bytes,
				  ret_count);
	reply = service_reply(TAKE(answer->parameters), answer->error, answer->follow);
	return reply ? wire_encode(reply, ret_bytes, ret_count) : -ENOMEM;
}

void ipc_answer_fail(struct ipc_answer *answer, const char *error, const char *fmt, ...)
{
	char text[UW_ERR_TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_decref(answer->parameters);
	answer->parameters = json_pack("{s:s}", "reason", text);
	answer->error = error;
	answer->follow = false;
}

void ipc_answer_bad_parameter(struct ipc_answer *answer, const char *parameter)
{
	json_decref(answer->parameters);
	answer->parameters = json_pack("{s:s}", "parameter", parameter);
	answer->error = IPC_ERROR_INVALID_PARAMETER;
	answer->follow = false;
}

void ipc_answer_write(struct ipc_answer *answer, struct json_writer *text)
{
	if (text->failed) {
		free(TAKE(text->bytes));
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	answer->text = TAKE(text->bytes);
	answer->text_count = text->count;
}

void ipc_answer_done(struct ipc_answer *answer)
{
	json_decref(answer->parameters);
	free(answer->text);
	*answer = (struct ipc_answer){0};
}

static void service_get_info(const struct ipc_server_conf *conf, const json_t *parameters,
			     struct ipc_answer *answer)
{
	(void)parameters;
	answer->parameters = json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", VENDOR,
				       "product", PRODUCT, "version", conf->version, "url", URL,
				       "interfaces", IPC_SERVICE, IPC_INTERFACE);
}

static const char service_interface_text[] =
	"# What every Varlink service answers\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (\n"
	"\tvendor: string, product: string, version: string, url: string,\n"
	"\tinterfaces: []string\n"
	")\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

static void service_get_description(const struct ipc_server_conf *conf, const json_t *parameters,
				    struct ipc_answer *answer)
{
	const char *name = json_string_value(json_object_get(parameters, "interface"));
	AUTO_FREE char *text = NULL;

	(void)conf;
	if (!name) {
		ipc_answer_bad_parameter(answer, "interface");
	} else if (!strcmp(name, IPC_SERVICE)) {
		answer->parameters = json_pack("{s:s}", "description", service_interface_text);
	} else if (!strcmp(name, IPC_INTERFACE)) {
		text = ipc_interface_text();
		answer->parameters = json_pack("{s:s}", "description", text ? text : "");
	} else {
		answer->parameters = json_pack("{s:s}", "interface", name);
		answer->error = IPC_ERROR_NO_INTERFACE;
	}
}

static const struct service_method {
	const char *name;
	void (*answer)(const struct ipc_server_conf *conf, const json_t *parameters,
		       struct ipc_answer *answer);
} service_methods[] = {
	{IPC_SERVICE ".GetInfo", service_get_info},
	{IPC_SERVICE ".GetInterfaceDescription", service_get_description},
};

static const struct service_method *service_method_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(service_methods); i++) {
		if (!strcmp(service_methods[i].name, name))
			return &service_methods[i];
	}
	return NULL;
}

/* True when peer may call row; says why not otherwise. */
static bool peer_may(const struct ipc_peer *peer, const struct ipc_method_row *row,
		     struct ipc_answer *answer)
{
	if (peer->uid == 0 || row->by_job || (peer->member && !row->needs_root))
		return true;
	if (row->needs_root)
		ipc_answer_fail(answer, IPC_ERROR_NOT_PERMITTED,
				"this changes things and is for root only, not for uid %u; use "
				"sudo",
				(unsigned int)peer->uid);
	else
		ipc_answer_fail(
			answer, IPC_ERROR_NOT_PERMITTED,
			"this is for root and the members of uwd's group, not for uid %u; use "
			"sudo, or 'usermod -aG uw USER' and log in again",
			(unsigned int)peer->uid);
	return false;
}

/* 1 when the peer had no right, else 0. */
static int method_answer(const struct ipc_server_conf *conf, const struct ipc_call *call,
			 struct ipc_answer *answer)
{
	const struct ipc_method_row *row = ipc_method_row(call->method);

	if (!peer_may(call->peer, row, answer))
		return 1;
	conf->handle(conf->data, call, answer);
	if (!call->more || answer->error)
		answer->follow = false;
	return 0;
}

static void unknown_method(const char *name, struct ipc_answer *answer)
{
	answer->parameters = json_pack("{s:s}", "method", name);
	answer->error = IPC_ERROR_NO_METHOD;
}

static void too_long(const char *name, struct ipc_answer *answer)
{
	ipc_answer_fail(answer, IPC_ERROR_FAILED, "a call of %.64s may have %u KiB", name,
			IPC_CALL_SHORT >> 10);
}

/* NULL: no method of ours. */
static const struct ipc_method_row *row_of(const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "method"));
	int index = name ? ipc_method_find(name) : -1;

	return index >= 0 ? ipc_method_row((enum ipc_method)index) : NULL;
}

bool service_is_long(const json_t *message)
{
	const struct ipc_method_row *row = row_of(message);

	return row && row->is_long;
}

bool service_is_of_caller(const json_t *message)
{
	const struct ipc_method_row *row = row_of(message);

	return row && row->of_caller;
}

static bool message_flag(const json_t *message, const char *key)
{
	return json_is_true(json_object_get(message, key));
}

int service_answer(const struct ipc_server_conf *conf, const struct ipc_peer *peer, uint64_t token,
		   const json_t *message, bool is_long, char **ret_bytes, size_t *ret_count,
		   int *ret_follow)
{
	const char *name = json_string_value(json_object_get(message, "method"));
	json_t *parameters = json_object_get(message, "parameters");
	AUTO_JSON json_t *none = json_object();
	const struct service_method *service;
	struct ipc_answer answer = {0};
	struct ipc_call call = {.peer = peer, .token = token};
	int index, refused = 0, rc;

	if (!name || (parameters && !json_is_object(parameters)))
		return -EBADMSG;
	if (!none)
		return -ENOMEM;
	call.parameters = parameters ? parameters : none;
	call.more = message_flag(message, "more");
	service = service_method_find(name);
	index = ipc_method_find(name);
	if (is_long && !service_is_long(message)) {
		too_long(name, &answer);
	} else if (service) {
		service->answer(conf, call.parameters, &answer);
	} else if (index >= 0) {
		call.method = (enum ipc_method)index;
		refused = method_answer(conf, &call, &answer);
	} else {
		unknown_method(name, &answer);
	}
	*ret_follow = SERVICE_NO_FOLLOW;
	*ret_bytes = NULL;
	if (message_flag(message, "oneway")) {
		*ret_follow = answer.later ? SERVICE_SILENT : SERVICE_NO_FOLLOW;
		ipc_answer_done(&answer);
		return refused;
	}
	if (answer.later) {
		*ret_follow = SERVICE_LATER;
		return refused;
	}
	if (answer.follow)
		*ret_follow = index;
	rc = service_write(&answer, ret_bytes, ret_count);
	return rc ? rc : refused;
}

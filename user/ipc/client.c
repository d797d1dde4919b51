// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * This is the calling side of the control socket. It connects, sends a call and waits for one
 * answer or for a stream of them, within a time. Errors of the system and of uwd become a text that
 * says what the caller can do about it.
 */
#include "user/ipc/client.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/ipc/json.h"

#define READ_CHUNK 16384U

/* The words of failures, for programs. */
#define NOT_RUNNING   "not-running"
#define NOT_PERMITTED "not-permitted"
#define BUSY          "busy"

/* Where no group of that name is, nobody can become a member of it. Root need not; it may be a
 * child of a program with threads besides, Slurm's, in which others' locks are never given back. */
static int no_right(const char *path, struct uw_err *err)
{
	bool made = !geteuid() || getgrnam("uw");

	return err_set_as(err, NOT_PERMITTED, -EACCES,
			  "no right to talk to uwd: %s is for root and the members of its group; "
			  "use sudo, or%s 'usermod -aG uw USER' and log in again",
			  path, made ? "" : " 'groupadd --system uw', restart uwd, then");
}

static int connect_error(const char *path, int r, struct uw_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return err_set_as(
			err, NOT_RUNNING, -ECONNREFUSED,
			"uwd is not running (%s %s); start it with 'systemctl start uwd', "
			"or 'uwd &' where there is no systemd",
			r == -ENOENT ? "no" : "nobody answers on", path);
	case -EACCES:
	case -EPERM:
		return no_right(path, err);
	case -EAGAIN:
		return err_set_as(err, BUSY, -EBUSY,
				  "uwd has too many clients waiting on %s; try again", path);
	default:
		return err_set(err, r, "connect to %s: %s", path, strerror(-r));
	}
}

int ipc_client_open(const char *path, struct ipc_client *ret_client, struct uw_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return err_set(err, -ENAMETOOLONG, "socket path %s is longer than %zu bytes", path,
			       sizeof(address.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return connect_error(path, -errno, err);
	*ret_client = (struct ipc_client){.fd = TAKE_FD(fd)};
	return 0;
}

void ipc_client_close(struct ipc_client *client)
{
	if (client->fd < 0)
		return;
	close(client->fd);
	wire_reader_done(&client->in);
	client->fd = -1;
}

/* Waits for events until deadline_us. 0, -ETIMEDOUT, or a negative errno. */
static int wait_for(int fd, short events, uint64_t deadline_us)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now_us = clock_now_us();
		int timeout_ms = -1, r;

		if (deadline_us != UINT64_MAX) {
			if (now_us >= deadline_us)
				return -ETIMEDOUT;
			timeout_ms = (int)((deadline_us - now_us) / US_PER_MS + 1);
		}
		r = poll(&poll_fd, 1, timeout_ms);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* A call is far smaller than a socket buffer: a full one means that uwd does not read. */
#define SEND_US (5 * US_PER_SEC)

static int send_all(int fd, const char *bytes, size_t count)
{
	uint64_t deadline_us = clock_now_us() + SEND_US;

	while (count) {
		ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
		int r;

		if (sent >= 0) {
			bytes += sent;
			count -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLOUT, deadline_us);
		if (r < 0)
			return r;
	}
	return 0;
}

int ipc_client_send(struct ipc_client *client, enum ipc_method method, json_t *parameters,
		    bool more, struct uw_err *err)
{
	AUTO_JSON json_t *call = NULL;
	AUTO_FREE char *bytes = NULL;
	char name[64];
	size_t count;
	int r;

	snprintf(name, sizeof(name), "%s.%s", IPC_INTERFACE, ipc_method_row(method)->name);
	if (!parameters)
		parameters = json_object();
	call = json_pack("{s:s, s:o, s:b}", "method", name, "parameters", parameters, "more", more);
	r = call ? wire_encode(call, &bytes, &count) : -ENOMEM;
	if (r >= 0)
		r = send_all(client->fd, bytes, count);
	/* A server that turned us away has already said why and closed: its words are waiting. */
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0;
	return r < 0 ? err_set(err, r, "call of uwd's %s: %s", name, strerror(-r)) : 0;
}

static const struct error_row {
	const char *name;
	int code;
	const char *word;
	const char *key; /* the parameter that holds the words */
	const char *format;
} error_rows[] = {
	{IPC_ERROR_FAILED, -EREMOTEIO, "failed", "reason", "%s"},
	{IPC_ERROR_REFUSED, -EPERM, "refused", "reason", "%s"},
	{IPC_ERROR_BAD_CONFIG, -EINVAL, "bad-configuration", "reason", "%s"},
	{IPC_ERROR_NOT_PERMITTED, -EPERM, NOT_PERMITTED, "reason", "%s"},
	{IPC_ERROR_BUSY, -EBUSY, BUSY, "reason", "%s"},
	{IPC_ERROR_NO_COMPONENT, -ENOENT, "no-such-component", "reason", "%s"},
	{IPC_ERROR_NO_LEAF, -ENOENT, "no-such-leaf", "reason", "%s"},
	{IPC_ERROR_BAD_JOB, -EINVAL, "bad-job", "reason", "%s"},
	{IPC_ERROR_NO_JOB, -ESRCH, "no-such-job", "reason", "%s"},
	{IPC_ERROR_NO_LEASE, -ESRCH, "no-such-lease", "reason", "%s"},
	{IPC_ERROR_QUEUE_FULL, -EDQUOT, "queue-full", "reason", "%s"},
	{IPC_ERROR_INVALID_PARAMETER, -EINVAL, "invalid", "parameter",
	 "uwd does not accept this value of %s"},
	{IPC_ERROR_NO_METHOD, -EOPNOTSUPP, "not-supported", "method",
	 "this uwd has no %s; is it older than uwctl? restart it"},
	{IPC_ERROR_NOT_IMPLEMENTED, -EOPNOTSUPP, "not-supported", "method",
	 "this uwd was built without %s"},
};

static int answer_error(const json_t *message, const char *name, struct uw_err *err)
{
	const json_t *parameters = json_object_get(message, "parameters");

	for (size_t i = 0; i < ARRAY_SIZE(error_rows); i++) {
		const struct error_row *row = &error_rows[i];
		char text[UW_ERR_TEXT_LEN];
		int words;

		if (strcmp(row->name, name) != 0)
			continue;
		words = (int)(strstr(row->format, "%s") - row->format);
		snprintf(text, sizeof(text), "%.*s%s%s", words, row->format,
			 json_get_text(parameters, row->key), row->format + words + 2);
		return err_set_as(err, row->word, row->code, "%s", text);
	}
	return err_set(err, -EREMOTEIO, "uwd answered with error %s", name);
}

/* 1: more to come, 0: the last one, or a negative errno. */
static int answer_take(const json_t *message, json_t **ret_answer, struct uw_err *err)
{
	const char *error = json_string_value(json_object_get(message, "error"));
	json_t *parameters = json_object_get(message, "parameters");

	if (error)
		return answer_error(message, error, err);
	if (!json_is_object(parameters))
		return err_set(err, -EBADMSG, "uwd's answer has no parameters");
	*ret_answer = json_incref(parameters);
	return json_get_bool(message, "continues") ? 1 : 0;
}

static int receive(struct ipc_client *client, uint64_t deadline_us, struct uw_err *err)
{
	char chunk[READ_CHUNK];
	ssize_t count;
	int r = wait_for(client->fd, POLLIN, deadline_us);

	if (r == -ETIMEDOUT)
		return err_set_as(
			err, "no-answer", r,
			"uwd does not answer in time: 'systemctl status uwd' says what "
			"it does, 'systemctl restart uwd' ends a hang and keeps the jobs");
	if (r < 0)
		return err_set(err, r, "wait for uwd's answer: %s", strerror(-r));
	count = recv(client->fd, chunk, sizeof(chunk), 0);
	if (count == 0 || (count < 0 && errno == ECONNRESET))
		return err_set_as(err, "connection-lost", -EPIPE,
				  "uwd closed the connection; 'uwctl status' says whether "
				  "it runs");
	if (count < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : err_set(err, -errno, "read uwd's answer: %s", strerror(errno));
	r = wire_reader_feed(&client->in, chunk, (size_t)count);
	return r < 0 ? err_set(err, r, "uwd's answer: %s", strerror(-r)) : 0;
}

int ipc_client_next(struct ipc_client *client, uint64_t timeout_us, json_t **ret_answer,
		    struct uw_err *err)
{
	uint64_t deadline_us = timeout_us == UINT64_MAX ? UINT64_MAX : clock_now_us() + timeout_us;

	for (;;) {
		AUTO_JSON json_t *message = NULL;
		int r = wire_reader_next(&client->in, &message, err);

		if (r < 0) {
			err_prefix(err, "uwd's answer");
			return r;
		}
		if (r > 0)
			return answer_take(message, ret_answer, err);
		r = receive(client, deadline_us, err);
		if (r < 0)
			return r;
	}
}

int ipc_client_call(struct ipc_client *client, enum ipc_method method, json_t *parameters,
		    uint64_t timeout_us, json_t **ret_answer, struct uw_err *err)
{
	int r = ipc_client_send(client, method, parameters, false, err);

	return r < 0 ? r : ipc_client_next(client, timeout_us, ret_answer, err);
}

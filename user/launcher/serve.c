// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers one connection: a request comes with the files of a shim, the shim is made, its pidfd
 * goes back. A request that cannot be read ends the connection, as what comes after it cannot be
 * believed. A child for each connection keeps one that hangs or is killed from being the last.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/launcher/packet.h"

static int answer(int socket, const char *program, struct shim_request *request)
{
	AUTO_CLOSE int pidfd = launcher_fork(program, request);

	packet_close_files(
		request); /* the slot's lock is the shim's alone before anybody hears of it */
	return packet_send_result(socket, pidfd);
}

int launcher_serve(int socket, const char *program, struct uw_err *err)
{
	struct shim_request request;
	int rc;

	for (;;) {
		rc = packet_receive_request(socket, &request);
		if (rc > 0)
			rc = answer(socket, program, &request);
		else if (!rc || rc == -EPIPE)
			return 0;
		if (rc == -EPIPE) /* who asked looks at the slot */
			return 0;
		if (rc)
			return err_set(err, rc, "uw-launcher: a start could not be %s: %s",
				       rc == -EBADMSG ? "read" : "answered", strerror(-rc));
	}
}

int launcher_hand_on(int socket, int *ret_connection, struct uw_err *err)
{
	for (;;) {
		AUTO_CLOSE int connection = -1;
		int rc = packet_receive_connection(socket, &connection);
		pid_t pid;

		if (rc == -EPIPE)
			return 0;
		if (rc || connection < 0)
			return err_set(err, rc ? rc : connection,
				       "uw-launcher: a connection could not be read: %s",
				       strerror(rc ? -rc : -connection));
		pid = fork();
		if (pid) /* who finds it closed asks again */
			continue;
		close(socket);
		*ret_connection = TAKE_FD(connection);
		return 1;
	}
}

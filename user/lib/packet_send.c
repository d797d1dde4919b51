// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A packet on its way, with an fd where one goes along. Used by both ends.
 */
#include <string.h>
#include <sys/socket.h>

#include "user/lib/packet.h"

static ssize_t send_with(int socket, const struct packet_out *out, int fd, int flags)
{
	struct iovec from = {out->bytes, out->used};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {
		.msg_iov = &from,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(socket, &message, flags);
}

ssize_t packet_send(int socket, const struct packet_out *out, int fd, int flags)
{
	flags |= MSG_NOSIGNAL;
	return fd < 0 ? send(socket, out->bytes, out->used, flags)
		      : send_with(socket, out, fd, flags);
}

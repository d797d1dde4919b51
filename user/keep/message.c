// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets of a keeper's socket. There is room for one fd in each: the kernel closes what more came,
 * and says so, and then the packet is refused with its fd. */
#include "user/keep/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

_Static_assert(sizeof(struct keep_message) == 48, "a layout of the wire");

int keep_send(int socket, const struct keep_message *message, int fd)
{
	struct iovec from = {(void *)message, sizeof(*message)};
	union control control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr header = {.msg_iov = &from, .msg_iovlen = 1};

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -EPIPE;
	}
	return 0;
}

static int fd_of(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

static int check(const struct keep_message *message, ssize_t size, int flags)
{
	if (!size)
		return -EPIPE;
	if (size != (ssize_t)sizeof(*message) || flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    message->magic != KEEP_MAGIC || message->op >= KEEP_OP__COUNT || message->zero ||
	    message->offset > KEEP_BYTES_MAX || message->bytes > KEEP_BYTES_MAX)
		return -EBADMSG;
	return 0;
}

int keep_receive(int socket, struct keep_message *ret_message, int *ret_fd)
{
	struct iovec into = {ret_message, sizeof(*ret_message)};
	union control control;
	struct msghdr header = {
		.msg_iov = &into,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int rc, fd;

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	fd = fd_of(&header);
	rc = check(ret_message, size, header.msg_flags);
	if (rc && fd >= 0)
		close(fd);
	else if (!rc)
		*ret_fd = fd;
	return rc;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets between uwd and uw-launcher. The kernel takes files in flight along in an array: those of
 * a request stand in it by enum launcher_fd, and the last may be missing.
 */
#include "user/launcher/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

#define START_MAGIC  0x316c7775U /* "uwl1": another layout is another number */
#define RESULT_MAGIC 0x31727775U /* "uwr1" */
#define JOIN_MAGIC   0x316a7775U /* "uwj1" */

struct start_packet {
	uint32_t magic, slot;
	uint64_t log_limit_bytes;
	char submit[SUBMIT_LEN];
};

struct result_packet {
	uint32_t magic;
	int32_t result;
};

_Static_assert(sizeof(struct start_packet) == 144, "a layout of the wire");

union launcher_control {
	struct cmsghdr head;
	char room[CMSG_SPACE(LAUNCHER_FD__COUNT * sizeof(int))];
};

static int send_packet(int socket, const void *bytes, size_t size, const int *fds, size_t count)
{
	struct iovec from = {(void *)bytes, size};
	union launcher_control control = {
		.head = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr header = {.msg_iov = &from, .msg_iovlen = 1};

	if (count) {
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -EPIPE;
	}
	return 0;
}

static size_t take_files(struct msghdr *header, int fds[LAUNCHER_FD__COUNT])
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	size_t count;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(control), count * sizeof(int));
	return count;
}

/* 1: a packet of that size, or of none that is known (-EBADMSG); 0: the end. */
static int receive_packet(int socket, void *bytes, size_t size, int fds[LAUNCHER_FD__COUNT],
			  size_t *ret_count)
{
	struct iovec into = {bytes, size};
	union launcher_control control;
	struct msghdr header = {
		.msg_iov = &into,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(LAUNCHER_FD__COUNT * sizeof(int)), /* no padding */
	};
	ssize_t n;

	do
		n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	*ret_count = take_files(&header, fds);
	if (!n && !*ret_count)
		return 0;
	return (size_t)n == size && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ? 1 : -EBADMSG;
}

static void no_files(int fds[LAUNCHER_FD__COUNT])
{
	for (int i = 0; i < LAUNCHER_FD__COUNT; i++)
		fds[i] = -1;
}

void packet_close_files(struct shim_request *request)
{
	for (int i = 0; i < LAUNCHER_FD__COUNT; i++)
		if (request->fd[i] >= 0)
			close(request->fd[i]);
	no_files(request->fd);
}

/* ---- a start ---- */

int packet_send_request(int socket, const struct shim_request *request)
{
	struct start_packet packet = {
		.magic = START_MAGIC,
		.slot = request->slot,
		.log_limit_bytes = request->log_limit_bytes,
	};
	bool has_group = request->fd[LAUNCHER_GROUP] >= 0;

	text_copy(packet.submit, sizeof(packet.submit), request->submit);
	return send_packet(socket, &packet, sizeof(packet), request->fd,
			   has_group ? LAUNCHER_FD__COUNT : LAUNCHER_GROUP);
}

static bool is_start(const struct start_packet *packet, size_t files)
{
	return packet->magic == START_MAGIC && files >= LAUNCHER_GROUP &&
	       memchr(packet->submit, '\0', sizeof(packet->submit));
}

int packet_receive_request(int socket, struct shim_request *ret_request)
{
	struct start_packet packet;
	size_t files = 0;
	int rc;

	no_files(ret_request->fd);
	rc = receive_packet(socket, &packet, sizeof(packet), ret_request->fd, &files);
	if (rc > 0 && !is_start(&packet, files))
		rc = -EBADMSG;
	if (rc <= 0) {
		packet_close_files(ret_request);
		return rc;
	}
	ret_request->slot = packet.slot;
	ret_request->log_limit_bytes = packet.log_limit_bytes;
	memcpy(ret_request->submit, packet.submit, sizeof(packet.submit));
	return 1;
}

/* ---- one file, or why there is none ---- */

static int send_file(int socket, uint32_t magic, int file)
{
	const struct result_packet packet = {magic, file < 0 ? file : 0};

	return send_packet(socket, &packet, sizeof(packet), &file, file < 0 ? 0 : 1);
}

static int receive_file(int socket, uint32_t magic, int *ret_file)
{
	struct shim_request files;
	struct result_packet packet;
	size_t count = 0;
	int rc;

	no_files(files.fd);
	rc = receive_packet(socket, &packet, sizeof(packet), files.fd, &count);
	if (!rc)
		rc = -EPIPE;
	if (rc > 0 &&
	    (packet.magic != magic || count != (packet.result ? 0 : 1) || packet.result > 0))
		rc = -EBADMSG;
	if (rc > 0)
		*ret_file = packet.result ? packet.result : TAKE_FD(files.fd[0]);
	packet_close_files(&files);
	return rc > 0 ? 0 : rc;
}

int packet_send_result(int socket, int result)
{
	return send_file(socket, RESULT_MAGIC, result);
}

int packet_receive_result(int socket, int *ret_result)
{
	return receive_file(socket, RESULT_MAGIC, ret_result);
}

int packet_send_connection(int socket, int connection)
{
	return send_file(socket, JOIN_MAGIC, connection);
}

int packet_receive_connection(int socket, int *ret_connection)
{
	return receive_file(socket, JOIN_MAGIC, ret_connection);
}

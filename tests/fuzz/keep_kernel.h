/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the keeper asks of the kernel, without one: a socket that listens, connections to it and
 * memory files are numbers in a table, packets lie in queues, and poll tells what there is and
 * never waits. So a call costs nothing, and what is closed twice, used when it is closed or left
 * open is seen. To be included before the keeper's own files, which take these names for the
 * kernel's.
 */
#ifndef TESTS_FUZZ_KEEP_KERNEL_H
#define TESTS_FUZZ_KEEP_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD 1000
#define FDS      1024
#define QUEUE    512

enum fd_kind {
	FD_CLOSED,
	FD_LISTENER,
	FD_CONNECTION,
	FD_FILE
};

struct packet {
	uint8_t bytes[64];
	size_t size;
	bool has_fd;
};

struct queue {
	struct packet packet[QUEUE];
	uint32_t first, count;
};

/* The keeper's end has a number once it is accepted, until it is closed. */
struct connection {
	struct queue asked, answered;
	int fd;
	bool is_accepted, is_left; /* left: by who asks */
};

static struct {
	enum fd_kind kind[FDS];
	uint64_t bytes[FDS]; /* of files */
	int next, open;
	struct connection connection[2]; /* the last one and the one before */
	uint32_t newest;
	bool is_waiting; /* to be accepted */
} kernel;

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_keep: %s\n", what);
	abort();
}

/* Numbers come once. */
static int open_fd(enum fd_kind kind)
{
	require(kernel.next < FDS, "too many files for one input");
	kernel.kind[kernel.next] = kind;
	kernel.bytes[kernel.next] = UINT64_MAX;
	kernel.open++;
	return FIRST_FD + kernel.next++;
}

/* Of a number that no file has had: closed. */
static enum fd_kind kind_of(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + FDS ? kernel.kind[fd - FIRST_FD] : FD_CLOSED;
}

static void require_fd(int fd, enum fd_kind kind)
{
	require(kind_of(fd) == kind, "a file that is not open, or another");
}

static struct connection *connection_of(int fd)
{
	struct connection *newest = &kernel.connection[kernel.newest];

	require_fd(fd, FD_CONNECTION);
	return newest->is_accepted && newest->fd == fd ? newest
						       : &kernel.connection[!kernel.newest];
}

static void put(struct queue *queue, const void *bytes, size_t size, bool has_fd)
{
	struct packet *packet = &queue->packet[(queue->first + queue->count) % QUEUE];

	require(queue->count++ < QUEUE && size <= sizeof(packet->bytes), "too much is said");
	memcpy(packet->bytes, bytes, size);
	packet->size = size;
	packet->has_fd = has_fd;
}

static const struct packet *get(struct queue *queue)
{
	const struct packet *packet = &queue->packet[queue->first];

	if (!queue->count)
		return NULL;
	queue->first = (queue->first + 1) % QUEUE;
	queue->count--;
	return packet;
}

/* ---- calls ---- */

static int kernel_close(int fd)
{
	require(kind_of(fd) != FD_CLOSED, "what is closed is not open");
	if (kind_of(fd) == FD_CONNECTION)
		connection_of(fd)->fd = -1;
	kernel.kind[fd - FIRST_FD] = FD_CLOSED;
	kernel.open--;
	return 0;
}

static int kernel_accept(int fd)
{
	struct connection *newest = &kernel.connection[kernel.newest];

	require_fd(fd, FD_LISTENER);
	require(kernel.is_waiting, "nobody is to be accepted");
	kernel.is_waiting = false;
	newest->is_accepted = true;
	return newest->fd = open_fd(FD_CONNECTION);
}

static int kernel_credentials(int fd, struct ucred *ret_who)
{
	require_fd(fd, FD_CONNECTION);
	ret_who->uid = geteuid();
	return 0;
}

static short events_of(const struct pollfd *asked)
{
	const struct connection *connection;
	bool is_readable;

	if (asked->fd < 0)
		return 0;
	if (kind_of(asked->fd) == FD_LISTENER)
		return kernel.is_waiting ? POLLIN : 0;
	connection = connection_of(asked->fd);
	is_readable = connection->asked.count || connection->is_left;
	return (short)((is_readable ? asked->events & POLLIN : 0) |
		       (connection->is_left ? POLLHUP : 0));
}

static int kernel_poll(struct pollfd *asked, nfds_t count)
{
	int ready = 0;

	for (nfds_t i = 0; i < count; i++) {
		asked[i].revents = events_of(&asked[i]);
		ready += asked[i].revents != 0;
	}
	return ready;
}

static ssize_t kernel_send(int fd, const struct msghdr *header)
{
	struct connection *connection = connection_of(fd);
	const struct cmsghdr *control = header->msg_controllen ? CMSG_FIRSTHDR(header) : NULL;
	int sent;

	if (control) {
		memcpy(&sent, CMSG_DATA(control), sizeof(sent));
		require_fd(sent, FD_FILE);
	}
	if (connection->is_left) {
		errno = EPIPE;
		return -1;
	}
	put(&connection->answered, header->msg_iov->iov_base, header->msg_iov->iov_len, control);
	return (ssize_t)header->msg_iov->iov_len;
}

static ssize_t kernel_receive(int fd, struct msghdr *header)
{
	struct connection *connection = connection_of(fd);
	const struct packet *packet = get(&connection->asked);
	size_t room = header->msg_iov->iov_len;
	struct cmsghdr *control;
	int received;

	if (!packet && connection->is_left)
		return 0;
	if (!packet) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(header->msg_iov->iov_base, packet->bytes, packet->size < room ? packet->size : room);
	header->msg_flags = packet->size > room ? MSG_TRUNC : 0;
	if (!packet->has_fd) {
		header->msg_controllen = 0;
		return (ssize_t)packet->size;
	}
	control = CMSG_FIRSTHDR(header);
	*control = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	received = open_fd(FD_FILE);
	memcpy(CMSG_DATA(control), &received, sizeof(received));
	return (ssize_t)(packet->size < room ? packet->size : room);
}

static int kernel_size(int fd, off_t bytes)
{
	require_fd(fd, FD_FILE);
	kernel.bytes[fd - FIRST_FD] = (uint64_t)bytes;
	return 0;
}

static int kernel_seal(int fd)
{
	require_fd(fd, FD_FILE);
	return 0;
}

static int kernel_allocate(int fd, off_t offset, off_t bytes)
{
	require_fd(fd, FD_FILE);
	require(offset >= 0 && bytes > 0 &&
			(uint64_t)offset + (uint64_t)bytes <= kernel.bytes[fd - FIRST_FD],
		"more is committed than the file has");
	return 0;
}

/* ---- who asks ---- */

static struct connection *kernel_connect(void)
{
	require(!kernel.is_waiting, "the last one was not accepted");
	kernel.newest = !kernel.newest;
	kernel.connection[kernel.newest].asked.count = 0;
	kernel.connection[kernel.newest].answered.count = 0;
	kernel.connection[kernel.newest].is_accepted = false;
	kernel.connection[kernel.newest].is_left = false;
	kernel.connection[kernel.newest].fd = -1;
	kernel.is_waiting = true;
	return &kernel.connection[kernel.newest];
}

/* ---- the names ---- */

#define close(fd)                              kernel_close(fd)
#define accept4(fd, address, size, flags)      kernel_accept(fd)
#define getsockopt(fd, level, name, who, size) kernel_credentials(fd, who)
#define poll(asked, count, timeout)            kernel_poll(asked, count)
#define sendmsg(fd, header, flags)             kernel_send(fd, header)
#define recvmsg(fd, header, flags)             kernel_receive(fd, header)
#define memfd_create(name, flags)              open_fd(FD_FILE)
#define ftruncate(fd, bytes)                   kernel_size(fd, bytes)
#define fchmod(fd, mode)                       kernel_seal(fd)
#define fcntl(fd, ...)                         kernel_seal(fd)
#define fallocate(fd, mode, offset, bytes)     kernel_allocate(fd, offset, bytes)

#endif

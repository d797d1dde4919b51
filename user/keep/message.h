/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd and a keeper of pools say to each other over a SEQPACKET socket: packets of one fixed
 * layout, each with at most one fd. uwd asks, and each request gets one reply with its cookie and
 * the same op, in any order; a list gets one for each pool before. Neither side believes the other
 * more than the layout: what does not fit is -EBADMSG.
 */
#ifndef UW_KEEP_MESSAGE_H
#define UW_KEEP_MESSAGE_H

#include <stdint.h>

#define KEEP_MAGIC     0x316b7775U /* "uwk1": another layout is another number */
#define KEEP_BYTES_MAX (1ULL << 50)

enum keep_op {
	KEEP_MAKE,   /* a pool of so many bytes; the reply has its fd */
	KEEP_TAKE,   /* holds the fd that comes with it as this pool */
	KEEP_COMMIT, /* gives memory to a part; the reply says how far that came */
	KEEP_DROP,   /* lets the pool go */
	KEEP_LIST,   /* a reply for each pool with its fd, and then one without a pool */
	KEEP_OP__COUNT
};

struct keep_message {
	uint32_t magic;
	uint32_t op;
	uint64_t cookie; /* of uwd */
	uint64_t pool;   /* its id; 0: none */
	uint64_t offset, bytes;
	int32_t result; /* of a reply: 0 or a negative errno */
	uint32_t zero;
};

/* fd goes with it unless it is -1, and stays the caller's. -EAGAIN when the socket is full and does
 * not wait, -EPIPE. */
int keep_send(int socket, const struct keep_message *message, int fd);

/* *ret_fd is the caller's, or -1. 0, -EAGAIN, -EPIPE at the end, -EBADMSG. */
int keep_receive(int socket, struct keep_message *ret_message, int *ret_fd);

#endif

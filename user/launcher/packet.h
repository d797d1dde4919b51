/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd and uw-launcher say to each other over a SEQPACKET socket: a request with the files that
 * the shim is to have, and one reply with its pidfd. Neither believes the other more than the
 * layout: what does not fit is -EBADMSG, and every file that came with it is closed.
 */
#ifndef UW_LAUNCHER_PACKET_H
#define UW_LAUNCHER_PACKET_H

#include "user/launcher/launcher.h"

/* 0, -EAGAIN when there is no room for it within the socket's timeout, -EPIPE. */
int packet_send_request(int socket, const struct shim_request *request);

/* 1: there is one, and its files are the caller's; 0: the other end was closed; -EBADMSG, -EPIPE.
 */
int packet_receive_request(int socket, struct shim_request *ret_request);

/* result: a pidfd, which stays the caller's, or a negative errno. */
int packet_send_result(int socket, int result);

/* *ret_result: a pidfd, now the caller's, or a negative errno. -EAGAIN within the socket's timeout,
 * -EPIPE, -EBADMSG; so too when there was no room for the pidfd. */
int packet_receive_result(int socket, int *ret_result);

void packet_close_files(struct shim_request *request);

/* To a launcher that serves several: one end of a connection, which stays the caller's. As
 * packet_send_request. */
int packet_send_connection(int socket, int connection);

/* A connection, or what packet_receive_result says of the packet; -EPIPE: the other end was closed.
 */
int packet_receive_connection(int socket, int *ret_connection);

#endif

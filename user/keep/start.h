/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where uwd and a keeper find each other. */
#ifndef UW_KEEP_START_H
#define UW_KEEP_START_H

#define KEEP_PROGRAM   UW_LIBEXEC_DIR "/uw-keep"
#define KEEP_SOCKET    "/run/uw/keep-%s.sock" /* of a component */
#define KEEP_FD_LISTEN 3
#define KEEP_FD_GROUP  4

#endif

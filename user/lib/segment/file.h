/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of segments, as file descriptors that nothing is known of yet. Internal to segment. */
#ifndef UW_LIB_SEGMENT_FILE_H
#define UW_LIB_SEGMENT_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* A sealed memfd of so many bytes, without pages. Its fd, or a negative errno. */
int segment_file_make(const char *name, uint64_t bytes);

/* Whether it is sealed as ours are, of a size that a segment has, and open for that; as
 * segment_attach. */
int segment_file_check(int fd, bool writable, uint64_t *ret_bytes);

#endif

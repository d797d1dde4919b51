/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounded text and small whole-file reads and writes. Nothing here allocates. */
#ifndef UW_BASE_TEXT_H
#define UW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies with truncation, always terminated. True when all of src fitted. */
bool text_copy(char *dst, size_t size, const char *src);

/* A component, run or job name: 1 to 31 characters of [a-z0-9_-], first one a letter or digit. */
bool text_is_name(const char *name);

/* A key or tag in size bytes: terminated, and at least one of letters, digits and _-.:@/+. */
bool text_is_word(const char *text, size_t size);

/* Reads a whole small file through a kept fd with pread(2) at 0. Terminates. Returns the length or
 * a negative errno; -ENOBUFS when it did not fit. */
long text_pread(int fd, char *buf, size_t size);

/* Opens dirfd/path, reads, closes. As text_pread. */
long text_read_at(int dirfd, const char *path, char *buf, size_t size);

/* Opens dirfd/path for writing (never creates), one write(2), closes. 0 or a negative errno. */
int text_write_at(int dirfd, const char *path, const char *value);

/* Finds "key VALUE" at the start of a line (memory.stat, memory.events). -ENOENT when missing. */
int text_key_u64(const char *text, const char *key, uint64_t *ret_value);

#endif

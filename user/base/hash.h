/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): who does not know the secret can neither find two
 * texts with one hash nor tell from a hash what it is of. About 1 ns a byte.
 */
#ifndef UW_BASE_HASH_H
#define UW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SECRET_LEN 16

uint64_t hash_keyed(const uint8_t secret[static HASH_SECRET_LEN], const void *bytes, size_t count);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hash of texts that others choose, where two with the same one would mix what is kept of them or
 * make a table slow. It takes eight bytes a step, and the rest with the length as a last one.
 */
#include "user/base/hash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t turn(uint64_t value, unsigned int by)
{
	return value << by | value >> (64 - by);
}

static void mix(struct sip *sip, int rounds)
{
	while (rounds--) {
		sip->a += sip->b;
		sip->c += sip->d;
		sip->b = turn(sip->b, 13) ^ sip->a;
		sip->d = turn(sip->d, 16) ^ sip->c;
		sip->a = turn(sip->a, 32) + sip->d;
		sip->c += sip->b;
		sip->d = turn(sip->d, 21) ^ sip->a;
		sip->b = turn(sip->b, 17) ^ sip->c;
		sip->c = turn(sip->c, 32);
	}
}

static void take(struct sip *sip, uint64_t word)
{
	sip->d ^= word;
	mix(sip, 2);
	sip->a ^= word;
}

static uint64_t word_at(const uint8_t *at, size_t count)
{
	uint64_t word = 0;

	memcpy(&word, at, count);
	return le64toh(word);
}

uint64_t hash_keyed(const uint8_t secret[static HASH_SECRET_LEN], const void *bytes, size_t count)
{
	uint64_t first = word_at(secret, 8), second = word_at(secret + 8, 8);
	const uint8_t *at = bytes, *end = at + count / 8 * 8;
	struct sip sip = {
		first ^ 0x736f6d6570736575ULL,
		second ^ 0x646f72616e646f6dULL,
		first ^ 0x6c7967656e657261ULL,
		second ^ 0x7465646279746573ULL,
	};

	for (; at < end; at += 8)
		take(&sip, word_at(at, 8));
	take(&sip, (uint64_t)count << 56 | (count % 8 ? word_at(at, count % 8) : 0));
	sip.c ^= 0xff;
	mix(&sip, 4);
	return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

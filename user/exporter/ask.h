/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks uwd for its metrics and makes a page of them. A connection for each question, so that a uwd
 * that was started anew is found by itself. Not thread-safe.
 */
#ifndef UW_EXPORTER_ASK_H
#define UW_EXPORTER_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/metrics/text.h"

/*
 * All of this but the settings is zero at first. An answer, or that there is none, is good for
 * fresh_us: however often a page is fetched, uwd is asked no oftener.
 */
struct ask {
	const char *socket;  /* of uwd */
	uint64_t timeout_us; /* for its answer */
	uint64_t fresh_us;
	uint64_t asked_us; /* 0: never */
	json_t *answer;    /* NULL: uwd is away, err says why */
	struct uw_err err;
	bool was_away; /* it was said so in the log */
};

struct page {
	char *text; /* malloced; NULL: out of memory */
	size_t size;
	enum metrics_format format;
	bool up; /* else a comment that says why not, in the older format, and uw_up 0 */
};

void ask_page(struct ask *ask, enum metrics_format format, struct page *ret_page);

void ask_done(struct ask *ask);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uw-guard's one loop. It waits on the ledger's lock; when it gets it, uwd is gone and whatever the
 * ledger holds is undone at once (the hand-over stands in user/ledger/ledger.h). While uwd lives it
 * checks ten times a second, or once when nothing is entered, for freezes past their deadline and
 * for a heartbeat that stopped. It allocates nothing after its start.
 */
#ifndef UW_GUARD_GUARD_H
#define UW_GUARD_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"

struct guard_options {
	const char *pool;   /* directory; NULL: the one the ledger names */
	const char *ledger; /* file */
};

/* Until SIGTERM or SIGINT; then what a dead uwd left is undone before it returns. 0, or a negative
 * errno: -EBUSY when another guard watches this ledger. */
int guard_run(const struct guard_options *options, struct uw_err *err);

/* Undoes once what a dead uwd left. 0 also when there is nothing; -EBUSY while a uwd lives; -EIO
 * when something could not be undone. */
int guard_undo_once(const struct guard_options *options, struct uw_err *err);

/* A living uwd whose last heartbeat was at beat_us hangs: it has been silent for LEDGER_STALE_US
 * and the late_us of that time in which nobody ran. */
bool guard_is_stale(uint64_t beat_us, uint64_t late_us, uint64_t now_us);

#endif

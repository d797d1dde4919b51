/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recommend: what jobs asked for, what they used, and what would have served. Two questions, two
 * sources:
 *
 * A key of a user, from the runs of it that are kept: the peaks of those that ended well, and of
 * those that ended for want of memory, whose peak is less than they needed. What would have served
 * is the largest peak and 5 %, as the estimator adds at the least (policy/admit); where the largest
 * is of one that outgrew its memory it is only a bound from below (at_least).
 *
 * Beside it stands by what the key's next run is predicted, memory and time, and how far off that
 * was for the last runs (policy/admit/predict.h).
 *
 * A component, from its last runs, whatever their key: how much they held at the same time
 * (together.h). What would have served is the 95th percentile of that over the time in which
 * any ran, but the largest single peak at the least, and 5 %. Not the maximum: in the 20th part of
 * the time that is over it a job waits its turn a little, which is what the queue is for, while a
 * share for the maximum stands idle for the rest. Only root is told, as nobody else's history has
 * all of the runs.
 */
#ifndef UW_DAEMON_METHODS_RECOMMEND_H
#define UW_DAEMON_METHODS_RECOMMEND_H

#include "user/base/hash.h"
#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/store/history.h"

struct recommend_query {
	struct config config;
	const char *component; /* NULL: all */
	char key[JOB_KEY_LEN]; /* "": all */
	uint64_t count;
	bool one_user, has_after;
	uint32_t uid;
	struct store_key_at after;
	uint8_t secret[HASH_SECRET_LEN]; /* that keys are stored by */
};
json_t *recommend_page(struct store_reader *reader, const void *query);

void method_recommend(struct daemon *daemon, const struct ipc_call *call,
		      struct ipc_answer *answer);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several ways to tell what the next run of a key will take, and which of them has told it best for
 * that key so far. Pure integers. Each is asked before a run's own figures are learned, so its
 * error is of predictions and not of fits; what always stands is left only for one that was better
 * by a tenth over the last runs.
 *
 * Memory. All but the request have up to 2 MiB on top, the less the larger they are: how much of
 * its programs and their libraries a run is charged for differs by that, and a footprint of some
 * MiB would be too little for nothing. Error of a footprint: what it had and did not use, as a
 * share of the request; of one that was too little all that it had, and what twice as much (but at
 * most the request) has too much. Who could not say is as far off as the peaks, which stand in
 * then. Time. Error: the difference, as a share of the longer of both.
 */
#ifndef UW_POLICY_ADMIT_PREDICT_H
#define UW_POLICY_ADMIT_PREDICT_H

#include "user/policy/admit/estimate.h"

/* The error of a run that is over, in permille; predicted 0: could not say. */
uint32_t admit_run_error(uint64_t predicted_us, uint64_t took_us);
uint32_t admit_peak_error(uint64_t predicted_bytes, uint64_t peak_bytes, uint64_t request_bytes);

/* Of one way each; 0 where it cannot say. */
uint64_t admit_predict_run(const struct admit_digest *digest, enum admit_run_by by,
			   uint64_t declared_us, uint64_t input_bytes);
uint64_t admit_predict_peak(const struct admit_key *key, const struct admit_digest *digest,
			    enum admit_peak_by by, uint64_t request_bytes, uint64_t input_bytes);

/* What each way would have said of this run, and then which one to go by from now on. */
void admit_score_learn(struct admit_score *score, const struct admit_key *key,
		       const struct admit_digest *digest, const struct admit_run *run);

/* The same of the runs that are kept, for a key that is read back: over the last 16, each of
 * which costs a digest. */
void admit_score_again(const struct admit_key *key, struct admit_score *ret);

/* Through the runs kept for which the size of the input is known; sxx 0: no line. */
void admit_line_fit(const struct admit_key *key, bool peaks, struct admit_line *ret);

#endif

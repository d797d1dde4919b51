// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps for each way of predicting how far off it was, as a mean over some eight runs of times and
 * sixteen of memory, and says which one to go by. A run is held against what each would have said
 * before it; which way is best follows from the runs that are kept, so that it is worked out again
 * for a key that is read back.
 */
#include "user/policy/admit/predict.h"

#include "user/policy/num.h"

/* Over so many an error is a mean. What is learned of times changes sooner. */
#define RUN_RUNS   8
#define PEAK_RUNS  16
#define SURE_RUNS  3 /* before so many nothing is left for another */
#define BETTER_PCT 90
#define PERMILLE   1000

uint32_t admit_run_error(uint64_t predicted_us, uint64_t took_us)
{
	uint64_t most = max_u64(predicted_us, took_us), least = min_u64(predicted_us, took_us);

	return predicted_us ? (uint32_t)mul_div(most - least, PERMILLE, most) : PERMILLE;
}

uint32_t admit_peak_error(uint64_t predicted_bytes, uint64_t peak_bytes, uint64_t request_bytes)
{
	uint64_t had = min_u64(predicted_bytes, request_bytes), wasted;

	if (!had)
		return 2 * PERMILLE;
	if (had >= peak_bytes)
		wasted = had - peak_bytes;
	else
		wasted = had +
			 sub_sat(min_u64(max_u64(2 * had, peak_bytes), request_bytes), peak_bytes);
	return (uint32_t)min_u64(mul_div(wasted, PERMILLE, request_bytes), 2 * PERMILLE);
}

static void add(uint32_t *mean, uint32_t error, uint32_t n)
{
	*mean = (uint32_t)(((uint64_t)*mean * (n - 1) + error) / n);
}

static uint8_t best_of(const uint32_t *error, uint8_t count)
{
	uint8_t best = 0;

	for (uint8_t by = 1; by < count; by++)
		if (error[by] < error[best] && (best || error[by] < error[0] * BETTER_PCT / 100))
			best = by;
	return best;
}

/* Where a way cannot say, the peaks stand in for it. */
static void add_peak_errors(struct admit_score *score, const struct admit_key *key,
			    const struct admit_digest *digest, const struct admit_run *run)
{
	uint64_t request = run->asked_kib * KIB, input = run->input_kib * KIB;
	uint64_t peaks = admit_predict_peak(key, digest, ADMIT_PEAK_QUANTILE, request, input);
	uint32_t n = (uint32_t)min_u64(score->tried, PEAK_RUNS);

	for (int by = 0; by < ADMIT_PEAK__COUNT; by++) {
		uint64_t told =
			admit_predict_peak(key, digest, (enum admit_peak_by)by, request, input);

		add(&score->peak_error[by],
		    admit_peak_error(told ?: peaks, run->peak_kib * KIB, request), n);
	}
}

void admit_score_learn(struct admit_score *score, const struct admit_key *key,
		       const struct admit_digest *digest, const struct admit_run *run)
{
	uint64_t took = (uint64_t)run->run_ms * US_PER_MS, input = run->input_kib * KIB;
	uint64_t declared = run->declared_s * US_PER_SEC;
	uint32_t n;

	if (!digest->base_bytes || !run->run_ms || !run->asked_kib)
		return;
	score->tried += score->tried < UINT32_MAX;
	n = (uint32_t)min_u64(score->tried, RUN_RUNS);
	for (int by = 0; by < ADMIT_RUN__COUNT; by++)
		add(&score->run_error[by],
		    admit_run_error(
			    admit_predict_run(digest, (enum admit_run_by)by, declared, input),
			    took),
		    n);
	add_peak_errors(score, key, digest, run);
	if (score->tried < SURE_RUNS)
		return;
	score->run_by = best_of(score->run_error, ADMIT_RUN__COUNT);
	score->peak_by = best_of(score->peak_error, ADMIT_PEAK__COUNT);
}

void admit_score_again(const struct admit_key *key, struct admit_score *ret)
{
	struct admit_digest digest;
	struct admit_key before;

	admit_key_init(&before, key->key);
	before.outgrown = key->outgrown;
	*ret = (struct admit_score){0};
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = &key->run[(key->first + i) % ADMIT_KEY_RUNS];

		if (i + PEAK_RUNS >= key->count) {
			admit_key_digest(&before, &digest);
			admit_score_learn(ret, &before, &digest, run);
		}
		admit_key_learn(&before, run);
	}
}

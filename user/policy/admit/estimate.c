// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the last runs of a key in a ring and sums them up when one is added: quantiles, maxima and
 * spread of their peaks, and the mean of the last running times. An estimate is read from that sum
 * without looking at the runs again.
 */
#include "user/policy/admit/estimate.h"

#include <string.h>

#include "user/policy/admit/predict.h"
#include "user/policy/num.h"

/*
 * Found on the traces of the bench, mean wait at 12x and at 5x: as it stands 399 and 2777 s. One at
 * a time: p85 405, 3393; p95 423, 3091; pace p50 394, 3397; a third more or less of spread changes
 * less than the order of two seeds does. A margin that does not look at the spread, at 12x: 540; no
 * pace: 735; and the first of a key held to its request: 790. With .3 / n for few, where it is .02
 * now, x5 1396 s is 1296, and eager 7630 is some 7410, as with any from 0 to .05.
 */
#define QUANTILE_PCT   95
#define RECENT         5
#define RECENT_RUNS    2
#define MARGIN_PERMIL  1010
#define SPREAD_PERMIL  300 /* * min(1, 2 * spread) / sqrt(n) */
#define SPREAD_COUNTED 2
#define FEW_PERMIL     20 /* / n */
#define PACE_PCT       30
/*
 * Of 4,000 keys that run once and take 15 or 95 % of what they ask for, mean wait and failed jobs
 * in 100 with the request and with a quarter to begin with: where a third take 15 % 1,781 s (1.2)
 * and 6,175 (15), so not then; where two thirds do 21,714 (.6) and 10,976 (3.6).
 */
#define WITHIN_PCT    67
#define WITHIN_LEAST  8
#define OUTGROWN_PART 4
#define PPM           1000000ULL
#define SHOWN_PCT     133 /* of the peak of a run that goes on, where no other is known */

void admit_key_init(struct admit_key *key, uint64_t id)
{
	memset(key, 0, sizeof(*key));
	key->version = ADMIT_KEY_VERSION;
	key->key = id;
}

void admit_key_learn(struct admit_key *key, const struct admit_run *run)
{
	if (!run->run_ms) {
		key->least_kib = (uint32_t)max_u64(key->least_kib, run->peak_kib);
		return;
	}
	if (run->peak_kib >= key->least_kib)
		key->least_kib = 0;
	if (key->count < ADMIT_KEY_RUNS) {
		key->run[(key->first + key->count++) % ADMIT_KEY_RUNS] = *run;
	} else {
		key->run[key->first] = *run;
		key->first = (key->first + 1) % ADMIT_KEY_RUNS;
	}
	if (key->total < UINT32_MAX)
		key->total++;
}

/* The run that ended `back` runs ago, 0 the last. */
static const struct admit_run *run_back(const struct admit_key *key, uint32_t back)
{
	return &key->run[(key->first + key->count - 1 - back) % ADMIT_KEY_RUNS];
}

/* What is learned of a run: its peak in KiB, or that as a share of its request. */
static uint64_t peak_of(const struct admit_run *run)
{
	return run->peak_kib;
}

static uint64_t share_of(const struct admit_run *run)
{
	return mul_div(run->peak_kib, PPM, run->asked_kib);
}

typedef uint64_t (*measure_fn)(const struct admit_run *run);

/* Of the runs kept: what most of them stay within; and how much they differ, in permille: all of
 * them, and the upper half. */
struct peak_sample {
	uint64_t base, most;
	uint64_t spread, upper_spread;
};

static void sort(const struct admit_key *key, measure_fn measure,
		 uint64_t sorted[static ADMIT_KEY_RUNS])
{
	for (uint32_t i = 0; i < key->count; i++) {
		uint64_t value = measure(run_back(key, i));
		uint32_t at = i;

		for (; at && sorted[at - 1] > value; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = value;
	}
}

static uint64_t most_recent(const struct admit_key *key, measure_fn measure)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < key->count && i < RECENT; i++)
		most = max_u64(most, measure(run_back(key, i)));
	return most;
}

static struct peak_sample sample_of(const struct admit_key *key, measure_fn measure)
{
	bool often = key->outgrown > key->total / OUTGROWN_PART;
	uint32_t n = key->count, at = often ? n - 1 : (n * QUANTILE_PCT + 99) / 100 - 1;
	uint64_t sorted[ADMIT_KEY_RUNS] = {0};
	struct peak_sample sample;

	sort(key, measure, sorted);
	sample.most = sorted[n - 1];
	sample.base = max_u64(sorted[at], most_recent(key, measure));
	sample.spread = mul_div(sample.most - sorted[0], 1000, sample.most);
	sample.upper_spread = mul_div(sample.most - sorted[(n - 1) / 2], 1000, sample.most);
	return sample;
}

/* 1000 * sqrt(n), rounded down; n <= ADMIT_KEY_RUNS. */
static uint32_t root_permille(uint32_t n)
{
	uint32_t root = 0;

	for (uint32_t bit = 1U << 13; bit; bit >>= 1)
		if ((uint64_t)(root + bit) * (root + bit) <= (uint64_t)n * 1000000)
			root += bit;
	return root;
}

static uint64_t mean_run(const struct admit_key *key)
{
	uint64_t sum = 0;
	uint32_t n = 0;

	for (; n < key->count && n < RECENT_RUNS; n++)
		sum += run_back(key, n)->run_ms;
	return n ? sum * US_PER_MS / n : 0;
}

static uint64_t with_margin(const struct peak_sample *sample, uint32_t n, uint64_t scale)
{
	uint64_t counted = min_u64(SPREAD_COUNTED * sample->upper_spread, 1000);
	uint64_t permille =
		MARGIN_PERMIL + SPREAD_PERMIL * counted / root_permille(n) + FEW_PERMIL / n;

	return mul_div(sample->base * scale, permille, 1000);
}

static bool all_asked(const struct admit_key *key)
{
	for (uint32_t i = 0; i < key->count; i++)
		if (!run_back(key, i)->asked_kib)
			return false;
	return true;
}

/* The last one, and the most that one has risen over the one before. */
static uint64_t last_with_rise(const struct admit_key *key, measure_fn measure)
{
	uint64_t rise = 0;

	for (uint32_t back = 0; back + 1 < key->count; back++)
		rise = max_u64(rise, sub_sat(measure(run_back(key, back)),
					     measure(run_back(key, back + 1))));
	return measure(run_back(key, 0)) + rise;
}

static uint32_t mean_share(const struct admit_key *key)
{
	uint64_t sum = 0;
	uint32_t n = 0;

	for (; n < key->count && n < RECENT_RUNS; n++) {
		const struct admit_run *run = run_back(key, n);

		if (!run->declared_s)
			return 0;
		sum += permyriad_of(run->run_ms, (uint64_t)run->declared_s * 1000);
	}
	return (uint32_t)min_u64(max_u64(sum / n, 1), PERMYRIAD_ONE);
}

void admit_key_digest(const struct admit_key *key, struct admit_digest *ret)
{
	struct peak_sample peaks, shares;

	*ret = (struct admit_digest){0};
	if (!key->count)
		return;
	peaks = sample_of(key, peak_of);
	ret->base_bytes =
		max_u64(with_margin(&peaks, key->count, KIB), max_u64(key->least_kib * KIB, 1));
	ret->most_bytes = max_u64(peaks.most, key->least_kib) * KIB;
	ret->run_us = mean_run(key);
	ret->last_bytes = last_with_rise(key, peak_of) * KIB;
	ret->share_permyriad = mean_share(key);
	admit_line_fit(key, false, &ret->run_line);
	admit_line_fit(key, true, &ret->peak_line);
	if (!all_asked(key))
		return;
	shares = sample_of(key, share_of);
	if (shares.spread > peaks.spread)
		return;
	ret->base_ppm = max_u64(with_margin(&shares, key->count, 1), 1);
	ret->last_ppm = last_with_rise(key, share_of);
}

static void forget_oldest(struct admit_shares *shares)
{
	uint32_t at = 0;

	while (shares->sorted[at] != shares->ring[shares->next])
		at++;
	shares->count--;
	for (; at < shares->count; at++)
		shares->sorted[at] = shares->sorted[at + 1];
}

static void add_share(struct admit_shares *shares, uint64_t took, uint64_t asked)
{
	uint64_t share = permyriad_of(took, asked);
	uint32_t at;

	if (!asked)
		return;
	if (shares->count == ADMIT_PACE_RUNS)
		forget_oldest(shares);
	share = max_u64(min_u64(share, PERMYRIAD_ONE), 1);
	for (at = shares->count++; at && shares->sorted[at - 1] > share; at--)
		shares->sorted[at] = shares->sorted[at - 1];
	shares->sorted[at] = (uint16_t)share;
	shares->ring[shares->next] = (uint16_t)share;
	shares->next = (shares->next + 1) % ADMIT_PACE_RUNS;
}

void admit_pace_learn(struct admit_pace *pace, const struct admit_run *run)
{
	if (!run->run_ms)
		return;
	add_share(&pace->times, run->run_ms, (uint64_t)run->declared_s * 1000);
	add_share(&pace->peaks, run->peak_kib, run->asked_kib);
}

void admit_pace_learn_first(struct admit_pace *pace, const struct admit_run *run)
{
	if (run->run_ms)
		add_share(&pace->firsts, run->peak_kib, run->asked_kib);
}

uint32_t admit_pace_of(const struct admit_shares *shares)
{
	return shares->count ? shares->sorted[(shares->count - 1) * PACE_PCT / 100] : 0;
}

bool admit_pace_is_within(const struct admit_shares *shares, uint32_t permyriad)
{
	uint32_t n = shares->count;

	return n >= WITHIN_LEAST && shares->sorted[(n * WITHIN_PCT + 99) / 100 - 1] <= permyriad;
}

/* Where the best way cannot say - no input was named - as ever. */
static void tell_peak(const struct admit_key *key, const struct admit_digest *digest,
		      const struct admit_score *score, const struct admit_wish *wish,
		      struct admit_estimate *ret)
{
	ret->peak_by = score->peak_by;
	ret->bytes = admit_predict_peak(key, digest, (enum admit_peak_by)score->peak_by,
					wish->request_bytes, wish->input_bytes);
	if (ret->bytes)
		return;
	ret->peak_by = ADMIT_PEAK_QUANTILE;
	ret->bytes = admit_predict_peak(key, digest, ADMIT_PEAK_QUANTILE, wish->request_bytes, 0);
}

static void tell_run(const struct admit_digest *digest, const struct admit_score *score,
		     const struct admit_wish *wish, struct admit_estimate *ret)
{
	ret->run_by = score->run_by;
	ret->run_us = admit_predict_run(digest, (enum admit_run_by)score->run_by, wish->declared_us,
					wish->input_bytes);
	if (!ret->run_us) {
		ret->run_by = digest->run_us ? ADMIT_RUN_RECENT : ADMIT_RUN_DECLARED;
		ret->run_us = digest->run_us ?: wish->declared_us;
	}
	if (wish->declared_us && ret->run_us > wish->declared_us)
		ret->run_us = wish->declared_us;
}

void admit_key_estimate(const struct admit_key *key, const struct admit_digest *digest,
			const struct admit_score *score, const struct admit_wish *wish,
			uint64_t shown_bytes, bool settled, struct admit_estimate *ret)
{
	bool as_ever = score->peak_by == ADMIT_PEAK_QUANTILE && !digest->base_ppm;

	ret->canary = !digest->base_bytes;
	tell_run(digest, score, wish, ret);
	if (digest->base_bytes) {
		tell_peak(key, digest, score, wish, ret);
		ret->bytes = max_u64(ret->bytes, as_ever ? shown_bytes : 0);
	} else if (settled && shown_bytes) {
		ret->peak_by = ADMIT_PEAK_RUNNING;
		ret->bytes = percent_of(shown_bytes, SHOWN_PCT);
	} else {
		ret->peak_by = ADMIT_PEAK_REQUEST;
		ret->bytes = wish->request_bytes;
	}
	ret->bytes = min_u64(ret->bytes, wish->request_bytes);
}

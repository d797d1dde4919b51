// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "user/policy/admit/estimate.h"
#include "user/policy/num.h"

#define QUANTILE_PCT   90 /* with growth in place: 14 % less wait than p98 on the traces */
#define RECENT         5
#define MARGIN_PCT     105
#define SPREAD_PERCENT 50 /* / sqrt(n) */
#define RECENT_RUNS    2

void admit_key_init(struct admit_key *key, uint64_t id)
{
	memset(key, 0, sizeof(*key));
	key->version = ADMIT_KEY_VERSION;
	key->key = id;
}

void admit_key_learn(struct admit_key *key, const struct admit_run *run)
{
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

static uint32_t sort_peaks(const struct admit_key *key, uint32_t sorted[static ADMIT_KEY_RUNS])
{
	for (uint32_t i = 0; i < key->count; i++) {
		uint32_t peak = run_back(key, i)->peak_kib, at = i;

		for (; at && sorted[at - 1] > peak; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = peak;
	}
	return key->count;
}

static uint32_t recent_peak(const struct admit_key *key)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < key->count && i < RECENT; i++)
		if (run_back(key, i)->peak_kib > most)
			most = run_back(key, i)->peak_kib;
	return most;
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

	for (uint32_t i = 0; i < key->count && n < RECENT_RUNS; i++) {
		if (!run_back(key, i)->run_ms)
			continue;
		sum += run_back(key, i)->run_ms;
		n++;
	}
	return n ? sum * US_PER_MS / n : 0;
}

void admit_key_digest(const struct admit_key *key, struct admit_digest *ret)
{
	uint32_t sorted[ADMIT_KEY_RUNS];
	uint32_t n = sort_peaks(key, sorted);
	uint64_t base, margin;

	*ret = (struct admit_digest){0};
	if (!n)
		return;
	base = max_u64(sorted[(n * QUANTILE_PCT + 99) / 100 - 1], recent_peak(key));
	margin = MARGIN_PCT * 1000 + SPREAD_PERCENT * 1000 * 1000 / root_permille(n);
	ret->base_bytes = mul_div(base * KIB, margin, 100 * 1000);
	ret->most_bytes = (uint64_t)sorted[n - 1] * KIB;
	ret->run_us = mean_run(key);
}

void admit_key_estimate(const struct admit_digest *digest, uint64_t request_bytes,
			uint64_t declared_us, uint64_t shown_bytes, bool settled,
			struct admit_estimate *ret)
{
	uint64_t shown = percent_of(shown_bytes, MARGIN_PCT + SPREAD_PERCENT);

	ret->canary = !digest->base_bytes;
	ret->run_us = digest->run_us ?: declared_us;
	if (declared_us && ret->run_us > declared_us)
		ret->run_us = declared_us;
	if (digest->base_bytes)
		ret->bytes = max_u64(digest->base_bytes, percent_of(shown_bytes, MARGIN_PCT));
	else if (settled && shown)
		ret->bytes = shown;
	else
		ret->bytes = request_bytes;
	ret->bytes = min_u64(ret->bytes, request_bytes);
}

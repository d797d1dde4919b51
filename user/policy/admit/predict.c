// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines by least squares in integers: inputs are scaled to 24 bits, so that sums of 64 products of
 * differences fit 63. A line says nothing outside of half the least and twice the most it is of.
 * The mean error of each way is kept over some eight runs.
 */
#include "user/policy/admit/predict.h"

#include "user/policy/num.h"

#define INPUT_BITS 24
#define LINE_RUNS  4 /* fewer runs are no line */
#define SCORE_RUNS 8 /* over so many an error is a mean */
#define SURE_RUNS  3 /* before so many nothing is left for another */
#define BETTER_PCT 90
#define PERMILLE   1000

static const struct admit_run *run_at(const struct admit_key *key, uint32_t i)
{
	return &key->run[(key->first + i) % ADMIT_KEY_RUNS];
}

static int64_t difference(uint64_t a, uint64_t b)
{
	return (int64_t)a - (int64_t)b;
}

static uint64_t line_at(const struct admit_line *line, uint64_t input_kib)
{
	uint64_t x = input_kib >> line->shift, rise;
	bool up = (x >= line->x) != line->falls;

	if (!line->sxx || !input_kib)
		return 0;
	rise = mul_div(max_u64(x, line->x) - min_u64(x, line->x), line->sxy, line->sxx);
	x = up ? add_sat(line->y, rise) : sub_sat(line->y, rise);
	return max_u64(min_u64(x, 2 * line->most), max_u64(line->least / 2, 1));
}

static bool set_means(const struct admit_key *key, struct admit_line *line)
{
	uint64_t most = 0;

	line->least = UINT64_MAX;
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = run_at(key, i);

		if (!run->input_kib)
			return false;
		most = max_u64(most, run->input_kib);
		line->least = min_u64(line->least, run->run_ms);
		line->most = max_u64(line->most, run->run_ms);
		line->y += run->run_ms;
	}
	while (most >> line->shift >> INPUT_BITS)
		line->shift++;
	for (uint32_t i = 0; i < key->count; i++)
		line->x += run_at(key, i)->input_kib >> line->shift;
	line->x /= key->count;
	line->y /= key->count;
	return true;
}

void admit_line_fit(const struct admit_key *key, struct admit_line *ret)
{
	struct admit_line line = {0};
	int64_t sxy = 0;

	*ret = line;
	if (key->count < LINE_RUNS || !set_means(key, &line))
		return;
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = run_at(key, i);
		int64_t x = difference(run->input_kib >> line.shift, line.x);

		sxy += x * difference(run->run_ms, line.y);
		line.sxx += (uint64_t)(x * x);
	}
	line.falls = sxy < 0;
	line.sxy = (uint64_t)(sxy < 0 ? -sxy : sxy);
	*ret = line;
}

static uint64_t kib_of(uint64_t bytes)
{
	return bytes / KIB + (bytes % KIB != 0);
}

uint64_t admit_predict_run(const struct admit_digest *digest, enum admit_run_by by,
			   uint64_t declared_us, uint64_t input_bytes)
{
	switch (by) {
	case ADMIT_RUN_INPUT:
		return line_at(&digest->line, kib_of(input_bytes)) * US_PER_MS;
	case ADMIT_RUN_SHARE:
		return mul_div(declared_us, digest->share_permyriad, PERMYRIAD_ONE);
	default:
		return digest->run_us;
	}
}

uint32_t admit_run_error(uint64_t predicted_us, uint64_t took_us)
{
	uint64_t most = max_u64(predicted_us, took_us), least = min_u64(predicted_us, took_us);

	return predicted_us ? (uint32_t)mul_div(most - least, PERMILLE, most) : PERMILLE;
}

static void add(uint32_t *mean, uint32_t error, uint32_t n)
{
	*mean = (uint32_t)(((uint64_t)*mean * (n - 1) + error) / n);
}

static enum admit_run_by best_of(const uint32_t error[static ADMIT_RUN__COUNT])
{
	enum admit_run_by best = ADMIT_RUN_RECENT;

	for (int by = 1; by < ADMIT_RUN__COUNT; by++)
		if (error[by] < error[best] &&
		    (best || error[by] < error[ADMIT_RUN_RECENT] * BETTER_PCT / 100))
			best = (enum admit_run_by)by;
	return best;
}

void admit_score_learn(struct admit_score *score, const struct admit_digest *digest,
		       const struct admit_run *run)
{
	uint64_t took = run->run_ms * US_PER_MS, declared = run->declared_s * US_PER_SEC;
	uint32_t n;

	if (!digest->base_bytes || !run->run_ms)
		return;
	score->tried += score->tried < UINT32_MAX;
	n = (uint32_t)min_u64(score->tried, SCORE_RUNS);
	for (int by = 0; by < ADMIT_RUN__COUNT; by++)
		add(&score->run_error[by],
		    admit_run_error(admit_predict_run(digest, (enum admit_run_by)by, declared,
						      run->input_kib * KIB),
				    took),
		    n);
	if (score->tried >= SURE_RUNS)
		score->run_by = best_of(score->run_error);
}

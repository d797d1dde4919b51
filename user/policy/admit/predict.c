// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines by least squares in integers: inputs are scaled to 24 bits, so that sums of 64 products of
 * differences fit 63. A line says nothing outside of half the least and twice the most it is of.
 * The mean error of each way is kept over some eight runs.
 */
#include "user/policy/admit/predict.h"

#include "user/policy/num.h"

#define INPUT_BITS    24
#define LINE_RUNS     4 /* fewer runs are no line */
#define SCORE_RUNS    8 /* over so many an error is a mean */
#define SURE_RUNS     3 /* before so many nothing is left for another */
#define BETTER_PCT    90
#define PERMILLE      1000
#define MARGIN_PERMIL 1030
#define PPM           1000000

static const struct admit_run *run_at(const struct admit_key *key, uint32_t i)
{
	return &key->run[(key->first + i) % ADMIT_KEY_RUNS];
}

static uint64_t y_of(const struct admit_run *run, bool peaks)
{
	return peaks ? run->peak_kib : run->run_ms;
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

/* By how much the line was too low, at most. */
static void set_offset(const struct admit_key *key, bool peaks, struct admit_line *line)
{
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = run_at(key, i);

		line->offset = max_u64(line->offset,
				       sub_sat(y_of(run, peaks), line_at(line, run->input_kib)));
	}
}

static bool set_means(const struct admit_key *key, bool peaks, struct admit_line *line)
{
	uint64_t most = 0;

	line->least = UINT64_MAX;
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = run_at(key, i);

		if (!run->input_kib)
			return false;
		most = max_u64(most, run->input_kib);
		line->least = min_u64(line->least, y_of(run, peaks));
		line->most = max_u64(line->most, y_of(run, peaks));
		line->y += y_of(run, peaks);
	}
	while (most >> line->shift >> INPUT_BITS)
		line->shift++;
	for (uint32_t i = 0; i < key->count; i++)
		line->x += run_at(key, i)->input_kib >> line->shift;
	line->x /= key->count;
	line->y /= key->count;
	return true;
}

void admit_line_fit(const struct admit_key *key, bool peaks, struct admit_line *ret)
{
	struct admit_line line = {0};
	int64_t sxy = 0;

	*ret = line;
	if (key->count < LINE_RUNS || !set_means(key, peaks, &line))
		return;
	for (uint32_t i = 0; i < key->count; i++) {
		const struct admit_run *run = run_at(key, i);
		int64_t x = difference(run->input_kib >> line.shift, line.x);

		sxy += x * difference(y_of(run, peaks), line.y);
		line.sxx += (uint64_t)(x * x);
	}
	line.falls = sxy < 0;
	line.sxy = (uint64_t)(sxy < 0 ? -sxy : sxy);
	set_offset(key, peaks, &line);
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
		return line_at(&digest->run_line, kib_of(input_bytes)) * US_PER_MS;
	case ADMIT_RUN_SHARE:
		return mul_div(declared_us, digest->share_permyriad, PERMYRIAD_ONE);
	default:
		return digest->run_us;
	}
}

uint64_t admit_predict_peak(const struct admit_digest *digest, enum admit_peak_by by,
			    uint64_t request_bytes, uint64_t input_bytes)
{
	uint64_t kib, bytes;

	switch (by) {
	case ADMIT_PEAK_INPUT:
		kib = line_at(&digest->peak_line, kib_of(input_bytes));
		kib = kib ? kib + digest->peak_line.offset : 0;
		return mul_div(kib * KIB, MARGIN_PERMIL, PERMILLE);
	case ADMIT_PEAK_LAST:
		bytes = digest->base_ppm ? mul_div(request_bytes, digest->last_ppm, PPM)
					 : digest->last_bytes;
		return mul_div(bytes, MARGIN_PERMIL, PERMILLE);
	case ADMIT_PEAK_REQUEST:
		return request_bytes;
	default:
		return digest->base_ppm ? mul_div(request_bytes, digest->base_ppm, PPM)
					: digest->base_bytes;
	}
}

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

void admit_score_learn(struct admit_score *score, const struct admit_digest *digest,
		       const struct admit_run *run)
{
	uint64_t took = (uint64_t)run->run_ms * US_PER_MS, input = run->input_kib * KIB;
	uint64_t request = run->asked_kib * KIB, declared = run->declared_s * US_PER_SEC;
	uint32_t n;

	if (!digest->base_bytes || !run->run_ms || !request)
		return;
	score->tried += score->tried < UINT32_MAX;
	n = (uint32_t)min_u64(score->tried, SCORE_RUNS);
	for (int by = 0; by < ADMIT_RUN__COUNT; by++)
		add(&score->run_error[by],
		    admit_run_error(
			    admit_predict_run(digest, (enum admit_run_by)by, declared, input),
			    took),
		    n);
	for (int by = 0; by < ADMIT_PEAK__COUNT; by++)
		add(&score->peak_error[by],
		    admit_peak_error(
			    admit_predict_peak(digest, (enum admit_peak_by)by, request, input),
			    run->peak_kib * KIB, request),
		    n);
	if (score->tried < SURE_RUNS)
		return;
	score->run_by = best_of(score->run_error, ADMIT_RUN__COUNT);
	score->peak_by = best_of(score->peak_error, ADMIT_PEAK__COUNT);
}

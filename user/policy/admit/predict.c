// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines by least squares in integers: inputs are scaled to 24 bits, so that sums of 64 products of
 * differences fit 63. A line says nothing outside of half the least and twice the most it is of.
 */
#include "user/policy/admit/predict.h"

#include "user/policy/num.h"

#define INPUT_BITS    24
#define LINE_RUNS     3 /* fewer runs are no line */
#define PERMILLE      1000
#define MARGIN_PERMIL 1010
#define PPM           1000000
/*
 * One in so many runs is near, and so many at least. Sizing on nfmix and eager, GB h and failed
 * tries in 100: a quarter 249 (2.1) and 69 (1.2), a fifth 245 (2.5) and 66 (1.2), a sixth 244
 * (2.7) and 65 (1.3); a fifth without slack 245 (3.5) and 66 (2.8).
 */
#define NEAR_PART   5
#define NEAR_LEAST  5
#define SLACK_BYTES (2 * MIB)
#define SLACK_PART  128 /* less by so much of it: none from 256 MiB on */

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

struct near_run {
	uint64_t apart; /* its input and the one asked for: the larger in permille of the smaller */
	uint64_t peak_kib;
};

/* Keeps the `most` that are nearest, nearest first; of two alike the one that came earlier. */
static void keep_near(struct near_run *near, uint32_t *count, uint32_t most,
		      const struct near_run *run)
{
	uint32_t at = *count;

	if (at == most && near[at - 1].apart <= run->apart)
		return;
	if (at == most)
		at--;
	else
		++*count;
	for (; at && near[at - 1].apart > run->apart; at--)
		near[at] = near[at - 1];
	near[at] = *run;
}

static uint64_t most_of_near(const struct admit_key *key, uint64_t input_kib)
{
	uint32_t count = 0, most = (uint32_t)max_u64(key->count / NEAR_PART, NEAR_LEAST);
	struct near_run near[ADMIT_KEY_RUNS] = {0};
	uint64_t kib = 0;

	if (!input_kib || key->count < NEAR_LEAST)
		return 0;
	for (uint32_t back = key->count; back > 0; back--) {
		const struct admit_run *run = run_at(key, back - 1);
		uint64_t more = max_u64(run->input_kib, input_kib);
		uint64_t less = min_u64(run->input_kib, input_kib);

		if (!less)
			return 0;
		keep_near(near, &count, most,
			  &(struct near_run){mul_div(more, PERMILLE, less), run->peak_kib});
	}
	for (uint32_t i = 0; i < count; i++)
		kib = max_u64(kib, near[i].peak_kib);
	return kib;
}

static uint64_t with_margin(uint64_t bytes)
{
	return mul_div(bytes, MARGIN_PERMIL, PERMILLE);
}

static uint64_t peak_by(const struct admit_key *key, const struct admit_digest *digest,
			enum admit_peak_by by, uint64_t request_bytes, uint64_t input_kib)
{
	uint64_t kib;

	switch (by) {
	case ADMIT_PEAK_INPUT:
		kib = line_at(&digest->peak_line, input_kib);
		return with_margin(kib ? (kib + digest->peak_line.offset) * KIB : 0);
	case ADMIT_PEAK_NEAR:
		return with_margin(most_of_near(key, input_kib) * KIB);
	case ADMIT_PEAK_LAST:
		return with_margin(digest->base_ppm ? mul_div(request_bytes, digest->last_ppm, PPM)
						    : digest->last_bytes);
	default:
		return digest->base_ppm ? mul_div(request_bytes, digest->base_ppm, PPM)
					: digest->base_bytes;
	}
}

uint64_t admit_predict_peak(const struct admit_key *key, const struct admit_digest *digest,
			    enum admit_peak_by by, uint64_t request_bytes, uint64_t input_bytes)
{
	uint64_t bytes;

	if (by == ADMIT_PEAK_REQUEST)
		return request_bytes;
	bytes = peak_by(key, digest, by, request_bytes, kib_of(input_bytes));
	return bytes ? add_sat(bytes, sub_sat(SLACK_BYTES, bytes / SLACK_PART)) : 0;
}

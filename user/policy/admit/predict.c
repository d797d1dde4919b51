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

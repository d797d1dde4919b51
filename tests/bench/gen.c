// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gen - a seeded two-class data set in libsvm's format, on standard output. A point belongs to
 * class +1 when it lies between two shells around the origin, which no plane can separate: training
 * needs the RBF kernel.
 */
#include "bench.h"

static long points = 2000;
static long dimensions = 16;
static long seed = 1;
static double noise = 0.05;

static const struct bench_option options[] = {
	{"points", BENCH_LONG, &points, "points to write"},
	{"dims", BENCH_LONG, &dimensions, "features of a point"},
	{"seed", BENCH_LONG, &seed, "seed of the data"},
	{"noise", BENCH_DOUBLE, &noise, "share of labels that are wrong"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

/* Features are uniform in [-1, 1], so the mean of their squares has mean 1/3 and variance 4/45 /
 * dimensions. */
static bool is_between_shells(const double *features)
{
	double mean_square = 0;
	double deviation = sqrt(4.0 / 45.0 / (double)dimensions);

	for (long i = 0; i < dimensions; i++)
		mean_square += features[i] * features[i] / (double)dimensions;
	return fabs(mean_square - 1.0 / 3.0) < 0.6745 * deviation;
}

int main(int argc, char **argv)
{
	bench_parse_options(argc, argv, "gen [OPTION]...", options);

	struct bench_rng rng = {(uint64_t)seed};
	double *features = calloc((size_t)dimensions, sizeof(*features));

	if (!features)
		bench_fail("calloc");
	for (long i = 0; i < points; i++) {
		for (long k = 0; k < dimensions; k++)
			features[k] = 2 * bench_rng_unit(&rng) - 1;

		bool inside = is_between_shells(features) != (bench_rng_unit(&rng) < noise);

		printf("%s", inside ? "+1" : "-1");
		for (long k = 0; k < dimensions; k++)
			printf(" %ld:%.4f", k + 1, features[k]);
		putchar('\n');
	}
	free(features);
	return fflush(stdout) ? 1 : 0;
}

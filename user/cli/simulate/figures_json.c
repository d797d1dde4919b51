// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/cli/simulate/figures_json.h"

json_int_t figures_us(double s)
{
	return (json_int_t)(s * 1e6 + .5);
}

json_t *figures_times_json(const struct figures_spread *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "mean_us", figures_us(s->mean), "p50_us",
			 figures_us(s->p50), "p95_us", figures_us(s->p95), "p99_us",
			 figures_us(s->p99), "max_us", figures_us(s->max));
}

json_t *figures_ratios_json(const struct figures_spread *s)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "mean", s->mean, "p50", s->p50, "p95", s->p95,
			 "p99", s->p99, "max", s->max);
}

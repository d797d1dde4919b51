/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways in which top shows frames, between the files that do. */
#ifndef UW_CLI_TOP_TOP_H
#define UW_CLI_TOP_TOP_H

#include "user/cli/cli.h"
#include "user/cli/top/model.h"
#include "user/cli/top/source.h"
#include "user/cli/top/tape.h"

/* One run of top. The first round of source has been begun. */
struct top {
	const struct cli *cli;
	struct top_model *model;
	struct top_source source;
	struct tape *tape; /* in its place: what is shown is recorded; NULL: it is not */
	uint64_t frames;   /* to show before it ends; UINT64_MAX: no end */
};

/* What the next round is to bring. */
struct top_want top_want(const struct top_model *model, int width);

/* How soon uwd is looked for again while it is away. */
uint64_t top_retry_us(const struct top_model *model);

/* On a terminal, until q, a signal, or the last frame. An exit status. */
int watch_run(struct top *top);

/* Frame after frame on stdout: the screen as text or, with --json, a line each. */
int batch_run(struct top *top);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the next round is to bring, by what is looked at, and how soon there is one while uwd is
 * away. On a terminal and in a pipe it is the same.
 */
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/top/top.h"

#define RETRY_US US_PER_SEC /* a restart of uwd takes about that */

struct top_want top_want(const struct top_model *model, int width)
{
	struct top_want want = {.view = model->view, .job = model->job, .width = width};

	text_copy(want.component, sizeof(want.component), model->component);
	/* Of whom nobody knows yet: the first frame says who there is. */
	if (!*want.component && (want.view == TOP_EXPLAIN || want.view == TOP_WHY))
		want.view = TOP_COMPONENTS;
	return want;
}

uint64_t top_retry_us(const struct top_model *model)
{
	return model->period_us < RETRY_US ? model->period_us : RETRY_US;
}

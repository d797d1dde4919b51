/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which rows a view has, and in which order. Internal to the model. */
#ifndef UW_CLI_TOP_ROWS_H
#define UW_CLI_TOP_ROWS_H

#include "user/cli/top/model.h"

/* Fills model->row anew. Orders are total: the last word has the name, or the id. */
void rows_fill(struct top_model *model);

/* What a row is, for as long as it is there: "ml_models/leak", "12", "a9". Returns buf. */
const char *rows_key(const struct top_model *model, const struct model_row *row,
		     char buf[static MODEL_KEY_LEN]);

/* How bad a job is; what runs well comes after what does not, what waits after what runs. */
int rows_job_rank(const struct top_job *job);

#endif

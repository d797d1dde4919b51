/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What another configuration, or more swap, would have come to: uwctl replay --effect. The recorded
 * demand is put on a simulated machine twice, so that what the simulation gets wrong can be seen
 * beside what was recorded.
 */
#ifndef UW_CLI_EFFECT_EFFECT_H
#define UW_CLI_EFFECT_EFFECT_H

#include "user/cli/cli.h"
#include "user/model/config.h"
#include "user/record/reader.h"

/* other: NULL is the recorded one; swap_bytes: 0 is the recorded size. Prints a table, or where
 * ret_json is not NULL hands out an object. 0 or a negative errno. */
int effect_show(const struct cli *cli, struct recording *recording, const struct config *other,
		uint64_t swap_bytes, json_t **ret_json, struct uw_err *err);

#endif

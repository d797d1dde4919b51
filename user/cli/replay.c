// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl replay decides again what a uwd decided, from the frames that it recorded. By the recorded
 * configuration the plans have to be the same in every field, and the first difference is shown. By
 * another configuration the actions of each plan are set against those that were taken: what of one
 * has no like in the other is a line.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/command.h"
#include "user/cli/draw/times.h"
#include "user/cli/effect/effect.h"
#include "user/cli/redo.h"
#include "user/conf/conf.h"
#include "user/record/load.h"

#define TEXT_LEN      256
#define LINES_DEFAULT 100
#define SWAP_MAX      (1ULL << 50)

struct replay_report {
	const struct cli *cli;
	struct recording *recording;
	struct redo redo;
	uint64_t lines, lines_max, left_out; /* shown, at most (0: all), and not shown */
	uint64_t recorded[ACTION__COUNT], replayed[ACTION__COUNT];
	bool differs;
	json_t *list;        /* of changes */
	uint64_t swap_bytes; /* of the simulated machine; 0: as recorded */
	json_t *effect;
};

static const char *target_text(const struct replay_report *replay, const struct config *config,
			       const struct action *action, char *buf, size_t size)
{
	const char *component = action->component < config->component_count
					? config->component[action->component].name
					: "host";
	const char *leaf = recording_leaf_name(replay->recording, action->leaf);

	if (!action->leaf)
		snprintf(buf, size, "%s", component);
	else if (leaf)
		snprintf(buf, size, "%s/%s", component, leaf);
	else
		snprintf(buf, size, "%s/%" PRIu64, component, action->leaf);
	return buf;
}

/* "set-high ml_models 512M: limits follow a loan ..."; names are of whoever made the leaf, or the
 * file. */
static const char *action_text(const struct replay_report *replay, const struct config *config,
			       const struct action *action, char buf[static TEXT_LEN])
{
	char target[TEXT_LEN / 2], amount[UNITS_TEXT_LEN] = "", why[TEXT_LEN / 2];

	target_text(replay, config, action, target, sizeof(target));
	if (action->amount == BYTES_MAX)
		snprintf(amount, sizeof(amount), "max");
	else if (action->amount)
		units_print_bytes(action->amount, amount);
	snprintf(buf, TEXT_LEN, "%s %s%s%s: %s", action_name(action->kind), target,
		 *amount ? " " : "", amount, reason_text(&action->why, why, sizeof(why)));
	return screen_clean(buf);
}

/* ---- by the same configuration ---- */

static json_t *difference_json(const struct replay_report *replay, const char *field,
			       const char *was, const char *is)
{
	return json_pack("{s:I, s:I, s:s, s:s, s:s}", "wall_us",
			 (json_int_t)replay->recording->wall_us, "sequence",
			 (json_int_t)replay->recording->frame.sequence, "field", field, "recorded",
			 was, "replayed", is);
}

static void show_difference(struct replay_report *replay, const char *field, int action)
{
	const struct plan *was = &replay->recording->plan, *is = &replay->redo.plan;
	char when[TIMES_TEXT_LEN], was_text[TEXT_LEN], is_text[TEXT_LEN];

	if (action >= 0) {
		action_text(replay, &replay->redo.config, &was->action[action], was_text);
		action_text(replay, &replay->redo.config, &is->action[action], is_text);
	} else {
		snprintf(was_text, sizeof(was_text), "%u actions", was->action_count);
		snprintf(is_text, sizeof(is_text), "%u actions", is->action_count);
	}
	if (replay->list) {
		json_array_append_new(replay->list,
				      difference_json(replay, field, was_text, is_text));
		return;
	}
	fprintf(replay->cli->screen.out,
		"%s, frame %" PRIu64 ": the plans differ in %s\n  recorded  %s\n  replayed  %s\n",
		times_date(replay->recording->wall_us, when), replay->recording->frame.sequence,
		field, was_text, is_text);
}

/* Returns whether to go on. */
static bool compare_all(struct replay_report *replay)
{
	int action;
	const char *field =
		record_plan_difference(&replay->recording->plan, &replay->redo.plan, &action);

	if (!field)
		return true;
	replay->differs = true;
	show_difference(replay, field, action);
	return false;
}

/* ---- by another configuration ---- */

/* A mark tells of nothing that was done. */
static bool is_shown(const struct action *action)
{
	return action->kind != ACTION_ARM_MARK;
}

static bool is_alike(const struct action *a, const struct config *a_config, const struct action *b,
		     const struct config *b_config)
{
	bool has_a = a->component < a_config->component_count;
	bool has_b = b->component < b_config->component_count;

	return a->kind == b->kind && a->leaf == b->leaf && a->amount == b->amount &&
	       a->why.reason == b->why.reason && has_a == has_b &&
	       (!has_a || !strcmp(a_config->component[a->component].name,
				  b_config->component[b->component].name));
}

static void show_change(struct replay_report *replay, const struct config *config,
			const struct action *action, bool is_new)
{
	char when[TIMES_TEXT_LEN], text[TEXT_LEN];

	replay->differs = true;
	if (replay->lines_max && replay->lines == replay->lines_max) {
		replay->left_out++;
		return;
	}
	replay->lines++;
	action_text(replay, config, action, text);
	if (replay->list)
		json_array_append_new(replay->list,
				      json_pack("{s:I, s:I, s:s, s:s}", "wall_us",
						(json_int_t)replay->recording->wall_us, "sequence",
						(json_int_t)replay->recording->frame.sequence,
						"only", is_new ? "replayed" : "recorded", "action",
						text));
	else
		fprintf(replay->cli->screen.out, "%s %c %s\n",
			times_date(replay->recording->wall_us, when), is_new ? '+' : '-', text);
}

/* The actions of one plan that the other has not, each counted once. */
static void show_only(struct replay_report *replay, const struct plan *plan,
		      const struct config *config, const struct plan *other,
		      const struct config *other_config, bool is_new)
{
	bool taken[PLAN_ACTIONS_MAX] = {false};

	for (uint32_t i = 0; i < plan->action_count; i++) {
		const struct action *action = &plan->action[i];
		uint32_t k = 0;

		if (!is_shown(action))
			continue;
		(is_new ? replay->replayed : replay->recorded)[action->kind]++;
		while (k < other->action_count &&
		       (taken[k] || !is_alike(action, config, &other->action[k], other_config)))
			k++;
		if (k < other->action_count)
			taken[k] = true;
		else
			show_change(replay, config, action, is_new);
	}
}

/* By names of the configuration that it was made by. */
static void compare_actions(struct replay_report *replay)
{
	const struct plan *was = &replay->recording->plan, *is = &replay->redo.plan;
	const struct config *in_force = redo_in_force(&replay->redo);

	show_only(replay, was, in_force, is, &replay->redo.config, false);
	show_only(replay, is, &replay->redo.config, was, in_force, true);
}

/* ---- what it comes to ---- */

static json_t *counts_json(const struct replay_report *replay)
{
	json_t *counts = json_object();

	for (int i = 0; i < ACTION__COUNT; i++)
		if (replay->recorded[i] || replay->replayed[i])
			json_object_set_new(counts, action_name((enum action_kind)i),
					    json_pack("{s:I, s:I}", "recorded",
						      (json_int_t)replay->recorded[i], "replayed",
						      (json_int_t)replay->replayed[i]));
	return counts;
}

static void print_counts(const struct replay_report *replay)
{
	for (int i = 0; i < ACTION__COUNT; i++)
		if (replay->recorded[i] || replay->replayed[i])
			fprintf(replay->cli->screen.out,
				"%-10s %8" PRIu64 " recorded %8" PRIu64 " replayed\n",
				action_name((enum action_kind)i), replay->recorded[i],
				replay->replayed[i]);
}

/* What keeps the result from being about all of it. */
static void print_notes(const struct replay_report *replay)
{
	const struct recording *r = replay->recording;
	const struct redo *redo = &replay->redo;
	FILE *out = replay->cli->screen.out;
	char version[RECORD_VERSION_LEN];

	snprintf(version, sizeof(version), "%s", r->begin.version);
	if (redo->cold_starts)
		fprintf(out,
			"note: %u of %u stretches begin from nothing: their state is of another "
			"version (%s)\n",
			redo->cold_starts, redo->cold_starts + redo->starts, screen_clean(version));
	if (redo->lost)
		fprintf(out, "note: %" PRIu64 " frames were not recorded, the disk was too slow\n",
			redo->lost);
	if (redo->unplanned)
		fprintf(out, "note: %" PRIu64 " frames have no plan: uwd ended there\n",
			redo->unplanned);
	if (r->torn)
		fprintf(out, "note: %u slots end in a torn record, which is left out\n", r->torn);
	if (r->refused)
		fprintf(out, "note: %u slots hold records that no uwd writes\n", r->refused);
}

static void print_json(const struct replay_report *replay)
{
	const struct recording *r = replay->recording;
	const struct redo *redo = &replay->redo;

	cli_print_json(replay->cli,
		       json_pack("{s:I, s:b, s:O, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:O*}",
				 "frames", (json_int_t)redo->frames, "equal", !replay->differs,
				 "differences", replay->list, "actions", counts_json(replay),
				 "left_out", (json_int_t)replay->left_out, "cold_starts",
				 (json_int_t)redo->cold_starts, "lost", (json_int_t)redo->lost,
				 "unplanned", (json_int_t)redo->unplanned, "torn",
				 (json_int_t)r->torn, "refused", (json_int_t)r->refused, "effect",
				 replay->effect));
}

static int report(struct replay_report *replay)
{
	const struct redo *redo = &replay->redo;
	FILE *out = replay->cli->screen.out;
	int status = replay->differs ? CLI_DIFFERENT : CLI_OK;

	if (replay->list) {
		print_json(replay);
		return status;
	}
	if (replay->left_out)
		fprintf(out, "... and %" PRIu64 " more (--lines)\n", replay->left_out);
	print_counts(replay);
	print_notes(replay);
	if (!replay->differs)
		fprintf(out, "%" PRIu64 " frames: all plans are equal\n", redo->frames);
	else if (redo->other)
		fprintf(out, "%" PRIu64 " frames: decided otherwise, as above\n", redo->frames);
	return status;
}

static int run(struct replay_report *replay, struct uw_err *err)
{
	int rc;

	while ((rc = redo_next(&replay->redo, err)) > 0) {
		if (replay->redo.other)
			compare_actions(replay);
		else if (!compare_all(replay))
			return 0;
	}
	if (!rc && !replay->redo.frames)
		rc = err_set(err, -ENODATA, "%s: no frames that can be replayed",
			     replay->cli->argv[0]);
	return rc;
}

/* Behind the differences of decisions, or within their object. */
static int show_effect(struct replay_report *replay, const struct config *other, struct uw_err *err)
{
	const struct cli *cli = replay->cli;

	if (!cli->options.effect && !replay->swap_bytes)
		return 0;
	return effect_show(cli, replay->recording, cli->options.config ? other : NULL,
			   replay->swap_bytes, replay->list ? &replay->effect : NULL, err);
}

static int read_swap(struct replay_report *replay, struct uw_err *err)
{
	const char *text = replay->cli->options.swap;

	if (text && (units_parse_bytes(text, &replay->swap_bytes) < 0 || !replay->swap_bytes ||
		     replay->swap_bytes > SWAP_MAX))
		return err_set(err, -EINVAL, "--swap: '%s' is not a size from 1 byte to 1024T",
			       text);
	return 0;
}

int command_replay(struct cli *cli)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	struct replay_report replay = {
		.cli = cli,
		.recording = recording,
		.lines_max = option_given(&cli->options, OPTION_LINES) ? cli->options.lines
								       : LINES_DEFAULT,
	};
	struct config other;
	AUTO_FREE void *bytes = NULL;
	size_t size = 0;
	struct uw_err err = {0};
	int status = CLI_FAILED;
	int rc = recording ? 0 : err_set(&err, -ENOMEM, "out of memory");

	if (!rc)
		rc = read_swap(&replay, &err);
	if (!rc && cli->options.config)
		rc = conf_load(NULL, cli->options.config, &other, &err);
	if (!rc)
		rc = record_read_file(cli->argv[0], &bytes, &size, &err);
	if (!rc)
		rc = recording_open(recording, bytes, size, &err);
	if (!rc)
		rc = redo_init(&replay.redo, recording, cli->options.config ? &other : NULL);
	if (!rc) {
		replay.list = cli->options.json ? json_array() : NULL;
		rc = run(&replay, &err);
	}
	if (!rc && replay.list)
		rc = show_effect(&replay, &other, &err);
	if (!rc)
		status = report(&replay);
	if (!rc && !replay.list)
		rc = show_effect(&replay, &other, &err);
	if (rc)
		status = cli_fail(cli, &err);
	redo_done(&replay.redo);
	json_decref(replay.list);
	json_decref(replay.effect);
	return status;
}

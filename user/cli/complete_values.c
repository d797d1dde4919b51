// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Offers values of options and words of commands for completion. What kind each is of stands in two
 * tables, and what there is of a kind is asked of uwd, or read from the configuration.
 */
#include "user/cli/complete_values.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/remote.h"
#include "user/conf/conf.h"

#define JOBS_OFFERED 200

/* Who makes a leaf names it, and bash puts what it is offered into the line as it is: what it would
 * read as more than a word is not offered. */
static bool is_plain(const char *candidate)
{
	return !candidate[strspn(candidate, "abcdefghijklmnopqrstuvwxyz"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789_-.:,@/+=%")];
}

void complete_offer(const struct completion *completion, const char *candidate, const char *text)
{
	FILE *out = completion->cli->screen.out;
	char clean[128], name[512];

	if (!is_plain(candidate) ||
	    strncmp(candidate, completion->word, strlen(completion->word)) != 0)
		return;
	if (json_object_get(completion->offered, candidate))
		return;
	json_object_set_new(completion->offered, candidate, json_true());
	snprintf(name, sizeof(name), "%s%s", completion->before, candidate);
	snprintf(clean, sizeof(clean), "%s", text);
	fprintf(out, "%s", screen_clean(name));
	if (*clean)
		fprintf(out, "\t%s", screen_clean(clean));
	fputc('\n', out);
}

/* ---- kinds of values ---- */

static void offer_components(const struct completion *completion)
{
	AUTO_JSON json_t *status = NULL;
	const json_t *component;
	struct config config;
	size_t i;

	if (remote_call(completion->cli, IPC_STATUS, NULL, &status, NULL) >= 0) {
		json_array_foreach (json_object_get(status, "components"), i, component)
			complete_offer(completion, json_get_text(component, "name"),
				       json_get_text(component, "level"));
		return;
	}
	if (conf_load(NULL, NULL, &config, NULL) < 0)
		return;
	for (uint32_t at = 0; at < config.component_count; at++)
		complete_offer(completion, config.component[at].name, "");
}

/* COMPONENT, and COMPONENT/LEAF. */
static void offer_targets(const struct completion *completion)
{
	AUTO_JSON json_t *status = NULL;
	const json_t *component, *leaf;
	size_t i, k;

	if (remote_call(completion->cli, IPC_STATUS, NULL, &status, NULL) < 0)
		return;
	json_array_foreach (json_object_get(status, "components"), i, component) {
		const char *name = json_get_text(component, "name");

		complete_offer(completion, name, json_get_text(component, "level"));
		json_array_foreach (json_object_get(component, "leaves"), k, leaf) {
			char target[128];

			snprintf(target, sizeof(target), "%.60s/%.60s", name,
				 json_get_text(leaf, "name"));
			complete_offer(completion, target,
				       json_get_bool(leaf, "frozen") ? "frozen" : "");
		}
	}
}

typedef void (*job_fn)(const struct completion *completion, const json_t *job);

static void each_job(const struct completion *completion, enum ipc_method method, job_fn fn)
{
	AUTO_JSON json_t *answer = NULL;
	const json_t *job;
	size_t i;

	if (remote_call(completion->cli, method, json_pack("{s:i}", "count", JOBS_OFFERED), &answer,
			NULL) < 0)
		return;
	json_array_foreach (json_object_get(answer, "jobs"), i, job)
		fn(completion, job);
}

static void offer_job(const struct completion *completion, const json_t *job)
{
	char id[JOB_TEXT_LEN], text[96];

	snprintf(text, sizeof(text), "%.40s, %.20s", json_get_text(job, "name"),
		 json_get_text(job, "state"));
	complete_offer(completion, job_text_id(job, id), text);
}

static void offer_key(const struct completion *completion, const json_t *job)
{
	if (*json_get_text(job, "key"))
		complete_offer(completion, json_get_text(job, "key"), "");
}

static void offer_tags(const struct completion *completion, const json_t *job)
{
	const json_t *tag;
	size_t i;

	json_array_foreach (json_object_get(job, "tags"), i, tag)
		complete_offer(completion, json_string_value(tag) ?: "", "");
}

static void offer_queued(const struct completion *completion)
{
	each_job(completion, IPC_QUEUE, offer_job);
}

static void offer_ended(const struct completion *completion)
{
	each_job(completion, IPC_HISTORY, offer_job);
}

static void offer_jobs(const struct completion *completion)
{
	offer_queued(completion);
	offer_ended(completion);
}

static void offer_keys(const struct completion *completion)
{
	each_job(completion, IPC_QUEUE, offer_key);
	each_job(completion, IPC_HISTORY, offer_key);
}

static void offer_all_tags(const struct completion *completion)
{
	each_job(completion, IPC_QUEUE, offer_tags);
	each_job(completion, IPC_HISTORY, offer_tags);
}

static void offer_ids(const struct completion *completion, enum ipc_method method, const char *list)
{
	AUTO_JSON json_t *answer = NULL;
	const json_t *one;
	size_t i;

	if (remote_call(completion->cli, method, NULL, &answer, NULL) < 0)
		return;
	json_array_foreach (json_object_get(answer, list), i, one) {
		char id[24];

		snprintf(id, sizeof(id), "%" PRIu64, json_get_u64_or(one, "id", 0));
		complete_offer(completion, id, json_get_text(one, "component"));
	}
}

static void offer_leases(const struct completion *completion)
{
	offer_ids(completion, IPC_LEASES, "leases");
	offer_ids(completion, IPC_POOLS, "pools");
}

static void offer_pids(const struct completion *completion)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		char path[300], name[32] = "";

		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (text_read_at(AT_FDCWD, path, name, sizeof(name)) > 0)
			name[strcspn(name, "\n")] = '\0';
		complete_offer(completion, entry->d_name, name);
	}
	if (proc)
		closedir(proc);
}

void complete_commands(const struct completion *completion)
{
	const struct command_table *commands = completion->cli->commands;

	for (size_t i = 0; i < commands->count; i++) {
		if (!commands->row[i].hidden)
			complete_offer(completion, commands->row[i].name, commands->row[i].brief);
	}
}

static void offer_words(const struct completion *completion, const char *words)
{
	char word[32];

	while (*words) {
		size_t length = strcspn(words, " ");

		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		complete_offer(completion, word, "");
		words += length + (words[length] == ' ');
	}
}

static void offer_columns(const struct completion *completion)
{
	static const char *const of[][2] = {
		{"status", "component level used of use stall full-in swap lent borrowed growth "
			   "budget set tier"},
		{"queue", "id state name user component memory used asked start end pos pri why"},
		{"history", "id state code name user component ended ran waited peak asked given "
			    "tries why"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		if (!strcmp(of[i][0], completion->command->name))
			offer_words(completion, of[i][1]);
	}
}

/* What the shells have better means for. */
static void offer_files(const struct completion *completion)
{
	fputs(":files\n", completion->cli->screen.out);
}

static void offer_dirs(const struct completion *completion)
{
	fputs(":dirs\n", completion->cli->screen.out);
}

static void offer_nothing(const struct completion *completion)
{
	(void)completion;
}

typedef void (*kind_fn)(const struct completion *completion);

struct option_kind {
	kind_fn offer;
	const char *words; /* instead: these */
	bool list;         /* several, with a comma between */
};

/* Of every option that has a value. */
static const struct option_kind option_kinds[OPTION__COUNT] = {
	[OPTION_COLOR] = {.words = "auto always never"},
	[OPTION_CONFIG] = {.offer = offer_files},
	[OPTION_SOCKET] = {.offer = offer_files},
	[OPTION_NAME] = {.offer = offer_nothing},
	[OPTION_COUNT] = {.words = "20 50 100 512"},
	[OPTION_FOR] = {.words = "10s 30s 1min"},
	[OPTION_POLICY] = {.words = "fcfs easy easy-learned uw oracle"},
	[OPTION_CAPACITY] = {.offer = offer_nothing},
	[OPTION_STRETCH] = {.offer = offer_nothing},
	[OPTION_JITTER] = {.offer = offer_nothing},
	[OPTION_RAMP] = {.offer = offer_nothing},
	[OPTION_SEED] = {.offer = offer_nothing},
	[OPTION_RUNS] = {.offer = offer_nothing},
	[OPTION_NODES] = {.words = "10 100 1000"},
	[OPTION_PLACEMENT] = {.words = "first least"},
	[OPTION_HTML] = {.offer = offer_files},
	[OPTION_FILE] = {.offer = offer_files},
	[OPTION_OUT] = {.offer = offer_files},
	[OPTION_TIMEOUT] = {.words = "1min 1h 1d"},
	[OPTION_GRACE] = {.words = "0 10s 1min"},
	[OPTION_SINCE] = {.words = "1h 1d 7d"},
	[OPTION_OF_COMPONENT] = {.offer = offer_components},
	[OPTION_OF_KEY] = {.offer = offer_keys},
	[OPTION_OF_TAG] = {.offer = offer_all_tags},
	[OPTION_STATE] = {.words = "held waiting queued starting running frozen done failed "
				   "cancelled lost",
			  .list = true},
	[OPTION_LINES] = {.words = "0 20 100 1000"},
	[OPTION_SWAP] = {.words = "256M 1G 4G"},
	[OPTION_FRAMES] = {.words = "1 10 60"},
	[OPTION_DELAY] = {.words = "500ms 1s 2s 5s"},
	[OPTION_OUTPUT] = {.offer = offer_columns, .list = true},
	[OPTION_SORT] = {.offer = offer_columns},
	[OPTION_JOB_NAME] = {.offer = offer_nothing},
	[OPTION_AT] = {.words = "-1m -5m -1h"},
	[OPTION_PAGE] = {.offer = offer_files},
	[OPTION_AROUND] = {.offer = offer_nothing},
	[OPTION_RECORDING] = {.offer = offer_files},
	[OPTION_COMPONENT] = {.offer = offer_components},
	[OPTION_MEMORY] = {.offer = offer_nothing},
	[OPTION_TIME] = {.offer = offer_nothing},
	[OPTION_TIME_LIMIT] = {.offer = offer_nothing},
	[OPTION_PRIORITY] = {.words = "critical high normal low deferred"},
	[OPTION_MEMORY_PRIORITY] = {.words = "critical high normal low deferred"},
	[OPTION_KEY] = {.offer = offer_keys},
	[OPTION_TAG] = {.offer = offer_all_tags},
	[OPTION_AFTER] = {.offer = offer_queued},
	[OPTION_RETRIES] = {.offer = offer_nothing},
	[OPTION_ARRAY] = {.offer = offer_nothing},
	[OPTION_ENV] = {.offer = offer_nothing},
	[OPTION_INPUT] = {.offer = offer_files},
	[OPTION_CWD] = {.offer = offer_dirs},
};

/* Words of commands: the first, and those behind it where they are of another kind. */
static const struct word_kind {
	const char *command, *first; /* first: after this first word; NULL: whatever it is */
	int at;                      /* from this place on */
	kind_fn offer;
	const char *words;
} word_kinds[] = {
	/* clang-format off */ /* a row a line */
	{"run", NULL, 0, offer_components, NULL},
	{"enter", NULL, 0, offer_components, NULL},
	{"attach", NULL, 0, offer_pids, NULL},
	{"attach", NULL, 1, offer_components, NULL},
	{"status", NULL, 0, offer_components, NULL},
	{"log", NULL, 0, offer_components, NULL},
	{"why", NULL, 0, offer_components, NULL},
	{"explain", NULL, 0, offer_components, NULL},
	{"config", NULL, 0, NULL, "show check diff"},
	{"config", NULL, 1, offer_nothing, NULL},
	{"config", "check", 1, offer_files, NULL},
	{"config", "diff", 1, offer_files, NULL},
	{"freeze", NULL, 0, offer_targets, NULL},
	{"thaw", NULL, 0, offer_targets, NULL},
	{"forget", NULL, 0, offer_components, NULL},
	{"reclaim", NULL, 0, offer_components, NULL},
	{"reclaim", NULL, 1, NULL, "16M 64M 256M 1G"},
	{"lease", NULL, 0, NULL, "list free"},
	{"lease", "list", 1, offer_components, NULL},
	{"lease", "free", 1, offer_leases, NULL},
	{"pool", NULL, 0, NULL, "list"},
	{"pool", NULL, 1, offer_components, NULL},
	{"simulate", NULL, 0, offer_files, NULL},
	{"replay", NULL, 0, offer_files, NULL},
	{"top", NULL, 0, offer_files, NULL},
	{"report", NULL, 0, offer_components, NULL},
	{"recommend", NULL, 0, offer_files, NULL},
	{"queue", NULL, 0, offer_jobs, NULL},
	{"wait", NULL, 0, offer_jobs, NULL},
	{"cancel", NULL, 0, offer_queued, NULL},
	{"hold", NULL, 0, offer_queued, NULL},
	{"release", NULL, 0, offer_queued, NULL},
	{"requeue", NULL, 0, offer_jobs, NULL},
	{"logs", NULL, 0, offer_jobs, NULL},
	{"history", NULL, 0, offer_ended, NULL},
	{"export", NULL, 0, NULL, "metrics"},
	{"help", NULL, 0, complete_commands, NULL},
	/* clang-format on */
};

bool complete_knows_option(enum option_id id)
{
	return option_kinds[id].offer || option_kinds[id].words;
}

static void offer_kind(const struct completion *completion, kind_fn fn, const char *words)
{
	if (words)
		offer_words(completion, words);
	else
		fn(completion);
}

void complete_value(struct completion *completion, enum option_id id)
{
	const struct option_kind *kind = &option_kinds[id];
	const char *comma = kind->list ? strrchr(completion->word, ',') : NULL;
	char before[256];

	if (comma) {
		snprintf(before, sizeof(before), "%s%.*s", completion->before,
			 (int)(comma + 1 - completion->word), completion->word);
		completion->before = before;
		completion->word = comma + 1;
	}
	if (complete_knows_option(id))
		offer_kind(completion, kind->offer, kind->words);
}

void complete_word(const struct completion *completion, int at, const char *first)
{
	const struct word_kind *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(word_kinds); i++) {
		const struct word_kind *row = &word_kinds[i];

		if (!strcmp(row->command, completion->command->name) && row->at <= at &&
		    (!row->first || !strcmp(row->first, first)))
			best = row;
	}
	if (best &&
	    at < (completion->command->words_max < 0 ? INT_MAX : completion->command->words_max))
		offer_kind(completion, best->offer, best->words);
}

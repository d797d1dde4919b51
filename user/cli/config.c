// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl config shows the configuration in force, checks a file, or says in what the two differ.
 * What is in force is asked of uwd, which answers in the format of the file, so both sides are
 * parsed and compared alike. Without uwd, show reads the files.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/config_warn.h"
#include "user/cli/remote.h"
#include "user/cli/suggest.h"
#include "user/conf/conf.h"

static void add_value(const struct conf_value *value, void *list)
{
	json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s}", "section", value->section,
					      "component", value->component, "key", value->key,
					      "value", value->text));
}

static json_t *values_json(const struct config *config)
{
	json_t *list = json_array();

	conf_value_each(config, add_value, list);
	return list;
}

/* What uwd goes by. 0, or as of remote_open, or -EINVAL. */
static int load_in_force(const struct cli *cli, struct config *config, struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	const char *text;
	int r = remote_call(cli, IPC_CONFIG, NULL, &answer, err);

	if (r < 0)
		return r;
	text = json_get_text(answer, "text");
	return conf_parse_text("uwd", text, strlen(text), config, err);
}

/* The file that was named, as a word or an option, or what is installed. */
static const char *named_file(const struct cli *cli)
{
	return cli->argc > 1 ? cli->argv[1] : cli->options.config;
}

static int config_show(const struct cli *cli)
{
	const char *file = named_file(cli), *source = "uwd";
	struct config config;
	struct uw_err err = {0};
	int r = file ? 0 : load_in_force(cli, &config, &err);

	if (file || remote_is_absent(r)) {
		source = file ? file : "files";
		r = conf_load(NULL, file, &config, &err);
	}
	if (r < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:s, s:o}", "source", source, "values",
						     values_json(&config)));
	return conf_print(&config, cli->screen.out) < 0 ? CLI_FAILED : CLI_OK;
}

static void add_file(const char *path, void *list)
{
	json_array_append_new(list, json_string(path));
}

/* Who reads the first line sees whether it is that of the machine at all. */
static void print_check(const struct cli *cli, const json_t *files, const json_t *warnings,
			uint32_t components)
{
	const struct screen *screen = &cli->screen;
	const char *first = json_string_value(json_array_get(files, 0));
	size_t i;
	json_t *row;

	fprintf(screen->out, "%s: ok, %u component%s\n", first, components,
		components == 1 ? "" : "s");
	if (*first != '/' && !named_file(cli))
		fprintf(screen->out,
			"  there is no /etc/uw/uw.conf: uwd would make the components of an example\n");
	json_array_foreach (files, i, row)
		if (i)
			fprintf(screen->out, "  and %s\n", json_string_value(row));
	json_array_foreach (warnings, i, row) {
		screen_paint(screen, PAINT_WARN, "warning");
		fprintf(screen->out, ": %s\n", json_string_value(row));
	}
}

static int config_check(const struct cli *cli)
{
	AUTO_JSON json_t *files = json_array(), *warnings = json_array();
	struct config config;
	struct uw_err err = {0};

	if (conf_load(NULL, named_file(cli), &config, &err) < 0 ||
	    conf_each_file(NULL, named_file(cli), add_file, files, &err) < 0) {
		cli_fail(cli, &err);
		return CLI_USAGE;
	}
	config_warn(&config, warnings);
	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:b, s:i, s:O, s:O}", "ok", true,
						     "components", (int)config.component_count,
						     "files", files, "warnings", warnings));
	print_check(cli, files, warnings, config.component_count);
	return CLI_OK;
}

static void add_change(const struct conf_change *change, void *list)
{
	json_array_append_new(list, json_pack("{s:s, s:s?, s:s?}", "option", change->path, "old",
					      change->old_text, "new", change->new_text));
}

static void print_change(const struct conf_change *change, void *data)
{
	const struct screen *screen = data;
	char text[CONF_PATH_LEN + 2 * CONF_VALUE_LEN];

	fprintf(screen->out, "%s\n", conf_change_text(change, text, sizeof(text)));
}

int config_print_diff(const struct cli *cli, const char *file)
{
	struct config in_force, wanted;
	struct uw_err err = {0};
	unsigned int count;
	json_t *list;

	if (load_in_force(cli, &in_force, &err) < 0 || conf_load(NULL, file, &wanted, &err) < 0)
		return -cli_fail(cli, &err);
	if (cli->options.json) {
		list = json_array();
		count = conf_diff(&in_force, &wanted, add_change, list);
		cli_print_json(cli, json_pack("{s:o}", "changes", list));
	} else {
		struct screen screen = cli->screen;

		count = conf_diff(&in_force, &wanted, print_change, &screen);
		if (!count)
			fprintf(cli->screen.out, "nothing differs from what uwd goes by\n");
	}
	return (int)count;
}

static int config_diff(const struct cli *cli)
{
	int count = config_print_diff(cli, named_file(cli));

	if (count < 0)
		return -count;
	return count ? CLI_DIFFERENT : CLI_OK;
}

int command_config(struct cli *cli)
{
	static const struct {
		const char *name;
		int (*run)(const struct cli *cli);
	} verbs[] = {
		{"show", config_show},
		{"check", config_check},
		{"diff", config_diff},
	};
	const char *names[ARRAY_SIZE(verbs)];
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(verbs[i].name, cli->argv[0]))
			return verbs[i].run(cli);
		names[i] = verbs[i].name;
	}
	near = suggest_nearest(cli->argv[0], names, ARRAY_SIZE(names));
	return cli_usage(cli, "'%s' is none of show, check, diff%s%s%s", cli->argv[0],
			 near ? ": did you mean '" : "", near ?: "", near ? "'?" : "");
}

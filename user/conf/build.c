// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lays texts over each other: libinih splits lines into keys and values, the table says what a key
 * may be, and the build remembers where each was set, so that a mistake can be told with its file
 * and line. A text that is complete by itself is read and checked in one call.
 */
#include "user/conf/build.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "user/base/text.h"
#include "user/conf/lines.h"

/* libinih knows neither line numbers nor section starts in its callback, cuts long lines in two and
 * takes indented lines for continuations. So lines are checked and section headers read on the way
 * into it; what is left to it is the splitting of a line into key and value. */
#define INI_LINE_SPARE 3 /* ini.h: a line may be as long as the buffer less these */

#define NAME_RESERVED "holder" /* the group of uw-guard */
#define SHOWN_MAX     LINES_SHOWN_MAX

struct build_reader {
	struct build *build;
	struct lines lines;
	unsigned int target;
	int rc;
};

static const char sections_allowed[] = "[pool], [policy], [sense], [admission], [component NAME]";

static enum section target_section(unsigned int target)
{
	return target < TARGET_COMPONENT0 ? (enum section)target : SECTION_COMPONENT;
}

static int begin_section(struct build_reader *reader, unsigned int target)
{
	struct origin *origin = &reader->build->section[target];

	if (origin->name && origin->text == reader->build->text_count)
		return lines_fail(&reader->lines,
				  "this section began in line %u already, allowed: once a file",
				  origin->line);
	*origin = (struct origin){reader->lines.name, reader->lines.number,
				  reader->build->text_count};
	reader->target = target;
	return 0;
}

static int begin_component(struct build_reader *reader, const char *name)
{
	struct config *config = &reader->build->config;
	struct component *component;
	int index;

	if (!strcmp(name, NAME_RESERVED))
		return lines_fail(&reader->lines,
				  "component '%s': the name is taken by uw-guard's own group, "
				  "allowed: any other",
				  name);
	if (!text_is_name(name))
		return lines_fail(&reader->lines,
				  "component '%.*s': bad name, allowed: 1 to 31 of a-z 0-9 _ -, "
				  "the first a letter or digit",
				  SHOWN_MAX, name);
	index = config_find(config, name);
	if (index < 0) {
		if (config->component_count == UW_COMPONENTS_MAX)
			return lines_fail(&reader->lines, "component '%s': too many, allowed: %d",
					  name, UW_COMPONENTS_MAX);
		index = (int)config->component_count++;
		component = &config->component[index];
		text_copy(component->name, sizeof(component->name), name);
	}
	return begin_section(reader, TARGET_COMPONENT0 + (unsigned int)index);
}

static int read_section(struct build_reader *reader, const char *line, size_t len)
{
	char text[INI_MAX_LINE];
	char *rest = text, *close, *kind, *name;
	enum section section;
	const char *near;

	memcpy(text, line + 1, len - 1);
	text[len - 1] = '\0';
	close = strchr(text, ']');
	if (!close || close[1])
		return lines_fail(&reader->lines,
				  "'%.*s' is no section, allowed: %s on a line of its own",
				  (int)(len < SHOWN_MAX ? len : SHOWN_MAX), line, sections_allowed);
	*close = '\0';
	kind = lines_cut_word(&rest);
	name = lines_cut_word(&rest);
	section = section_find(kind);
	if (section == SECTION__COUNT) {
		near = section_near(kind);
		return lines_fail(&reader->lines, "unknown section '%.*s'%s%s%s, allowed: %s",
				  SHOWN_MAX, kind, near ? " (did you mean '" : "", near ? near : "",
				  near ? "'?)" : "", sections_allowed);
	}
	if (*lines_cut_word(&rest) || (section != SECTION_COMPONENT && *name))
		return lines_fail(&reader->lines, "[%s] has too many words, allowed: %s", kind,
				  sections_allowed);
	return section == SECTION_COMPONENT ? begin_component(reader, name)
					    : begin_section(reader, section);
}

static int check_line(struct build_reader *reader, const char *line, size_t len)
{
	if (lines_check_bytes(&reader->lines, line, len))
		return -EINVAL;
	if (len && *line == '[')
		return read_section(reader, line, len);
	if (len && !memchr(line, '=', len))
		return lines_fail(&reader->lines,
				  "'%.*s' is neither a section nor a setting, allowed: "
				  "KEY = VALUE",
				  (int)(len < SHOWN_MAX ? len : SHOWN_MAX), line);
	return 0;
}

/* ini_reader */
static char *read_line(char *buf, int size, void *arg)
{
	size_t max = (size_t)size - INI_LINE_SPARE;
	struct build_reader *reader = arg;
	const char *line;
	size_t len;

	if (reader->rc || !lines_more(&reader->lines))
		return NULL;
	len = lines_take(&reader->lines, &line);
	if (max > INI_MAX_LINE - INI_LINE_SPARE)
		max = INI_MAX_LINE - INI_LINE_SPARE;
	if (len > max)
		reader->rc = lines_fail(&reader->lines,
					"the line is %zu characters long, allowed: %zu", len, max);
	else
		reader->rc = check_line(reader, line, len);
	if (reader->rc)
		return NULL;
	if (len && *line == '[')
		len = 0;
	memcpy(buf, line, len);
	buf[len] = '\0';
	return buf;
}

static int fail_key(struct build_reader *reader, const char *key, enum section section)
{
	enum section near_section;
	const char *near = option_near(section, key, &near_section);

	if (near && near_section != section)
		return lines_fail(&reader->lines, "%s: not a key of [%s], allowed: in [%s]", key,
				  section_name(section), section_name(near_section));
	if (near)
		return lines_fail(&reader->lines, "unknown key '%.*s' in [%s], did you mean '%s'?",
				  SHOWN_MAX, key, section_name(section), near);
	return lines_fail(&reader->lines,
			  "unknown key '%.*s' in [%s], allowed: see 'uwctl config show'", SHOWN_MAX,
			  key, section_name(section));
}

static int fail_value(struct build_reader *reader, const struct option *option, const char *value,
		      int rc)
{
	const char *what = rc == -ENOKEY   ? "has no unit"
			   : rc == -ERANGE ? "is out of range"
					   : "is not understood";
	const char *hint = strchr(value, '#') ? "; a comment behind a value begins with ' ;'" : "";
	char allowed[CONF_ALLOWED_LEN];

	return lines_fail(&reader->lines, "%s: '%.*s' %s, allowed: %s%s", option->key, SHOWN_MAX,
			  value, what, option_allowed(option, allowed, sizeof(allowed)), hint);
}

/* Two settings in one text contradict each other; across texts the later one wins. */
static int check_again(struct build_reader *reader, const struct option *option, const char *key)
{
	const struct option *other = option_find(option->section, key);
	const struct origin *origin = &reader->build->key[reader->target][other - option_table];

	if (!origin->name || origin->text != reader->build->text_count)
		return 0;
	if (other == option)
		return lines_fail(&reader->lines,
				  "%s: set in line %u already, allowed: once a file", option->key,
				  origin->line);
	return lines_fail(&reader->lines, "%s: '%s' is set in line %u, allowed: one of the two",
			  option->key, other->key, origin->line);
}

static int set_key(struct build_reader *reader, const char *key, const char *value)
{
	struct build *build = reader->build;
	const struct option *option;
	enum section section;
	void *field;
	int rc;

	if (reader->target == TARGET_NONE)
		return lines_fail(&reader->lines,
				  "'%.*s' stands before the first section, allowed: %s above it",
				  SHOWN_MAX, key, sections_allowed);
	section = target_section(reader->target);
	option = option_find(section, key);
	if (!option)
		return fail_key(reader, key, section);
	if (check_again(reader, option, option->key) ||
	    (option->excludes && check_again(reader, option, option->excludes)))
		return -EINVAL;
	field = option_field(option, &build->config, reader->target - TARGET_COMPONENT0);
	rc = option_parse(option, value, field);
	if (rc)
		return fail_value(reader, option, value, rc);
	build->key[reader->target][option - option_table] =
		(struct origin){reader->lines.name, reader->lines.number, build->text_count};
	return 0;
}

/* ini_handler */
static int take_pair(void *arg, const char *section, const char *key, const char *value)
{
	struct build_reader *reader = arg;

	(void)section;
	if (!reader->rc)
		reader->rc = set_key(reader, key, value);
	return !reader->rc;
}

static void set_defaults(struct config *config, enum section section, unsigned int index)
{
	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (option->section == section && option->fallback)
			option_parse(option, option->fallback, option_field(option, config, index));
	}
}

void build_begin(struct build *build)
{
	memset(build, 0, sizeof(*build));
	for (enum section section = SECTION_POOL; section < SECTION_COMPONENT; section++)
		set_defaults(&build->config, section, 0);
	set_defaults(&build->config, SECTION_COMPONENT, 0);
	for (unsigned int i = 1; i < UW_COMPONENTS_MAX; i++)
		build->config.component[i] = build->config.component[0];
}

int build_text(struct build *build, const char *name, const char *text, size_t len,
	       struct uw_err *err)
{
	struct build_reader reader = {
		.build = build,
		.lines = {.name = name,
			  .next = text,
			  .end = text + len,
			  .comments_at_ends = true,
			  .err = err},
		.target = TARGET_NONE,
	};
	int line;

	build->text_count++;
	line = ini_parse_stream(read_line, &reader, take_pair, &reader);
	if (reader.rc)
		return reader.rc;
	if (line)
		return err_set(err, -EINVAL, "%s:%d: not a setting, allowed: KEY = VALUE", name,
			       line);
	return 0;
}

int conf_parse_text(const char *name, const char *text, size_t len, struct config *ret_config,
		    struct uw_err *err)
{
	struct build build;
	int rc;

	build_begin(&build);
	rc = build_text(&build, name, text, len, err);
	if (rc)
		return rc;
	return build_end(&build, ret_config, err);
}

void conf_defaults(struct config *ret_config)
{
	conf_parse_text(profile_name, profile_text, profile_len, ret_config, NULL);
}

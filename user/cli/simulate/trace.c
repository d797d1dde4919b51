// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads traces of jobs in either format, by tables that give each column's name and bounds.
 * Decimals are read into millionths, without floating point. In SWF jobs memory is taken only where
 * every job tells it, and processors stand for it otherwise, which is decided at the end of the
 * file.
 */
#include "user/cli/simulate/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"

#define FIELDS_MAX   18
#define LINE_MAX_LEN 4096
#define MICRO        1000000ULL
/* Values past these are mistakes, and would overflow what is worked out of them. */
#define SECONDS_MAX (100ULL * 365 * 24 * 3600) /* what the scheduler takes */
#define MIB_MAX     (1ULL << 24)
#define NUMBER_MAX  (1ULL << 40)

/* A value of a line, in millionths. */
struct value {
	bool known; /* -1 is not */
	uint64_t micro;
};

struct trace_field {
	const char *name;
	uint64_t max;
	bool optional; /* -1 may stand there */
	bool whole;
};

enum column {
	COLUMN_SUBMIT,
	COLUMN_RUN,
	COLUMN_DECLARED,
	COLUMN_ASKED,
	COLUMN_PEAK,
	COLUMN_KEY,
	COLUMN_CLASS,
	COLUMN_MEMORY_PRIORITY,
	COLUMN_INPUT,
	COLUMN__COUNT
};

static const struct trace_field columns[COLUMN__COUNT] = {
	[COLUMN_SUBMIT] = {"submit", SECONDS_MAX, false, false},
	[COLUMN_RUN] = {"run", SECONDS_MAX, false, false},
	[COLUMN_DECLARED] = {"declared", SECONDS_MAX, true, false},
	[COLUMN_ASKED] = {"asked_mb", MIB_MAX, false, false},
	[COLUMN_PEAK] = {"peak_mb", MIB_MAX, false, false},
	[COLUMN_KEY] = {"key", NUMBER_MAX, true, true},
	[COLUMN_CLASS] = {"class", 4, false, true},
	[COLUMN_MEMORY_PRIORITY] = {"memory_priority", 10, false, true},
	[COLUMN_INPUT] = {"input_mb", MIB_MAX, true, false},
};

enum swf {
	SWF_JOB,
	SWF_SUBMIT,
	SWF_WAIT,
	SWF_RUN,
	SWF_PROCS,
	SWF_CPU,
	SWF_MEMORY,
	SWF_ASKED_PROCS,
	SWF_ASKED_TIME,
	SWF_ASKED_MEMORY,
	SWF_STATUS,
	SWF_USER,
	SWF_GROUP,
	SWF_PROGRAM,
	SWF_QUEUE,
	SWF_PARTITION,
	SWF_BEFORE,
	SWF_THINK,
	SWF__COUNT
};

static const struct trace_field swf[SWF__COUNT] = {
	[SWF_JOB] = {"job number", NUMBER_MAX, true, true},
	[SWF_SUBMIT] = {"submit time", SECONDS_MAX, false, false},
	[SWF_WAIT] = {"wait time", SECONDS_MAX, true, false},
	[SWF_RUN] = {"run time", SECONDS_MAX, true, false},
	[SWF_PROCS] = {"processors", MIB_MAX, true, true},
	[SWF_CPU] = {"average CPU time", SECONDS_MAX, true, false},
	[SWF_MEMORY] = {"used memory", NUMBER_MAX, true, false},
	[SWF_ASKED_PROCS] = {"requested processors", MIB_MAX, true, true},
	[SWF_ASKED_TIME] = {"requested time", SECONDS_MAX, true, false},
	[SWF_ASKED_MEMORY] = {"requested memory", NUMBER_MAX, true, false},
	[SWF_STATUS] = {"status", NUMBER_MAX, true, true},
	[SWF_USER] = {"user", NUMBER_MAX, true, true},
	[SWF_GROUP] = {"group", NUMBER_MAX, true, true},
	[SWF_PROGRAM] = {"executable", NUMBER_MAX, true, true},
	[SWF_QUEUE] = {"queue", NUMBER_MAX, true, true},
	[SWF_PARTITION] = {"partition", NUMBER_MAX, true, true},
	[SWF_BEFORE] = {"preceding job", NUMBER_MAX, true, true},
	[SWF_THINK] = {"think time", SECONDS_MAX, true, false},
};

struct trace_reader {
	const char *name;
	unsigned int line;
	uint32_t capacity;
	struct trace *trace;
	bool is_swf;
	uint32_t fields; /* of the first job's line; 0: none yet */
	/* Of SWF, until all jobs are read: what each would be in memory. */
	bool memory_missing;
	uint64_t *memory; /* two a job: asked, used */
	struct uw_err *err;
};

static int wrong(const struct trace_reader *reader, const char *field, const char *what)
{
	return err_set(reader->err, -EINVAL, "%s:%u: %s: %s", reader->name, reader->line, field,
		       what);
}

/* Digits, and up to all decimals of which six count. NULL, or what is wrong. */
static const char *parse_number(const char *text, const struct trace_field *field,
				struct value *ret)
{
	uint64_t whole = 0, part = 0, scale = MICRO / 10;

	if (*text < '0' || *text > '9')
		return "not a number";
	for (; *text >= '0' && *text <= '9'; text++) {
		whole = whole * 10 + (uint64_t)(*text - '0');
		if (whole > field->max)
			return "out of range";
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			part += scale * (uint64_t)(*text - '0');
	}
	if (*text)
		return "not a number";
	if (field->whole && part)
		return "not a whole number";
	*ret = (struct value){true, whole * MICRO + part};
	return NULL;
}

static bool is_minus_one(const char *text)
{
	if (strncmp(text, "-1", 2) != 0)
		return false;
	return !text[2] || (text[2] == '.' && strspn(text + 3, "0") == strlen(text + 3));
}

static int parse_field(const struct trace_reader *reader, const struct trace_field *field,
		       const char *text, struct value *ret)
{
	const char *what;

	if (field->optional && is_minus_one(text)) {
		*ret = (struct value){false, 0};
		return 0;
	}
	what = parse_number(text, field, ret);
	return what ? wrong(reader, field->name, what) : 0;
}

/* The words of line, in place. FIELDS_MAX + 1 when there are more. */
static uint32_t split(char *line, char *word[static FIELDS_MAX + 1])
{
	uint32_t count = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
		if (count == FIELDS_MAX)
			return FIELDS_MAX + 1;
		word[count++] = w;
	}
	return count;
}

static int grow(struct trace_reader *reader)
{
	struct trace *trace = reader->trace;
	uint32_t capacity = reader->capacity ? 2 * reader->capacity : 1024;
	struct trace_job *job;
	uint64_t *memory;

	if (trace->count < reader->capacity)
		return 0;
	if (trace->count == TRACE_JOBS_MAX)
		return wrong(reader, "job", "more than 8388608 of them");
	job = reallocarray(trace->job, capacity, sizeof(*job));
	if (!job)
		return err_set(reader->err, -ENOMEM, "%s: out of memory", reader->name);
	trace->job = job;
	memory = reallocarray(reader->memory, capacity, 2 * sizeof(*memory));
	if (!memory)
		return err_set(reader->err, -ENOMEM, "%s: out of memory", reader->name);
	reader->memory = memory;
	reader->capacity = capacity;
	return 0;
}

/* MiB in millionths. */
static uint64_t to_bytes(struct value value)
{
	return value.micro / MICRO * MIB + value.micro % MICRO * MIB / MICRO;
}

static int take_columns(struct trace_reader *reader, const struct value *v)
{
	struct trace *trace = reader->trace;

	if (!v[COLUMN_MEMORY_PRIORITY].micro)
		return wrong(reader, "memory_priority", "0, allowed: 1 to 10");
	if (!to_bytes(v[COLUMN_ASKED])) {
		trace->left_out++;
		return 0;
	}
	trace->job[trace->count++] = (struct trace_job){
		.submit_us = v[COLUMN_SUBMIT].micro,
		.run_us = v[COLUMN_RUN].micro,
		.declared_us = v[COLUMN_DECLARED].micro,
		.asked_bytes = to_bytes(v[COLUMN_ASKED]),
		.peak_bytes = to_bytes(v[COLUMN_PEAK]),
		.input_bytes = to_bytes(v[COLUMN_INPUT]),
		.key = v[COLUMN_KEY].known ? v[COLUMN_KEY].micro / MICRO + 1 : 0,
		.class = (uint8_t)(v[COLUMN_CLASS].micro / MICRO),
		.memory_priority = (uint8_t)(v[COLUMN_MEMORY_PRIORITY].micro / MICRO),
	};
	return 0;
}

/* KiB a processor in millionths, times processors; 0: not known, or out of any range. */
static uint64_t swf_memory(struct value kib, uint64_t processors)
{
	uint64_t bytes = kib.micro / MICRO * KIB;

	return bytes > MIB_MAX * MIB / processors ? 0 : bytes * processors;
}

static int take_swf(struct trace_reader *reader, const struct value *v)
{
	struct trace *trace = reader->trace;
	struct value procs = v[SWF_PROCS].micro ? v[SWF_PROCS] : v[SWF_ASKED_PROCS];
	struct value asked = v[SWF_ASKED_PROCS].micro ? v[SWF_ASKED_PROCS] : procs;
	uint64_t count = procs.micro / MICRO, user, program;
	uint64_t *memory = &reader->memory[2 * trace->count];

	if (!count || !v[SWF_RUN].micro) {
		trace->left_out++;
		return 0;
	}
	user = v[SWF_USER].micro / MICRO;
	program = v[SWF_PROGRAM].micro / MICRO;
	memory[0] =
		swf_memory(v[SWF_ASKED_MEMORY].micro ? v[SWF_ASKED_MEMORY] : v[SWF_MEMORY], count);
	memory[1] = swf_memory(v[SWF_MEMORY].micro ? v[SWF_MEMORY] : v[SWF_ASKED_MEMORY], count);
	reader->memory_missing |= !memory[0];
	trace->job[trace->count++] = (struct trace_job){
		.submit_us = v[SWF_SUBMIT].micro,
		.run_us = v[SWF_RUN].micro,
		.declared_us = v[SWF_ASKED_TIME].micro,
		.asked_bytes = asked.micro / MICRO * MIB,
		.peak_bytes = count * MIB,
		.key = v[SWF_PROGRAM].known ? (user << 32 | (program & UINT32_MAX)) + 1 : 0,
		.class = 2,
		.memory_priority = 5,
	};
	return 0;
}

/* A part of a job that was swapped out or taken up again; a line of its own tells of the whole, and
 * the parts after the first say no time of submission. */
static bool is_swf_piece(const char *status)
{
	return !strcmp(status, "2") || !strcmp(status, "3") || !strcmp(status, "4");
}

/* The first job's line says which format it is. Of SWF no line has more fields than 18 by right. */
static int choose_format(struct trace_reader *reader, uint32_t count)
{
	if (count < SWF__COUNT && count != COLUMN__COUNT && count != COLUMN__COUNT - 1)
		return wrong(reader, "line", "allowed: 8 or 9 columns, or the 18 fields of SWF");
	reader->is_swf = count >= SWF__COUNT;
	reader->fields = reader->is_swf ? SWF__COUNT : count;
	return 0;
}

static int take_words(struct trace_reader *reader, char **word, uint32_t count)
{
	const struct trace_field *field = reader->is_swf ? swf : columns;
	struct value value[FIELDS_MAX] = {0};
	int r = 0;

	if (count != reader->fields)
		return wrong(reader, "line", "more or fewer fields than the lines before");
	if (reader->is_swf && is_swf_piece(word[SWF_STATUS]))
		return 0;
	for (uint32_t i = 0; i < count && !r; i++)
		r = parse_field(reader, &field[i], word[i], &value[i]);
	if (!r)
		r = grow(reader);
	if (r < 0)
		return r;
	return reader->is_swf ? take_swf(reader, value) : take_columns(reader, value);
}

/* One faulty line of a log that others have kept for years is no reason to refuse it. */
static int leave_out(struct trace_reader *reader)
{
	if (!reader->trace->faulty++)
		reader->trace->fault = *reader->err;
	return 0;
}

static int take_line(struct trace_reader *reader, char *line)
{
	char *word[FIELDS_MAX + 1];
	uint32_t count;
	int r = 0;

	if (line[strspn(line, " \t\r\n")] == ';' || line[strspn(line, " \t\r\n")] == '#')
		return 0;
	count = split(line, word);
	if (!count)
		return 0;
	if (!reader->fields)
		r = choose_format(reader, count);
	if (!r)
		r = take_words(reader, word, count);
	return r == -EINVAL && reader->is_swf ? leave_out(reader) : r;
}

static size_t length_of_mark(const char *line)
{
	static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark of some editors */

	return strncmp(line, mark, strlen(mark)) ? 0 : strlen(mark);
}

static int take_lines(struct trace_reader *reader, FILE *file)
{
	char line[LINE_MAX_LEN];
	int r;

	while (fgets(line, sizeof(line), file)) {
		char *begin = reader->line ? line : line + length_of_mark(line);

		reader->line++;
		if (!strchr(line, '\n') && strlen(line) == sizeof(line) - 1)
			return wrong(reader, "line", "longer than 4094 bytes");
		r = take_line(reader, begin);
		if (r < 0)
			return r;
	}
	if (ferror(file))
		return err_set(reader->err, -EIO, "%s: cannot be read on: %s", reader->name,
			       strerror(errno));
	return 0;
}

/* Memory where every job tells it, else processors. */
static void choose_swf_measure(struct trace_reader *reader)
{
	struct trace *trace = reader->trace;

	trace->processors = reader->is_swf && reader->memory_missing;
	if (!reader->is_swf || reader->memory_missing)
		return;
	for (uint32_t i = 0; i < trace->count; i++) {
		trace->job[i].asked_bytes = reader->memory[(size_t)2 * i];
		trace->job[i].peak_bytes = reader->memory[(size_t)2 * i + 1];
	}
}

int trace_read(FILE *file, const char *name, struct trace *ret, struct uw_err *err)
{
	struct trace_reader reader = {.name = name, .trace = ret, .err = err};
	int r;

	*ret = (struct trace){0};
	r = take_lines(&reader, file);
	if (!r && !ret->count && ret->faulty)
		r = err_set(err, -EINVAL, "%s", ret->fault.text);
	else if (!r && !ret->count)
		r = err_set(err, -ENODATA, "%s: no job in it", name);
	if (!r)
		choose_swf_measure(&reader);
	free(reader.memory);
	return r;
}

int trace_open(const char *path, struct trace *ret, struct uw_err *err)
{
	AUTO_FCLOSE FILE *file = NULL;

	if (!strcmp(path, "-"))
		return trace_read(stdin, "standard input", ret, err);
	file = fopen(path, "re");
	*ret = (struct trace){0};
	if (!file)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return trace_read(file, path, ret, err);
}

void trace_done(struct trace *trace)
{
	free(trace->job);
	*trace = (struct trace){0};
}

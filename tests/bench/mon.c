// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mon - samples cgroups, the system's memory and a hog's growth at an interval, into memory, and
 * writes them as CSV with a header line when SIGTERM comes. An interval under 50 ms falsifies the
 * stall times: the kernel weighs them by whole jiffies between two readings (kernel/sched/psi.c,
 * collect_percpu_times), for uwd as well.
 */
#include "cgfile.h"
#include "growth.h"

#define MAX_GROUPS    8
#define BUFFER_BYTES  ((size_t)4 << 20)
#define ROW_MAX_BYTES 4096

static long interval_ms = 100;
static const char *out_path = "mon.csv";
static const char *growth_path;

static const struct bench_option options[] = {
	{"interval", BENCH_LONG, &interval_ms, "milliseconds between samples"},
	{"out", BENCH_TEXT, &out_path, "CSV file for the samples"},
	{"growth", BENCH_TEXT, &growth_path, "growth file to make for a hog and to sample"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

enum kind {
	PLAIN,
	STALL
};

/* A column is one number of one file. Bytes become kB where `divisor` says so. */
struct column {
	const char *name;
	const char *file;
	const char *key;
	enum kind kind;
	int64_t divisor;
};

static const struct column system_columns[] = {
	{"avail_kb", "meminfo", "MemAvailable", PLAIN, 1},
	{"swapfree_kb", "meminfo", "SwapFree", PLAIN, 1},
	{"some_us", "pressure/memory", "some", STALL, 1},
	{"full_us", "pressure/memory", "full", STALL, 1},
};

static const struct column group_columns[] = {
	{"current_kb", "memory.current", "", PLAIN, 1024},
	{"swap_kb", "memory.swap.current", "", PLAIN, 1024},
	{"high_kb", "memory.high", "", PLAIN, 1024},
	{"some_us", "memory.pressure", "some", STALL, 1},
	{"full_us", "memory.pressure", "full", STALL, 1},
	{"ev_high", "memory.events", "high", PLAIN, 1},
	{"ev_max", "memory.events", "max", PLAIN, 1},
	{"ev_oom_kill", "memory.events", "oom_kill", PLAIN, 1},
	{"populated", "cgroup.events", "populated", PLAIN, 1},
	{"frozen", "cgroup.events", "frozen", PLAIN, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct group {
	const char *name;
	const char *directory;
	struct cgfile files[COUNT_OF(group_columns)];
};

struct monitor {
	struct group groups[MAX_GROUPS];
	size_t group_count;
	struct cgfile system_files[COUNT_OF(system_columns)];
	struct growth *growth;
	char *rows;
	size_t rows_bytes;
};

static void files_init(struct cgfile *files, const struct column *columns, size_t count,
		       const char *directory)
{
	for (size_t i = 0; i < count; i++)
		files[i] = (struct cgfile){directory, columns[i].file, -1};
}

static void monitor_add_group(struct monitor *monitor, char *word)
{
	struct group *group = &monitor->groups[monitor->group_count];
	char *equals = strchr(word, '=');

	if (!equals || monitor->group_count == MAX_GROUPS)
		bench_fail("%s: allowed is NAME=CGROUP_DIRECTORY, at most %d of them", word,
			   MAX_GROUPS);
	*equals = '\0';
	group->name = word;
	group->directory = equals + 1;
	files_init(group->files, group_columns, COUNT_OF(group_columns), group->directory);
	monitor->group_count++;
}

__attribute__((format(printf, 2, 3))) static void monitor_print(struct monitor *monitor,
								const char *format, ...)
{
	va_list args;

	va_start(args, format);
	monitor->rows_bytes += (size_t)vsnprintf(monitor->rows + monitor->rows_bytes,
						 ROW_MAX_BYTES / 8, format, args);
	va_end(args);
}

static void monitor_print_header(struct monitor *monitor)
{
	monitor_print(monitor, "at_ms,grown_kb");
	for (size_t i = 0; i < COUNT_OF(system_columns); i++)
		monitor_print(monitor, ",%s", system_columns[i].name);
	for (size_t g = 0; g < monitor->group_count; g++)
		for (size_t i = 0; i < COUNT_OF(group_columns); i++)
			monitor_print(monitor, ",%s.%s", monitor->groups[g].name,
				      group_columns[i].name);
	monitor_print(monitor, "\n");
}

/* Neighbouring columns of one file share one reading of it. */
static void monitor_print_columns(struct monitor *monitor, struct cgfile *files,
				  const struct column *columns, size_t count)
{
	const char *text = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct column *column = &columns[i];
		int64_t value = CGFILE_ABSENT;

		if (i == 0 || strcmp(column->file, columns[i - 1].file) != 0)
			text = cgfile_read(&files[i]);
		if (text)
			value = column->kind == STALL ? cgfile_find_stall_us(text, column->key)
						      : cgfile_find(text, column->key);
		monitor_print(monitor, ",%lld",
			      (long long)(value < 0 ? CGFILE_ABSENT : value / column->divisor));
	}
}

static void monitor_sample(struct monitor *monitor)
{
	uint64_t grown_bytes = monitor->growth ? atomic_load(&monitor->growth->bytes) : 0;

	if (monitor->rows_bytes + ROW_MAX_BYTES > BUFFER_BYTES)
		return;
	monitor_print(monitor, "%.1f,%llu", (double)bench_now_us() / 1e3,
		      (unsigned long long)grown_bytes >> 10);
	monitor_print_columns(monitor, monitor->system_files, system_columns,
			      COUNT_OF(system_columns));
	for (size_t g = 0; g < monitor->group_count; g++)
		monitor_print_columns(monitor, monitor->groups[g].files, group_columns,
				      COUNT_OF(group_columns));
	monitor_print(monitor, "\n");
}

static void monitor_init(struct monitor *monitor, int argc, char **argv)
{
	int at = bench_parse_options(argc, argv, "mon [OPTION]... NAME=CGROUP_DIRECTORY...",
				     options);

	*monitor = (struct monitor){.rows = bench_reserve(BUFFER_BYTES)};
	while (at < argc)
		monitor_add_group(monitor, argv[at++]);
	files_init(monitor->system_files, system_columns, COUNT_OF(system_columns), "/proc");
	if (growth_path)
		monitor->growth = growth_create(growth_path);
}

static void monitor_run(struct monitor *monitor)
{
	int64_t next_us = bench_now_us();

	while (!bench_stopped) {
		monitor_sample(monitor);
		next_us += interval_ms * 1000;
		if (next_us < bench_now_us())
			next_us = bench_now_us();
		bench_sleep_until_us(next_us);
	}
}

static void monitor_write(const struct monitor *monitor)
{
	FILE *out = fopen(out_path, "we");

	if (!out || fwrite(monitor->rows, 1, monitor->rows_bytes, out) != monitor->rows_bytes ||
	    fclose(out))
		bench_fail("%s", out_path);
}

int main(int argc, char **argv)
{
	struct monitor monitor;

	monitor_init(&monitor, argc, argv);
	bench_catch_stop();
	bench_lock_memory();
	monitor_print_header(&monitor);
	monitor_run(&monitor);
	monitor_write(&monitor);
	return 0;
}

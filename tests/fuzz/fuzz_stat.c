// SPDX-License-Identifier: GPL-2.0-or-later
/* Every reader of a kernel's text file, on the same input. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/internal.h"
#include "user/act/page_in.h"
#include "user/base/cleanup.h"
#include "user/sense/lru_gen.h"
#include "user/sense/pagesets.h"
#include "user/sense/parse.h"

static void read_pagesets(const char *text, size_t size)
{
	size_t piece = size && *text ? (uint8_t)*text : 4096;
	struct pagesets_reader reader = {0};

	for (size_t at = 0; at < size; at += piece)
		pagesets_feed(&reader, text + at, size - at < piece ? size - at : piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void read_locks(const char *text)
{
	struct lock_waits waits = {0};

	for (const char *line = text; *line; line += *line == '\n') {
		parse_lock_line(line, &waits);
		line = strchrnul(line, '\n');
	}
}

static void read_mounts(char *text, size_t size)
{
	AUTO_FCLOSE FILE *file = size ? fmemopen(text, size, "r") : NULL;
	struct cg_host host = {0};
	bool memory_v1;

	if (file)
		cg_host_read_mounts(file, &host, &memory_v1);
}

static void on_node(void *data, const struct lru_gen_node *node)
{
	uint64_t *pages = data;

	for (uint32_t i = 0; i < node->row_count; i++)
		if (lru_gen_idle_ms(node, i))
			*pages += node->row[i].anon_pages + strlen(node->path);
}

/* In pieces whose length the first byte says. */
static void read_lru_gen(const char *text, size_t size)
{
	size_t piece = size && *text ? (uint8_t)*text : 4096;
	struct lru_gen_reader reader;
	uint64_t pages = 0;

	lru_gen_begin(&reader, on_node, &pages);
	for (size_t at = 0; at < size; at += piece)
		lru_gen_feed(&reader, text + at, size - at < piece ? size - at : piece);
	lru_gen_end(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	AUTO_FREE char *text = malloc(size + 1);
	struct component_sample sample = {0};
	struct host_sample host = {0};
	uint64_t some, full, start, end;
	bool populated, frozen, anonymous;

	if (!text)
		return 0;
	memcpy(text, input, size);
	text[size] = '\0';
	page_in_parse(text, &start, &end, &anonymous);
	parse_memory_stat(text, &sample);
	parse_memory_events(text, &sample);
	parse_meminfo(text, &host);
	parse_pressure(text, &some, &full);
	parse_cpu_stat(text, &some);
	read_locks(text);
	parse_bytes(text, &some);
	parse_cgroup_events(text, &populated, &frozen);
	cg_parse_u64(text, &some);
	cg_parse_state(text, &populated, &frozen);
	cg_check_root(text, NULL);
	read_lru_gen(text, size);
	read_pagesets(text, size);
	read_mounts(text, size);
	return 0;
}

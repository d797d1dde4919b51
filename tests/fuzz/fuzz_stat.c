// SPDX-License-Identifier: GPL-2.0-or-later
/* Every reader of a kernel's text file, on the same input. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/internal.h"
#include "user/act/page_in.h"
#include "user/base/cleanup.h"
#include "user/sense/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void read_mounts(char *text, size_t size)
{
	AUTO_FCLOSE FILE *file = size ? fmemopen(text, size, "r") : NULL;
	struct cg_host host = {0};
	bool memory_v1;

	if (file)
		cg_host_read_mounts(file, &host, &memory_v1);
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
	parse_bytes(text, &some);
	parse_cgroup_events(text, &populated, &frozen);
	cg_parse_u64(text, &some);
	cg_parse_state(text, &populated, &frozen);
	cg_check_root(text, NULL);
	read_mounts(text, size);
	return 0;
}

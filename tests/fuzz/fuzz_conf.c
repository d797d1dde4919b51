// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as configuration. Refused text leaves one printable line and an untouched config; text
 * that is taken reads back the same after printing, and differs from itself in nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_conf: %s\n", what);
	abort();
}

static void ignore_change(const struct conf_change *change, void *arg)
{
	char text[600];

	(void)arg;
	conf_change_text(change, text, sizeof(text));
}

static void check_refused(const struct config *config, const struct uw_err *err, int rc)
{
	static struct config untouched;

	if (!untouched.component_count)
		memset(&untouched, 0x5a, sizeof(untouched));
	require(!memcmp(config, &untouched, sizeof(*config)), "a refused text changed the config");
	require(err->code == rc && rc < 0 && err->text[0], "a failure without a message");
	for (const char *c = err->text; *c; c++)
		require(*c >= 0x20 && *c < 0x7f, "a message that cannot be printed");
}

static void check_taken(const struct config *config)
{
	AUTO_FREE char *text = NULL;
	struct config again;
	struct uw_err err = {0};
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	require(out && !conf_print(config, out) && !fclose(out), "printing failed");
	memset(&again, 0x5a, sizeof(again));
	require(!conf_parse_text("again", text, len, &again, &err), err.text);
	if (memcmp(config, &again, sizeof(again)))
		require(0, conf_diff(config, &again, ignore_change, NULL)
				   ? "differs after a round trip"
				   : "differs in a field that is not printed");
	conf_check_budget(config, 1ULL << 34, &err);
	config_resolve(&again, 1ULL << 34);
	require(!conf_diff(config, &again, ignore_change, NULL), "resolving changed an option");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct uw_err err = {0};
	struct config config;
	int rc;

	memset(&config, 0x5a, sizeof(config));
	rc = conf_parse_text("fuzz", (const char *)bytes, len, &config, &err);
	if (rc)
		check_refused(&config, &err, rc);
	else
		check_taken(&config);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a cgroup file, a name and a message: reads stay inside their buffers, a name is safe
 * as one path component, and errors stay one line. The first byte is the size of the buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/err.h"
#include "user/base/log.h"
#include "user/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_text: %s\n", what);
	abort();
}

static void check_copy(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	bool fits;

	require(copy != NULL, "no memory");
	fits = text_copy(copy, size, text);
	require(fits == (strlen(text) < size), "copy: wrong answer");
	if (size)
		require(strlen(copy) < size && !strncmp(copy, text, strlen(copy)),
			"copy: wrong text");
	free(copy);
}

static void check_err(const char *text, size_t split)
{
	struct uw_err err = {0};

	require(err_set(&err, -1, "%s", text) == -1, "err: wrong code");
	err_prefix(&err, "%.*s", (int)split, text);
	require(strlen(err.text) < UW_ERR_TEXT_LEN && !strchr(err.text, '\n'), "err: not one line");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const keys[] = {"anon", "file", "high", "MemTotal:", ""};
	enum log_level level;
	uint64_t value;
	char *text;

	if (!len || !(text = malloc(len)))
		return 0;
	memcpy(text, bytes + 1, len - 1);
	text[len - 1] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		text_key_u64(text, keys[i], &value);
	if (text_is_name(text))
		require(strlen(text) <= 31 && !strchr(text, '/') && text[0] != '.', "unsafe name");
	check_copy(text, bytes[0]);
	check_err(text, bytes[0]);
	log_level_from_name(text, &level);
	free(text);
	return 0;
}

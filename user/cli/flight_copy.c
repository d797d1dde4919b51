// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is recorded here is exported into memory, as uwctl record does into a file, so that a uwd
 * that goes on writing changes nothing of it.
 */
#include "user/cli/flight_copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/conf/conf.h"
#include "user/record/flight.h"
#include "user/record/load.h"

static int read_live(struct flight_copy *copy, struct uw_err *err)
{
	struct record_export done;
	struct config config;
	char *bytes = NULL;
	FILE *out;
	int r = conf_load(NULL, NULL, &config, err);

	if (r < 0)
		return r;
	out = open_memstream(&bytes, &copy->size);
	if (!out)
		return err_set(err, -ENOMEM, "not enough memory");
	r = record_export(config.record.file, FLIGHT_STAGE, 0, out, &done, err);
	fclose(out);
	copy->bytes = bytes;
	return r;
}

int flight_copy_open(struct flight_copy *copy, const char *file, struct uw_err *err)
{
	int r;

	*copy = (struct flight_copy){.recording = malloc(sizeof(*copy->recording))};
	if (!copy->recording)
		return err_set(err, -ENOMEM, "not enough memory");
	r = file ? record_read_file(file, &copy->bytes, &copy->size, err) : read_live(copy, err);
	if (!r)
		r = recording_open(copy->recording, copy->bytes, copy->size, err);
	return r;
}

void flight_copy_done(struct flight_copy *copy)
{
	free(copy->recording);
	free(copy->bytes);
	*copy = (struct flight_copy){0};
}

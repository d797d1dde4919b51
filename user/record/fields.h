/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a frame, a plan and the views of a recording hold, as a table: one row a field, with where
 * it lies and which values it may have. The writer puts the table into the recording as text; a
 * reader finds its own fields by their names, takes what is not there as zero, and refuses values
 * that would lead the policy astray. Pure; nothing is allocated.
 */
#ifndef UW_RECORD_FIELDS_H
#define UW_RECORD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"

enum record_image {
	IMAGE_FRAME, /* struct frame */
	IMAGE_PLAN,  /* struct plan */
	IMAGE_VIEWS, /* struct component_view[UW_COMPONENTS_MAX] */
	IMAGE__COUNT
};

#define IMAGE_BYTES_MAX  (512U * 1024) /* of a schema that is read */
#define FIELDS_GROUP_MAX 48            /* rows of a group */
#define FIELDS_GROUPS    9

/* Where a reader's fields lie in the images of a recording. */
struct record_schema {
	uint32_t image_bytes[IMAGE__COUNT];
	struct {
		uint32_t at, stride, count;
		struct {
			uint32_t at;
			uint32_t bytes; /* 0: not there */
		} field[FIELDS_GROUP_MAX];
	} group[FIELDS_GROUPS];
};

/* The table as text; returns its length, 0 when it does not fit. */
size_t record_schema_print(char *buf, size_t size);

/* Reads such a text. 0, or -EBADMSG when it is none or describes what cannot be. */
int record_schema_parse(const char *text, size_t len, struct record_schema *ret_schema);

/* From an image of a recording. 0, or -EBADMSG for values that no uwd writes. */
int record_read_frame(const struct record_schema *schema, const uint8_t *image,
		      struct frame *ret_frame);
int record_read_plan(const struct record_schema *schema, const uint8_t *image,
		     struct plan *ret_plan);
int record_read_views(const struct record_schema *schema, const uint8_t *image,
		      struct component_view ret_view[UW_COMPONENTS_MAX]);

/* NULL when all fields of both are equal, else the name of the first that is not; *ret_action is
 * the index of its action, -1 when it is none of an action. */
const char *record_plan_difference(const struct plan *a, const struct plan *b, int *ret_action);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One component as status shows it; component is a Component of the interface. */
#ifndef UW_CLI_COMPONENT_H
#define UW_CLI_COMPONENT_H

#include <jansson.h>
#include <stdbool.h>

#include "user/cli/screen.h"

/* Of its level; of what stands still never that of what does well. */
enum paint component_paint(const json_t *component);

/* Whether anything is done about it. */
bool component_is_remarkable(const json_t *component);

/* What that is, in a sentence; nothing where there is none. */
void component_print_remark(const struct screen *screen, const json_t *component);

/* Every value of it, and its leaves. */
void component_print(const struct screen *screen, const json_t *component);

#endif

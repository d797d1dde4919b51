/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is right in itself, and hardly what was meant on this machine. */
#ifndef UW_CLI_CONFIG_WARN_H
#define UW_CLI_CONFIG_WARN_H

#include <jansson.h>

#include "user/model/config.h"

/* Appends a string each. Asks the user database, and the kernel how much memory there is. */
void config_warn(const struct config *config, json_t *warnings);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each condition that would raise a component's level or start a tier, with its live value and how
 * far it is from holding: what `uwctl explain` prints. Reads what policy shows; decides nothing.
 */
#ifndef UW_DAEMON_METHODS_EXPLAIN_H
#define UW_DAEMON_METHODS_EXPLAIN_H

#include <jansson.h>

#include "user/daemon/state.h"

/* An Explanation of the control interface. */
json_t *explain_component(const struct daemon *daemon, uint32_t component);

/* The stages of the host's emergency. */
json_t *explain_host(const struct daemon *daemon);

#endif

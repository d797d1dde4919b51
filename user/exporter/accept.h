/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which format the other end of HTTP would rather have. */
#ifndef UW_EXPORTER_ACCEPT_H
#define UW_EXPORTER_ACCEPT_H

#include "user/metrics/text.h"

/* By an Accept header (RFC 9110, 12.5.1), NULL: there is none. OpenMetrics where it is asked for by
 * name in version 1.0.0, or in none, and nothing is liked better; else text. */
enum metrics_format accept_format(const char *accept);

#endif

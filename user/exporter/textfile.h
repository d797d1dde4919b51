/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page as a file, for the textfile collector of node_exporter. */
#ifndef UW_EXPORTER_TEXTFILE_H
#define UW_EXPORTER_TEXTFILE_H

#include "user/base/err.h"
#include "user/exporter/ask.h"

/* Writes it beside path and renames that: a reader finds one that is whole, the old or the new. 0,
 * or a negative errno. The file can be read by everybody. */
int textfile_write(const char *path, struct ask *ask, struct uw_err *err);

#endif

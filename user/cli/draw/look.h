/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How pages look, and the little that they do by script: texts, with the SHA-256 of each in base64,
 * as a Content-Security-Policy names it. tests/pages holds the hashes to the texts. */
#ifndef UW_CLI_DRAW_LOOK_H
#define UW_CLI_DRAW_LOOK_H

extern const char look_style[], look_style_hash[];
extern const char look_script[], look_script_hash[];

#endif

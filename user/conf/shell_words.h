/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command line as text, cut into words by the quoting rules of sh(1) and nothing else of a shell:
 * blanks part words; '...' takes everything as it is; "..." too, but for \" \\ \$ and \`; a \
 * outside of quotes takes the next character as it is. Nothing is expanded. What would mean
 * something to a shell (| & ; < > ( ) $ `) must be quoted, so that nobody waits for a pipe that is
 * none. wordexp(3) runs commands and g_shell_parse_argv() is all of GLib.
 */
#ifndef UW_CONF_SHELL_WORDS_H
#define UW_CONF_SHELL_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"

/*
 * Writes the words of text to buf one after the other, each with its terminator; strlen(text) + 1
 * bytes are always enough, and buf may be text itself. *ret_size is how many were written, 0 when
 * there is no word. -EINVAL with "column N: what is wrong, what is allowed"; -ENOBUFS.
 */
int shell_words_split(const char *text, char *buf, size_t size, uint32_t *ret_size,
		      struct uw_err *err);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line a call to stderr, "key=value" pairs after the message, with an sd-daemon "<N>" priority
 * prefix when stderr is the journal. Never allocates and never blocks for longer than one write(2).
 * The level and the socket of journal.h are the only mutable globals of the program.
 */
#ifndef UW_BASE_LOG_H
#define UW_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL__COUNT
};

void log_set_level(enum log_level level);

bool log_is_logged(enum log_level level);

/* That of syslog(3): 3 for err to 7 for debug. */
int log_level_priority(enum log_level level);

/* stderr is a stream of the journal's. */
bool log_goes_to_journal(void);

/* 0, or -EINVAL when name is none of err, warning, notice, info, debug. */
int log_level_from_name(const char *name, enum log_level *ret_level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)     log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleanup attributes: a local that owns something says so where it is declared and is initialised
 * there. TAKE() hands ownership over and leaves the local empty.
 */
#ifndef UW_BASE_CLEANUP_H
#define UW_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define AUTO_FREE     __attribute__((cleanup(cleanup_free)))
#define AUTO_CLOSE    __attribute__((cleanup(cleanup_close)))
#define AUTO_FCLOSE   __attribute__((cleanup(cleanup_fclose)))
#define AUTO_CLOSEDIR __attribute__((cleanup(cleanup_closedir)))

/* Moves a pointer out of an owning local. */
#define TAKE(ptr)                                  \
	({                                         \
		__typeof__(ptr) take_tmp_ = (ptr); \
		(ptr) = NULL;                      \
		take_tmp_;                         \
	})

/* Moves a file descriptor out of an owning local. */
#define TAKE_FD(fd)                  \
	({                           \
		int take_fd_ = (fd); \
		(fd) = -1;           \
		take_fd_;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif

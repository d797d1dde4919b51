// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop asks with each frame that wants to know, and finds with one of the next what was read
 * meanwhile. The lock between them is held for a copy, and never waited for by the loop.
 */
#include "user/sense/locks_thread.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/thread.h"

#define STACK_BYTES (64U << 10)
/* seq_file gives a page at a time however much one asks for (fs/seq_file.c). */
#define PIECE_BYTES 4096
/* The kernel holds up whoever locks while it writes this: a few thousand rows and no more. */
#define READ_MAX (256 * 1024)

/* Whole lines of the text, of which used bytes are there; moves what is left of the last one up. */
static size_t take_lines(char *text, size_t used, struct lock_waits *waits)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', used - (size_t)(line - text)))) {
		*end = '\0';
		parse_lock_line(line, waits);
		line = end + 1;
	}
	used -= (size_t)(line - text);
	memmove(text, line, used);
	return used;
}

static bool read_waits(const char *path, struct lock_waits *waits)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[PIECE_BYTES];
	size_t used = 0, in_all = 0;
	ssize_t got;

	*waits = (struct lock_waits){0};
	if (fd < 0)
		return false;
	while (in_all < READ_MAX && used < sizeof(text) &&
	       (got = read(fd, text + used, sizeof(text) - used)) > 0) {
		in_all += (size_t)got;
		used = take_lines(text, used + (size_t)got, waits);
	}
	return true;
}

/* Under the lock, but for the reading. */
static void answer(struct locks_thread *thread)
{
	struct lock_waits waits;
	bool was_read;

	thread->asked = false;
	pthread_mutex_unlock(&thread->lock);
	was_read = read_waits(thread->path, &waits);
	pthread_mutex_lock(&thread->lock);
	thread->told_us = was_read ? clock_now_us() : 0;
	thread->told = waits;
}

static void *run(void *data)
{
	struct locks_thread *thread = data;

	pthread_mutex_lock(&thread->lock);
	while (!thread->closing) {
		if (thread->asked)
			answer(thread);
		else
			pthread_cond_wait(&thread->wake, &thread->lock);
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

static bool start(struct locks_thread *thread)
{
	int rc = thread_start(&thread->thread, STACK_BYTES, 0, run, thread);

	if (rc)
		log_warning("%s is not read, no thread: %s", thread->path, strerror(-rc));
	return !rc;
}

void locks_thread_init(struct locks_thread *thread, const char *path)
{
	*thread = (struct locks_thread){.path = path};
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->wake, NULL);
}

void locks_thread_done(struct locks_thread *thread)
{
	if (thread->runs) {
		pthread_mutex_lock(&thread->lock);
		thread->closing = true;
		pthread_cond_signal(&thread->wake);
		pthread_mutex_unlock(&thread->lock);
		pthread_join(thread->thread, NULL);
	}
	pthread_cond_destroy(&thread->wake);
	pthread_mutex_destroy(&thread->lock);
}

bool locks_thread_ask(struct locks_thread *thread, struct lock_waits *ret_waits)
{
	bool is_told;

	if (!thread->runs && !(thread->runs = start(thread)))
		return false;
	if (pthread_mutex_trylock(&thread->lock))
		return false;
	is_told = thread->told_us && clock_now_us() - thread->told_us <= LOCKS_FRESH_US;
	if (is_told)
		*ret_waits = thread->told;
	thread->told_us = 0;
	thread->asked = true;
	pthread_cond_signal(&thread->wake);
	pthread_mutex_unlock(&thread->lock);
	return is_told;
}

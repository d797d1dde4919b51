// SPDX-License-Identifier: GPL-2.0-or-later
/* A new thread has the signal mask of whoever starts it, so it is set around the start. */
#include "user/base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#define CLOSING_STACK_BYTES (16U << 10)

int thread_start(pthread_t *ret_thread, size_t stack_bytes, int own_signal, void *(*run)(void *),
		 void *data)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);
	sigset_t deaf, before;
	pthread_attr_t small;
	int rc;

	sigfillset(&deaf);
	if (own_signal)
		sigdelset(&deaf, own_signal);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, (least > 0 ? (size_t)least : 0) + stack_bytes);
	pthread_sigmask(SIG_SETMASK, &deaf, &before);
	rc = pthread_create(ret_thread, &small, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
	return -rc;
}

static void *close_it(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

void thread_close(int fd)
{
	pthread_t thread;

	if (thread_start(&thread, CLOSING_STACK_BYTES, 0, close_it, (void *)(intptr_t)fd))
		close(fd);
	else
		pthread_detach(thread);
}

void thread_settle(void)
{
	const struct sched_param first = {.sched_priority = 1}, none = {0};

	if (sched_getscheduler(0) == SCHED_OTHER && !sched_setscheduler(0, SCHED_FIFO, &first))
		sched_setscheduler(0, SCHED_OTHER, &none);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time that runs faster, for tests of what happens after seconds. The calls by which libuw, the
 * server of leases and the keeper look at the clock and wait are these instead of libc's, in this
 * process and in the ones that it forks, all by the same clock: five seconds are five seconds to
 * all of them, and pass in half a one. Set the rate before anything waits.
 */
#ifndef TESTS_UNIT_FAST_CLOCK_H
#define TESTS_UNIT_FAST_CLOCK_H

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int64_t fast_clock_rate = 1;

static inline int64_t fast_clock_ns(const struct timespec *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static inline struct timespec fast_clock_time(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ret_time);

	if (!rc && (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME))
		*ret_time = fast_clock_time(fast_clock_ns(ret_time) * fast_clock_rate);
	return rc;
}

/* Of conditions by the monotonic clock, as all are here. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
			   const struct timespec *until)
{
	struct timespec at = fast_clock_time(fast_clock_ns(until) / fast_clock_rate);

	return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &at);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = fast_clock_time(timeout_ms * 1000000LL / fast_clock_rate);

	return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *ret_before)
{
	struct itimerspec timer = {
		.it_interval = fast_clock_time(fast_clock_ns(&to->it_interval) / fast_clock_rate),
		.it_value = fast_clock_time(fast_clock_ns(&to->it_value) / fast_clock_rate),
	};

	return (int)syscall(SYS_timerfd_settime, fd, flags, &timer, ret_before);
}

#endif

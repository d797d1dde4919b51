// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64 tasks of niceness -10 leave one of 0 a six-hundredth of their processor, and one of -20 an
 * eighth. A thread that mostly sleeps and must not wait comes before them all. What users ask of it
 * is done with that right too, and must not become a way to take the processor from everybody: who
 * uses much of one while others wait for one, gives those who ask a part of the time for a while.
 * Giving up the right instead would have it starve where it is needed.
 */
#include "user/base/urgency.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/text.h"

#define NICENESS    (-20)
#define JUDGED_US   US_PER_SEC
#define USED_PART   4  /* of the time */
#define WAIT_PART   20 /* of the time: somebody waits for a processor */
#define RATION_US   (60 * US_PER_SEC)
#define RATION_PART 8 /* half of what may be used: work follows from what they ask */

uint64_t urgency_used_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * US_PER_SEC + (uint64_t)used.tv_nsec / NS_PER_US;
}

/*
 * Of this thread alone: the kernel takes the id of one for that of a process. A weight is a share
 * of the processor, and who has used more than that a moment ago waits, 45 ms beside 64 of niceness
 * -10 (6.12): so it is a real-time policy, and the niceness for where groups have no real time.
 */
static bool take(int priority)
{
	const struct sched_param first = {.sched_priority = priority}, none = {0};

	if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS))
		return false;
	return !sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) ||
	       !sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
}

/* How long somebody has waited for a processor, so far; -ENOENT where that is not counted. */
static int read_waited(const char *pressure, uint64_t *ret_us)
{
	unsigned long long us;
	char text[256];

	if (text_read_at(AT_FDCWD, pressure, text, sizeof(text)) < 0 ||
	    sscanf(text, "some %*s %*s %*s total=%llu", &us) != 1)
		return -ENOENT;
	*ret_us = us;
	return 0;
}

void urgency_begin(struct urgency *urgency, int priority, uint64_t now_us)
{
	*urgency = (struct urgency){
		.pressure = "/proc/pressure/cpu",
		.judged_us = now_us,
		.used_us = urgency_used_us(),
	};
	if (sched_getscheduler(0) == SCHED_OTHER && !getpriority(PRIO_PROCESS, (id_t)gettid()))
		urgency->stands = take(priority);
}

/* Since it was judged last. Where nobody counts that, somebody does. */
static bool others_want_it(struct urgency *urgency, uint64_t passed_us)
{
	uint64_t before_us = urgency->waited_us;

	return read_waited(urgency->pressure, &urgency->waited_us) < 0 ||
	       urgency->waited_us - before_us >= passed_us / WAIT_PART;
}

void urgency_judge(struct urgency *urgency, uint64_t now_us)
{
	uint64_t passed_us = now_us - urgency->judged_us, used_us;
	bool is_over;

	if (!urgency->stands || passed_us < JUDGED_US)
		return;
	used_us = urgency_used_us();
	is_over = used_us - urgency->used_us > passed_us / USED_PART;
	if (is_over && !urgency->over)
		(void)read_waited(urgency->pressure, &urgency->waited_us); /* from here on */
	else if (is_over && others_want_it(urgency, passed_us))
		urgency->rationed_until_us = now_us + RATION_US;
	urgency->over = is_over;
	urgency->judged_us = now_us;
	urgency->used_us = used_us;
}

uint64_t urgency_pause_us(const struct urgency *urgency, uint64_t now_us, uint64_t spent_us)
{
	return now_us < urgency->rationed_until_us ? spent_us * (RATION_PART - 1) : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64 tasks of niceness -10 leave one of 0 a six-hundredth of their processor, and one of -20 an
 * eighth. A thread that mostly sleeps and must not wait comes before them all. What users ask of it
 * is done with that right too, so it is given up while that is a lot: on a processor that nobody
 * else wants this changes nothing. Where the thread has to wait then, those who ask would keep it
 * from what is urgent: they are given a part of the time for a while, and the right comes back.
 */
#include "user/base/urgency.h"

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
#define WAIT_PART   20 /* of the time: others want the processor */
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

	if (setpriority(PRIO_PROCESS, (id_t)gettid(), priority ? NICENESS : 0))
		return false;
	return (priority && !sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first)) ||
	       !sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
}

void urgency_begin(struct urgency *urgency, int priority, uint64_t now_us)
{
	*urgency = (struct urgency){
		.priority = priority,
		.judged_us = now_us,
		.used_us = urgency_used_us(),
	};
	if (sched_getscheduler(0) == SCHED_OTHER && !getpriority(PRIO_PROCESS, (id_t)gettid()))
		urgency->wanted = urgency->stands = take(priority);
}

/* Ready and not running, so far (kernel/sched/stats.h). Where that is not counted nobody waits. */
static uint64_t waited_us(void)
{
	char text[96];
	unsigned long long waited_ns = 0;

	if (text_read_at(AT_FDCWD, "/proc/thread-self/schedstat", text, sizeof(text)) < 0 ||
	    sscanf(text, "%*u %llu", &waited_ns) != 1)
		return 0;
	return waited_ns / NS_PER_US;
}

/* It has waited much since it was asked last. */
static bool others_want_it(struct urgency *urgency, uint64_t passed_us)
{
	uint64_t before_us = urgency->waited_us;

	urgency->waited_us = waited_us();
	return urgency->waited_us - before_us > passed_us / WAIT_PART;
}

void urgency_judge(struct urgency *urgency, uint64_t now_us)
{
	uint64_t passed_us = now_us - urgency->judged_us, used_us;
	bool stands;

	if (!urgency->wanted || passed_us < JUDGED_US)
		return;
	used_us = urgency_used_us();
	stands = used_us - urgency->used_us <= passed_us / USED_PART;
	if (!urgency->stands && others_want_it(urgency, passed_us)) {
		urgency->rationed_until_us = now_us + RATION_US;
		stands = true;
	}
	if (stands != urgency->stands && take(stands ? urgency->priority : 0)) {
		urgency->stands = stands;
		urgency->waited_us = waited_us();
	}
	urgency->judged_us = now_us;
	urgency->used_us = used_us;
}

uint64_t urgency_pause_us(const struct urgency *urgency, uint64_t now_us, uint64_t spent_us)
{
	return now_us < urgency->rationed_until_us ? spent_us * (RATION_PART - 1) : 0;
}

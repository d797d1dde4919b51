// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64 tasks of niceness -10 leave one of 0 a six-hundredth of their processor, and one of -20 an
 * eighth, which it has at once, as it mostly sleeps. What users ask of it is done at that niceness
 * too, so it is given up while that is a lot: on a processor that nobody else wants this changes
 * nothing. Where the thread has to wait then, those who ask would keep it from what is urgent: they
 * are given a part of the time for a while, and the niceness comes back.
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

/* Of this thread alone: the kernel takes the id of one for that of a process. */
static bool take_niceness(int niceness)
{
	return setpriority(PRIO_PROCESS, (id_t)gettid(), niceness) == 0;
}

void urgency_begin(struct urgency *urgency, uint64_t now_us)
{
	const struct sched_param none = {0};

	*urgency = (struct urgency){.judged_us = now_us, .used_us = urgency_used_us()};
	if (getpriority(PRIO_PROCESS, (id_t)gettid()) ||
	    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) < 0)
		return;
	urgency->wanted = urgency->stands = take_niceness(NICENESS);
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
	if (stands != urgency->stands && take_niceness(stands ? NICENESS : 0)) {
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

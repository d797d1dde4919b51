// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64 tasks of niceness -10 leave one of 0 a six-hundredth of their processor, and one of -20 an
 * eighth, which it has at once, as it mostly sleeps. What users ask of it is done at that niceness
 * too, so it is given up while that is a lot.
 */
#include "user/base/urgency.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"

#define NICENESS  (-20)
#define JUDGED_US US_PER_SEC
#define USED_PART 4 /* of the time */

static uint64_t used_us(void)
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

	*urgency = (struct urgency){.judged_us = now_us, .used_us = used_us()};
	if (getpriority(PRIO_PROCESS, (id_t)gettid()) ||
	    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) < 0)
		return;
	urgency->wanted = urgency->stands = take_niceness(NICENESS);
}

void urgency_judge(struct urgency *urgency, uint64_t now_us)
{
	uint64_t used = used_us();
	bool modest;

	if (!urgency->wanted || now_us - urgency->judged_us < JUDGED_US)
		return;
	modest = used - urgency->used_us <= (now_us - urgency->judged_us) / USED_PART;
	if (modest != urgency->stands && take_niceness(modest ? NICENESS : 0))
		urgency->stands = modest;
	urgency->judged_us = now_us;
	urgency->used_us = used;
}

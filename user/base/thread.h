/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads beside a loop: of a small stack, and deaf to the signals of the process. */
#ifndef UW_BASE_THREAD_H
#define UW_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts run(data). stack_bytes: what its own frames need; what the C library and the processor's
 * registers take of a stack comes on top (sysconf(3), _SC_THREAD_STACK_MIN). own_signal: the one
 * signal that the thread takes, or 0; all others are the loop's. Returns 0 or a negative errno.
 */
int thread_start(pthread_t *ret_thread, size_t stack_bytes, int own_signal, void *(*run)(void *),
		 void *data);

/*
 * Closes a descriptor whose closing the kernel may make wait: that of a PSI trigger or of a
 * trampoline waits for a grace period of RCU, seconds where what runs leaves the kernel's threads
 * no processor. Done on a thread that nobody waits for; right here where none can be started.
 */
void thread_close(int fd);

/*
 * To be called by a thread that is to sleep after it has held a processor for long in one piece, as
 * the kernel does where it cannot be preempted. Since 6.12 whoever sleeps with more than its part
 * of a processor behind it stays in the average that the others are measured by (DELAY_DEQUEUE,
 * kernel/sched/features.h): those that run have fallen behind by it, and come before those that
 * wake until they have caught up, for five times as long as the piece was, whatever the niceness
 * of either. A change of the policy and back makes the scheduler forget it; without CAP_SYS_NICE,
 * and where the thread has another policy, nothing is done.
 */
void thread_settle(void);

#endif

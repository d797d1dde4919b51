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

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What another thread may do between any two instructions of a call, by the same thread: the
 * processor traps after each one, and at the one that was asked for the other's part runs. So a
 * window of one instruction is as wide as any. Only where the processor can, which is x86-64.
 */
#ifndef TESTS_UNIT_ANY_STEP_H
#define TESTS_UNIT_ANY_STEP_H

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#ifdef __x86_64__
#define ANY_STEP 1
#else
#define ANY_STEP 0
#endif

#define ANY_STEP_FLAG 0x100 /* TF of EFLAGS: Intel SDM, volume 3, 18.3.1.4 */

static volatile sig_atomic_t any_step_left;
static void (*any_step_then)(void *data);
static void *any_step_data;

static inline void any_step_trap(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number, (void)info;
	if (any_step_left > 1) {
		any_step_left--;
		return;
	}
#if ANY_STEP
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~ANY_STEP_FLAG;
#else
	(void)context;
#endif
	if (any_step_left--)
		any_step_then(any_step_data);
}

/* From here on: then runs after so many instructions. */
static inline void any_step_begin(unsigned steps, void (*then)(void *data), void *data)
{
	struct sigaction trap = {.sa_sigaction = any_step_trap, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &trap, NULL);
	any_step_then = then;
	any_step_data = data;
	any_step_left = (sig_atomic_t)steps;
#if ANY_STEP
	__asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq;"
			 "leaq 128(%%rsp), %%rsp" ::
				 : "memory", "cc");
#endif
}

/* False: the call was over before. */
static inline bool any_step_end(void)
{
	bool came = any_step_left <= 0;

#if ANY_STEP
	__asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; andq $-257, (%%rsp); popfq;"
			 "leaq 128(%%rsp), %%rsp" ::
				 : "memory", "cc");
#endif
	return came;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool's memory.max, which is usable but while borrowers owe an owner and have not paid yet.
 */
#ifndef UW_POLICY_CEILING_H
#define UW_POLICY_CEILING_H

#include "user/policy/state.h"

void ceiling_step(struct step *step);

#endif

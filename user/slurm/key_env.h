/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How spank_uw tells job_submit/uw the key of a job: among what it sets for a job's prolog. */
#ifndef UW_SLURM_KEY_ENV_H
#define UW_SLURM_KEY_ENV_H

#include <stdint.h>

#define SLURM_KEY_ENV "UW_KEY"

/* Of count NAME=VALUE, by Slurm with or without its SPANK_ in front. NULL: there is none. */
const char *slurm_key_in(char *const *env, uint32_t count);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/* The first one counts; srun and sbatch set it once. */
#include "user/slurm/key_env.h"

#include <stddef.h>
#include <string.h>

static const char *skip(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return !strncmp(text, prefix, length) ? text + length : NULL;
}

const char *slurm_key_in(char *const *env, uint32_t count)
{
	for (uint32_t i = 0; env && i < count && env[i]; i++) {
		const char *name = skip(env[i], "SPANK_");
		const char *key = skip(name ? name : env[i], SLURM_KEY_ENV "=");

		if (key && *key)
			return key;
	}
	return NULL;
}

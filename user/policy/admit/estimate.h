/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a key's runs teach: how much memory and how long the next one will take. Pure integers.
 * struct admit_key is plain values, fixed in size, for storage as one blob: version first.
 *
 * Memory: with n runs min(request, max(p90 of the last 64, max of the last 5) * (1.05 +
 * .5/sqrt(n))). A run that still goes on teaches too: its peak when it is over what is known, and
 * in place of the request for a key without any run, once the peak has stood still for as long as
 * it took to reach. Time: mean of the last 2, capped by the declared one.
 */
#ifndef UW_POLICY_ADMIT_ESTIMATE_H
#define UW_POLICY_ADMIT_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#define ADMIT_KEY_VERSION 1
#define ADMIT_KEY_RUNS    64

struct admit_run {
	uint32_t peak_kib;
	uint32_t input_kib; /* 0: unknown */
	uint32_t run_ms;    /* 0: did not end well: only the peak counts */
	uint32_t asked_kib;
};

struct admit_key {
	uint32_t version; /* ADMIT_KEY_VERSION; import refuses others with -EINVAL */
	uint32_t count;   /* runs kept, oldest first from `first` */
	uint32_t first;
	uint32_t total; /* runs ever, saturating */
	uint64_t key;
	uint32_t outgrown; /* attempts that needed more than was reserved */
	uint32_t pad;
	struct admit_run run[ADMIT_KEY_RUNS];
};

/* What estimates are made of, worked out once a run: O(runs * log runs). */
struct admit_digest {
	uint64_t base_bytes; /* the quantile, with its margin; 0: no run is known */
	uint64_t most_bytes; /* highest peak kept */
	uint64_t run_us;     /* 0: none is known */
};

struct admit_estimate {
	uint64_t bytes;
	uint64_t run_us; /* 0: nothing is known or declared */
	bool canary;     /* no run of the key is known: bytes is the request */
};

/* Forgets all; names the key. */
void admit_key_init(struct admit_key *key, uint64_t id);

/* One run is over. The oldest of ADMIT_KEY_RUNS is forgotten. */
void admit_key_learn(struct admit_key *key, const struct admit_run *run);

void admit_key_digest(const struct admit_key *key, struct admit_digest *ret);

/*
 * For a task with this request and declared runtime (0: none). shown_bytes: the highest peak so far
 * among runs that go on; settled: it has stopped growing.
 */
void admit_key_estimate(const struct admit_digest *digest, uint64_t request_bytes,
			uint64_t declared_us, uint64_t shown_bytes, bool settled,
			struct admit_estimate *ret);

#endif

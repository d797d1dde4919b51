/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a key's runs teach: how much memory and how long the next one will take. Pure integers.
 * struct admit_key is plain values, fixed in size, for storage as one blob: version first.
 *
 * Memory, of n runs: min(request, base * (1.01 + .3 * min(1, 2 * spread) / sqrt(n) + .02 / n)) with
 *   base = max(p95 of the last 64, max of the last 5),  spread = (max - median) / max.
 * So keys whose higher runs are alike get little on top, however low others were, and one run alone
 * gets 3 %. p95 and not more since growth in place mends what is missing; where more than a
 * quarter of the runs outgrew what they had it is the highest. All of it of the shares that the
 * peaks are of their requests or, where they vary less, of the peaks. Without any run it is the
 * request; a run that still goes on stands in once its peak has not risen for as long as it took to
 * get there.
 *
 * Time: mean of the last 2. Without any run it is the declared time as far as others use theirs:
 * times the share that 30 % of the last 128 runs of all keys stayed within (struct admit_pace).
 * That is about what lets the first of a key in early, for its siblings to learn from. Never more
 * than the declared time.
 *
 * Beside these stand other ways, of which each key goes by the one that was best for it: lines by
 * the size of the input, the runs whose input was nearest in size, the last peak, the share of the
 * declared time; or, where nothing helps, the request (predict.h).
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
	uint32_t run_ms;    /* 0: did not end well: the peak is a lower bound */
	uint32_t asked_kib;
	uint32_t declared_s; /* 0: none */
};

struct admit_key {
	uint32_t version; /* ADMIT_KEY_VERSION; import refuses others with -EINVAL */
	uint32_t count;   /* runs kept, oldest first from `first` */
	uint32_t first;
	uint32_t total; /* runs ever, saturating */
	uint64_t key;
	uint32_t outgrown;  /* runs that needed more than was reserved */
	uint32_t least_kib; /* what failed runs used at least, until one that ended well used as
			       much */
	struct admit_run run[ADMIT_KEY_RUNS];
};

/* Ways to tell the time of the next run. */
enum admit_run_by {
	ADMIT_RUN_RECENT, /* as the last two */
	ADMIT_RUN_INPUT,  /* on a line by the size of the input */
	ADMIT_RUN_SHARE,  /* the last two's share of what they declared */
	ADMIT_RUN__COUNT,
	ADMIT_RUN_DECLARED = ADMIT_RUN__COUNT, /* no run is known: by the pace of all keys */
};

/* And its memory. */
enum admit_peak_by {
	ADMIT_PEAK_QUANTILE, /* as above */
	ADMIT_PEAK_INPUT,   /* on a line by the size of the input, and what that was too low at most
			     */
	ADMIT_PEAK_NEAR,    /* the highest of those whose input was nearest in size */
	ADMIT_PEAK_LAST,    /* the last peak, and the most that one rose over the one before */
	ADMIT_PEAK_REQUEST, /* as asked: nothing is known, or it does not help */
	ADMIT_PEAK__COUNT,
	ADMIT_PEAK_RUNNING = ADMIT_PEAK__COUNT, /* no run is known: as one that goes on */
};

/* How far off each was, and which to go by: predict.h. In permille. */
struct admit_score {
	uint32_t tried; /* runs */
	uint32_t run_error[ADMIT_RUN__COUNT], peak_error[ADMIT_PEAK__COUNT];
	uint8_t run_by, peak_by;
};

/* y at x and slope sxy / sxx; x in KiB >> shift. Runs: ms; peaks: KiB. */
struct admit_line {
	uint64_t x, y, sxx, sxy; /* sxx 0: there is none */
	uint64_t least, most;    /* of y, */
	uint64_t offset;         /* and how far above the line at most */
	uint8_t shift;
	bool falls;
};

/* What estimates are made of, worked out once a run: O(runs * log runs). */
struct admit_digest {
	uint64_t base_bytes;      /* the quantile, with its margin; 0: no run is known */
	uint64_t base_ppm;        /* the same of peak / request, in millionths; 0: bytes say more */
	uint64_t most_bytes;      /* highest peak kept */
	uint64_t run_us;          /* 0: none is known */
	uint64_t last_bytes;      /* of ADMIT_PEAK_LAST, without a margin */
	uint64_t last_ppm;        /* the same of shares, where base_ppm is */
	uint32_t share_permyriad; /* of ADMIT_RUN_SHARE; 0: unknown */
	struct admit_line run_line, peak_line;
};

struct admit_estimate {
	uint64_t bytes;
	uint64_t run_us;         /* 0: nothing is known or declared */
	bool canary;             /* no run of the key is known: bytes is the request */
	uint8_t peak_by, run_by; /* what told them */
};

/* How much of what is asked for them runs of all keys take: of declared times, and of requests. */
#define ADMIT_PACE_RUNS 128

struct admit_shares {
	uint32_t count, next;
	uint16_t ring[ADMIT_PACE_RUNS]; /* permyriad, in the order they came */
	uint16_t sorted[ADMIT_PACE_RUNS];
};

struct admit_pace {
	struct admit_shares times, peaks;
	struct admit_shares firsts; /* of the peaks those of first runs of keys */
};

/* One run more; one that did not end well teaches nothing. */
void admit_pace_learn(struct admit_pace *pace, const struct admit_run *run);
/* The first run of a key. */
void admit_pace_learn_first(struct admit_pace *pace, const struct admit_run *run);
/* What 30 % of them stayed within, permyriad; 0 before the first. */
uint32_t admit_pace_of(const struct admit_shares *shares);
/* There are a few of them, and two thirds stayed within so much. */
bool admit_pace_is_within(const struct admit_shares *shares, uint32_t permyriad);

/* Forgets all; names the key. */
void admit_key_init(struct admit_key *key, uint64_t id);

/* One run is over. The oldest of ADMIT_KEY_RUNS is forgotten. */
void admit_key_learn(struct admit_key *key, const struct admit_run *run);

void admit_key_digest(const struct admit_key *key, struct admit_digest *ret);

/* Of the task that is estimated. */
struct admit_wish {
	uint64_t request_bytes;
	uint64_t declared_us, input_bytes; /* 0: unknown */
};

/*
 * By what the score says is best; the digest is of the key. shown_bytes: the highest peak so far
 * among runs that go on; settled: it has stopped growing. The pace of others is not in it.
 */
void admit_key_estimate(const struct admit_key *key, const struct admit_digest *digest,
			const struct admit_score *score, const struct admit_wish *wish,
			uint64_t shown_bytes, bool settled, struct admit_estimate *ret);

#endif

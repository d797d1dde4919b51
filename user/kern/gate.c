// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens and closes the gate, and tells it what each component may still have. Its program is loaded
 * and pinned with the others and attached here, by a link that this process holds: nobody pays for
 * it while no component wants it, and it ends with the process that knows the numbers. Each number
 * is good for a while only, so that a process that hangs refuses nothing either.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/thread.h"
#include "user/kern/inside.h"
#include "user/kern/pins.h"

static int attach(const struct kern *kern)
{
	char path[PIN_PATH_LEN];
	int link;

	snprintf(path, sizeof(path), KERN_PIN_DIR "/programs-%u/uw_gate", kern->generation);
	AUTO_CLOSE int program = bpf_obj_get(path);

	if (program < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(NULL, program); /* libbpf's way for fmod_ret */
	return link < 0 ? -errno : link;
}

/* After what uw_gates has was added to or taken from: one that is missing here is not asked. */
static int tell_gated(struct kern *kern)
{
	uint64_t gated = 0;
	uint32_t zero = 0;
	struct uw_cgid key, next;
	int r = bpf_map_get_next_key(kern->map[MAP_GATES], NULL, &next);

	while (!r) {
		key = next;
		gated |= UW_GATED_BIT(key.cgid);
		r = bpf_map_get_next_key(kern->map[MAP_GATES], &key, &next);
	}
	return bpf_map_update_elem(kern->map[MAP_GATED], &zero, &gated, BPF_ANY) ? -errno : 0;
}

static void lose(struct kern *kern, const char *why)
{
	kern->outcome.sensors &= ~(1U << KERN_GATE);
	snprintf(kern->outcome.text[KERN_GATE], sizeof(kern->outcome.text[KERN_GATE]), "%s", why);
}

void gate_open(struct kern *kern)
{
	char text[LOADER_TEXT_LEN];
	int link;

	if (kern->gate >= 0 || !(kern->outcome.sensors & 1U << KERN_GATE))
		return;
	if (!(kern->outcome.sensors & kern->wanted & 1U << KERN_PAGES)) {
		lose(kern, "refuse needs the sensor pages, which is off");
		return;
	}
	link = tell_gated(kern);
	if (!link)
		link = attach(kern);
	if (link >= 0) {
		kern->gate = link;
		return;
	}
	snprintf(text, sizeof(text), "uw_gate cannot be attached: %s", strerror(-link));
	lose(kern, text);
}

void gate_close(struct kern *kern)
{
	if (kern->gate >= 0)
		thread_close(kern->gate);
	kern->gate = -1;
}

int kern_gate_set(struct kern *kern, uint64_t cgid, const struct kern_gate *gate)
{
	struct uw_cgid key = {.cgid = cgid};
	struct uw_refusals none = {0};
	struct uw_gate told = {
		.least_bytes = gate->least_bytes,
		.room_bytes = gate->room_bytes,
		.usage_bytes = gate->usage_bytes,
	};
	struct uw_component counts;
	struct timespec now;

	if (bpf_map_lookup_elem(kern->map[MAP_COMPONENTS], &key, &counts))
		return -errno;
	if (!counts.counter)
		return -ENOENT;
	told.counter = counts.counter;
	clock_gettime(CLOCK_MONOTONIC, &now);
	told.until_ns =
		(uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec + gate->for_us * 1000;
	if (bpf_map_update_elem(kern->map[MAP_REFUSALS], &key, &none, BPF_NOEXIST) &&
	    errno != EEXIST)
		return -errno;
	if (!bpf_map_update_elem(kern->map[MAP_GATES], &key, &told, BPF_EXIST))
		return 0;
	if (errno != ENOENT || bpf_map_update_elem(kern->map[MAP_GATES], &key, &told, BPF_NOEXIST))
		return -errno;
	return tell_gated(kern);
}

void kern_gate_clear(struct kern *kern, uint64_t cgid)
{
	struct uw_cgid key = {.cgid = cgid};

	if (!bpf_map_delete_elem(kern->map[MAP_GATES], &key))
		(void)tell_gated(kern); /* a bit too many does no harm */
	bpf_map_delete_elem(kern->map[MAP_REFUSALS], &key);
}

int kern_gate_read(const struct kern *kern, uint64_t cgid, struct uw_refusals *ret_refusals)
{
	struct uw_cgid key = {.cgid = cgid};

	return bpf_map_lookup_elem(kern->map[MAP_REFUSALS], &key, ret_refusals) ? -errno : 0;
}

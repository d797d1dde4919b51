// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A uwd for who looks at one, natively and without rights: the daemon's own sense, policy, queue,
 * methods and server, over a folder of plain files that stand for cgroups. A leak grows in one
 * component, what policy decides is written to the files, and what is frozen there stands still;
 * so levels, actions and their reasons are those of the real thing. Serves DIR/uwd.sock until it is
 * told to end; started again on the same folder it is a uwd that was restarted.
 *
 *	scene DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/no_leaf.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/conf/conf.h"
#include "user/daemon/methods/methods.h"
#include "user/daemon/methods/wait.h"
#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"
#include "user/policy/step.h"
#include "user/sense/sense.h"

#define TICK_US      (250 * US_PER_MS)
#define LEAK_PER_S   (40 * MIB)
#define LEAK_SMALL   (60 * MIB) /* it begins again from there when it was thawed */
#define USABLE_BYTES (1000 * MIB)
#define OUTCOMES     PLAN_ACTIONS_MAX
#define JOB_TIME_US  (600 * US_PER_SEC)

static const struct scene_component {
	const char *name, *leaf[3];
	uint64_t budget_bytes, leaf_bytes[3];
	bool lends, borrows;
} components[] = {
	{"trading_data", {"feed"}, 200 * MIB, {120 * MIB}, false, false},
	{"ml_models", {"leak", "train"}, 400 * MIB, {LEAK_SMALL, 150 * MIB}, false, true},
	{"cache", {"redis"}, 250 * MIB, {16 * MIB}, true, false},
	{"a-name-of-thirty-one-characters",
	 {"postgres-writer"},
	 150 * MIB,
	 {90 * MIB},
	 false,
	 false},
};

#define COMPONENTS ARRAY_SIZE(components)

struct scene {
	struct daemon daemon;
	char pool[256], state[256], path[256];
	int pool_fd;
	uint64_t leaf_bytes[COMPONENTS][3];
	bool frozen[COMPONENTS][3];
	uint64_t stalled_us[COMPONENTS];
	uint64_t mark[COMPONENTS];
	struct outcome outcome[OUTCOMES]; /* for the next frame */
	uint32_t outcome_count;
};

static volatile sig_atomic_t ended;

static void on_end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static void die(const char *text)
{
	fprintf(stderr, "scene: %s\n", text);
	exit(EXIT_FAILURE);
}

/* ---- files that stand for cgroups ---- */

static void put(const struct scene *scene, const char *group, const char *file, const char *text)
{
	char path[192];
	AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", group, file);
	fd = openat(scene->pool_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
}

static void put_number(const struct scene *scene, const char *group, const char *file,
		       uint64_t value)
{
	char text[24] = "max";

	if (value != BYTES_MAX)
		snprintf(text, sizeof(text), "%" PRIu64, value);
	put(scene, group, file, text);
}

static const char *leaf_group(uint32_t component, int leaf, char buf[static 128])
{
	snprintf(buf, 128, "%s/%s", components[component].name, components[component].leaf[leaf]);
	return buf;
}

static void write_leaf(const struct scene *scene, uint32_t component, int leaf)
{
	char group[128], text[48];

	leaf_group(component, leaf, group);
	put_number(scene, group, "memory.current", scene->leaf_bytes[component][leaf]);
	put(scene, group, "cgroup.freeze", scene->frozen[component][leaf] ? "1" : "0");
	snprintf(text, sizeof(text), "populated 1\nfrozen %d\n", scene->frozen[component][leaf]);
	put(scene, group, "cgroup.events", text);
}

static uint64_t current_of(const struct scene *scene, uint32_t component)
{
	uint64_t sum = MIB; /* of none of its leaves */

	for (int i = 0; i < 3 && components[component].leaf[i]; i++)
		sum += scene->leaf_bytes[component][i];
	return sum;
}

static void write_component(const struct scene *scene, uint32_t component)
{
	const char *name = components[component].name;
	uint64_t current = current_of(scene, component), files = MIB;
	char text[256];

	put_number(scene, name, "memory.current", current);
	snprintf(text, sizeof(text),
		 "anon %" PRIu64 "\nfile %" PRIu64 "\nslab_reclaimable 0\ninactive_file %" PRIu64
		 "\nactive_file 0\nunevictable 0\n",
		 current - files, files, files);
	put(scene, name, "memory.stat", text);
	snprintf(text, sizeof(text),
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%" PRIu64
		 "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		 scene->stalled_us[component]);
	put(scene, name, "memory.pressure", text);
}

static void make_group(const struct scene *scene, const char *group)
{
	static const char *const files[][2] = {
		{"memory.high", "max"},
		{"memory.low", "0"},
		{"memory.min", "0"},
		{"memory.swap.current", "0"},
		{"memory.reclaim", ""},
		{"cgroup.freeze", "0"},
		{"cgroup.procs", ""},
		{"cgroup.events", "populated 1\nfrozen 0\n"},
		{"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"},
	};

	if (mkdirat(scene->pool_fd, group, 0700) < 0 && errno != EEXIST)
		die(group);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(scene, group, files[i][0], files[i][1]);
}

static void make_groups(struct scene *scene)
{
	char group[128];

	for (uint32_t c = 0; c < COMPONENTS; c++) {
		make_group(scene, components[c].name);
		for (int i = 0; i < 3 && components[c].leaf[i]; i++) {
			make_group(scene, leaf_group(c, i, group));
			scene->leaf_bytes[c][i] = components[c].leaf_bytes[i];
			write_leaf(scene, c, i);
		}
		write_component(scene, c);
	}
}

/* What goes on between two ticks: the leak grows and, when its component is full, hurts. */
static void go_on(struct scene *scene)
{
	const uint32_t models = 1;
	struct component_view *view = &scene->daemon.component[models].view;

	if (!scene->frozen[models][0]) {
		scene->leaf_bytes[models][0] += LEAK_PER_S * TICK_US / US_PER_SEC;
		if (view->use_permyriad > 9000)
			scene->stalled_us[models] += TICK_US / 8;
	}
	for (uint32_t c = 0; c < COMPONENTS; c++) {
		for (int i = 0; i < 3 && components[c].leaf[i]; i++)
			write_leaf(scene, c, i);
		write_component(scene, c);
	}
}

/* ---- a tick ---- */

static int leaf_index(const struct scene *scene, const struct action *action)
{
	char name[ACTION_LEAF_LEN];

	sense_leaf_name(scene->daemon.sense, action->leaf, name, sizeof(name));
	for (int i = 0; i < 3 && components[action->component].leaf[i]; i++) {
		if (!strcmp(components[action->component].leaf[i], name))
			return i;
	}
	return -1;
}

static void freeze(struct scene *scene, const struct action *action, bool on)
{
	int leaf = leaf_index(scene, action);

	if (leaf < 0)
		return;
	scene->frozen[action->component][leaf] = on;
	if (!on && !strcmp(components[action->component].leaf[leaf], "leak"))
		scene->leaf_bytes[action->component][leaf] = LEAK_SMALL;
	write_leaf(scene, action->component, leaf);
}

static uint64_t reclaim(struct scene *scene, const struct action *action)
{
	uint64_t *from = &scene->leaf_bytes[action->component][0];
	uint64_t freed = action->amount < *from / 8 ? action->amount : *from / 8;

	*from -= freed;
	return freed;
}

static void set_limit(const struct scene *scene, const struct action *action)
{
	static const char *const files[] = {
		[ACTION_SET_MIN] = "memory.min",
		[ACTION_SET_LOW] = "memory.low",
		[ACTION_SET_HIGH] = "memory.high",
	};
	const char *group = components[action->component].name;
	int leaf = action->leaf ? leaf_index(scene, action) : -1;
	char buf[128];

	if (leaf >= 0)
		group = leaf_group(action->component, leaf, buf);
	put_number(scene, group, files[action->kind], action->amount);
}

static void carry_out(struct scene *scene, const struct action *action)
{
	struct outcome *outcome = &scene->outcome[scene->outcome_count];

	if (action->component >= COMPONENTS || scene->outcome_count == FRAME_OUTCOMES_MAX)
		return;
	*outcome = (struct outcome){
		.id = action->id,
		.kind = action->kind,
		.tier = action->tier,
		.component = action->component,
		.leaf = action->leaf,
		.result = OUTCOME_DONE,
		.asked = action->amount,
		.began_us = clock_now_us(),
	};
	switch (action->kind) {
	case ACTION_SET_MIN:
	case ACTION_SET_LOW:
	case ACTION_SET_HIGH:
		set_limit(scene, action);
		break;
	case ACTION_FREEZE:
	case ACTION_THAW:
		freeze(scene, action, action->kind == ACTION_FREEZE);
		break;
	case ACTION_RECLAIM:
		outcome->done = reclaim(scene, action);
		outcome->result = outcome->done < action->amount ? OUTCOME_SHORT : OUTCOME_DONE;
		break;
	case ACTION_ARM_MARK:
		scene->mark[action->component] = action->amount;
		return;
	default:
		return;
	}
	outcome->ended_us = clock_now_us();
	scene->outcome_count++;
}

static void enter(struct scene *scene, const struct action *action)
{
	struct daemon *daemon = &scene->daemon;
	struct action_entry *entry;

	if (action->kind == ACTION_ARM_MARK || action->why.reason == REASON_BREATH)
		return;
	entry = action_log_add(&daemon->action_log);
	entry->at_us = daemon->frame.now_us;
	entry->wall_us = clock_wall_us();
	entry->action = *action;
	if (action->component < COMPONENTS) {
		strcpy(entry->component, components[action->component].name);
		entry->level = daemon->component[action->component].view.level;
	}
	if (action->leaf)
		sense_leaf_name(daemon->sense, action->leaf, entry->leaf, sizeof(entry->leaf));
}

static void end_entries(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->frame.outcome_count; i++) {
		const struct outcome *outcome = &daemon->frame.outcome[i];
		struct action_entry *entry = action_log_find(&daemon->action_log, outcome->id);

		if (!entry)
			continue;
		entry->ended = true;
		entry->outcome = *outcome;
		action_log_count(&daemon->action_log, entry);
	}
}

static void fill_frame(struct scene *scene)
{
	struct frame *frame = &scene->daemon.frame;

	frame->kind = FRAME_FULL;
	frame->now_us = clock_now_us();
	frame->sequence++;
	frame->event_count = 0;
	sense_full(scene->daemon.sense, frame, 0, 0);
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		frame->leaf[i].ours = frame->leaf[i].frozen;
	for (uint32_t c = 0; c < COMPONENTS; c++) {
		uint64_t current = current_of(scene, c);

		if (!scene->mark[c] || current < scene->mark[c])
			continue;
		frame->event[frame->event_count++] = (struct frame_event){
			EVENT_USAGE_MARK, c, frame->now_us, current, scene->mark[c]};
		scene->mark[c] = 0;
	}
	memcpy(frame->outcome, scene->outcome, sizeof(frame->outcome));
	frame->outcome_count = scene->outcome_count;
	scene->outcome_count = 0;
	frame->request_count = scene->daemon.request_count;
	memcpy(frame->request, scene->daemon.request, sizeof(frame->request));
	scene->daemon.request_count = 0;
}

static void tick_jobs(struct scene *scene)
{
	struct admit_supply supply = {.host_valid = true, .host_available_bytes = USABLE_BYTES / 2};

	for (uint32_t i = 0; i < COMPONENTS; i++)
		supply.component[i].budget_bytes = components[i].budget_bytes;
	jobs_look(scene->daemon.jobs);
	jobs_tick(scene->daemon.jobs, &supply);
}

static void tick(struct scene *scene)
{
	struct daemon *daemon = &scene->daemon;

	go_on(scene);
	fill_frame(scene);
	policy_step(daemon->policy, &daemon->config, &daemon->frame, &daemon->plan);
	for (uint32_t i = 0; i < COMPONENTS; i++)
		policy_view(daemon->policy, i, &daemon->component[i].view);
	end_entries(daemon);
	for (uint32_t i = 0; i < daemon->plan.action_count; i++) {
		enter(scene, &daemon->plan.action[i]);
		carry_out(scene, &daemon->plan.action[i]);
	}
	daemon->stats.ticks_full++;
	tick_jobs(scene);
	ipc_server_expire(daemon->server, clock_now_us());
}

/* ---- the queue: jobs that "run" until the scene ends ---- */

static int launch(void *data, const struct jobs_launch *job, struct uw_err *err)
{
	(void)data, (void)job, (void)err;
	return eventfd(0, EFD_CLOEXEC);
}

static int no_leaf(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf)
{
	(void)data, (void)component, (void)leaf, (void)ret_leaf;
	return -ENOENT;
}

static const struct jobs_ops ops = {
	.launch = launch,
	.clean = no_clean,
	.open = no_leaf,
	.usage = no_usage,
	.limit = no_limit,
	.kill = no_kill,
	.freeze = no_freeze,
	.reclaim = no_reclaim,
};

static void on_submitted(void *data, int rc, const struct uw_err *err,
			 const struct jobs_item *items, uint32_t count)
{
	(void)data, (void)items, (void)count;
	if (rc)
		die(err->text);
}

static void submit(struct scene *scene, const char *component, const char *argv, uint32_t length,
		   uint64_t bytes, uint32_t array, bool held)
{
	struct jobs_range range = {0, array ? array - 1 : 0};
	struct jobs_item item = {
		.spec = {.memory_bytes = bytes,
			 .time_us = JOB_TIME_US,
			 .priority = 5,
			 .memory_priority = 5,
			 .index = JOB_NO_INDEX,
			 .uid = getuid(),
			 .gid = getgid(),
			 .held = held,
			 .cwd = "/",
			 .argv = {argv, length},
			 .env = {"PATH=/usr/bin", 14}},
		.range = &range,
		.range_count = array ? 1 : 0,
	};
	struct uw_err err = {0};

	text_copy(item.spec.component, sizeof(item.spec.component), component);
	if (jobs_submit(scene->daemon.jobs, &item, 1, on_submitted, scene, &err))
		die(err.text);
}

/* Once: what a scene before left in the queue is there still. */
static void submit_all(struct scene *scene)
{
	if (jobs_count(scene->daemon.jobs))
		return;
	submit(scene, "ml_models", "train", 6, 80 * MIB, 0, false);
	submit(scene, "ml_models", "fold", 5, 100 * MIB, 6, false);
	submit(scene, "cache", "warm\033[31m", 10, 20 * MIB, 0, true);
}

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct scene *scene = data;

	wait_see_end(&scene->daemon, job, result);
}

/* ---- the whole ---- */

static void configure(struct config *config)
{
	conf_defaults(config);
	config->usable_bytes = USABLE_BYTES;
	config->component_count = COMPONENTS;
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		struct component *component = &config->component[i];

		text_copy(component->name, sizeof(component->name), components[i].name);
		component->budget_bytes = components[i].budget_bytes;
		component->priority = 5;
		component->lend = components[i].lends;
		component->borrow = components[i].borrows;
		component->freeze = true;
	}
}

static void open_scene(struct scene *scene, const char *dir)
{
	struct daemon *daemon = &scene->daemon;
	struct admit_config admit = {.component_count = COMPONENTS};
	struct jobs_setup jobs = {.dir = scene->state,
				  .ops = &ops,
				  .ops_data = scene,
				  .config = &daemon->config,
				  .admit = &admit,
				  .ended = on_ended,
				  .data = scene};
	struct ipc_server_conf conf = {.path = scene->path,
				       .group = "",
				       .version = UW_VERSION,
				       .handle = methods_handle,
				       .data = daemon};
	struct uw_err err = {0};

	snprintf(scene->pool, sizeof(scene->pool), "%s/pool", dir);
	snprintf(scene->state, sizeof(scene->state), "%s/state", dir);
	snprintf(scene->path, sizeof(scene->path), "%s/uwd.sock", dir);
	mkdir(scene->pool, 0700);
	scene->pool_fd = open(scene->pool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scene->pool_fd < 0)
		die(scene->pool);
	make_groups(scene);
	configure(&daemon->config);
	action_log_init(&daemon->action_log);
	strcpy(daemon->pool.root, "uw");
	daemon->pool.guard_pid = getpid();
	daemon->stats.started_us = clock_now_us();
	daemon->policy = calloc(1, policy_state_size());
	policy_init(daemon->policy);
	if (jobs_open(&jobs, &daemon->jobs, &err) < 0 ||
	    sense_new(&daemon->config, scene->pool_fd, &daemon->sense, &err) < 0 ||
	    ipc_server_new(&conf, &daemon->server, &err) < 0)
		die(err.text);
}

static void close_scene(struct scene *scene)
{
	jobs_close(scene->daemon.jobs);
	ipc_server_free(scene->daemon.server);
	sense_free(scene->daemon.sense);
	free(scene->daemon.policy);
	close(scene->pool_fd);
}

static void serve(struct scene *scene)
{
	struct pollfd fd[] = {
		{.fd = jobs_fd(scene->daemon.jobs), .events = POLLIN},
		{.fd = ipc_server_fd(scene->daemon.server), .events = POLLIN},
	};
	uint64_t next_us = 0;

	while (!ended) {
		uint64_t now_us = clock_now_us();

		if (now_us >= next_us) {
			tick(scene);
			next_us = now_us + TICK_US;
		}
		if (poll(fd, 2, (int)((next_us - now_us) / US_PER_MS)) <= 0)
			continue;
		if (fd[0].revents)
			jobs_dispatch(scene->daemon.jobs);
		if (fd[1].revents && ipc_server_dispatch(scene->daemon.server, clock_now_us()))
			die("the server fails");
	}
}

static struct scene the_scene;

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: scene DIR\n", stderr);
		return 2;
	}
	log_set_level(LOG_LEVEL_ERR);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	open_scene(&the_scene, argv[1]);
	submit_all(&the_scene);
	serve(&the_scene);
	close_scene(&the_scene);
	return EXIT_SUCCESS;
}

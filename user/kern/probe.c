// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds out what this kernel can do for us, for 'uwctl check'. A table has a row a feature: how it
 * is looked for, what is lost without it, and what helps. Files, cgroup controllers and type
 * information are read; the only things loaded are libbpf's trial programs and maps, which it
 * throws away.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/kern/hooks.h"
#include "user/kern/kern.h"
#include "user/kern/libbpf_log.h"

#define RELEASE(major, minor) ((major)*1000U + (minor))

struct probe {
	const char *mount;
	struct btf *btf; /* NULL when the kernel has none */
	char version[65];
	unsigned int release;
};

/* One row: what to look for, and how. argument is whatever look wants. */
struct row {
	const char *name;
	enum kern_need need;
	bool (*look)(const struct probe *probe, const struct row *row, struct kern_feature *ret);
	const char *argument;
	unsigned int number;
	const char *lost;
	const char *remedy;
};

static void say(struct kern_feature *ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct kern_feature *ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret->detail, sizeof(ret->detail), format, args);
	va_end(args);
}

/* number: the first release that has it. Distributions backport, so this is the last resort. */
static bool look_release(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	say(ret, "Linux %.40s, wanted %u.%u", probe->version, row->number / 1000,
	    row->number % 1000);
	return probe->release >= row->number;
}

static bool look_function(const struct probe *probe, const struct row *row,
			  struct kern_feature *ret)
{
	if (!probe->btf) {
		say(ret, "unknown without BTF");
		return false;
	}
	return btf__find_by_name_kind(probe->btf, row->argument, BTF_KIND_FUNC) >= 0;
}

static bool look_controller(const struct probe *probe, const struct row *row,
			    struct kern_feature *ret)
{
	char text[256];
	AUTO_CLOSE int dir = open(probe->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long n = dir < 0 ? -errno : text_read_at(dir, "cgroup.controllers", text, sizeof(text));
	const char *at;

	if (n < 0) {
		say(ret, "no cgroup2 at %.60s", probe->mount);
		return false;
	}
	at = strstr(text, row->argument);
	say(ret, "%.60s: %.90s", probe->mount, text);
	ret->detail[strcspn(ret->detail, "\n")] = '\0';
	return at && (at == text || at[-1] == ' ');
}

static bool look_privilege(const struct probe *probe, const struct row *row,
			   struct kern_feature *ret)
{
	(void)probe;
	(void)row;
	say(ret, "euid %u", geteuid());
	return geteuid() == 0;
}

static bool look_btf(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	(void)row;
	if (probe->btf)
		say(ret, "%u types", btf__type_cnt(probe->btf));
	return probe->btf != NULL;
}

static bool look_bpffs(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	struct statfs fs;

	(void)probe;
	if (statfs(row->argument, &fs)) {
		say(ret, "%.60s: %s", row->argument, strerror(errno));
		return false;
	}
	if (fs.f_type != BPF_FS_MAGIC)
		say(ret, "not mounted yet: uwd mounts it");
	return true;
}

/* tried is what libbpf's trial said: it loads a program, or makes a map, and throws it away. */
static bool tell_trial(struct kern_feature *ret, int tried)
{
	if (tried < 0)
		say(ret, "cannot be tried: %s", strerror(-tried));
	else if (!tried && geteuid() != 0)
		say(ret, "cannot be tried without root");
	return tried > 0;
}

static bool look_map_type(const struct probe *probe, const struct row *row,
			  struct kern_feature *ret)
{
	(void)probe;
	return tell_trial(ret, libbpf_probe_bpf_map_type((enum bpf_map_type)row->number, NULL));
}

static bool look_program_type(const struct probe *probe, const struct row *row,
			      struct kern_feature *ret)
{
	(void)probe;
	return tell_trial(ret, libbpf_probe_bpf_prog_type((enum bpf_prog_type)row->number, NULL));
}

static bool look_psi(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	char text[256];
	AUTO_CLOSE int fd = open(row->argument, O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? -errno : text_pread(fd, text, sizeof(text));

	(void)probe;
	if (n < 0) /* EOPNOTSUPP: compiled in and off at boot */
		say(ret, "%s: %s", row->argument, strerror((int)-n));
	return n >= 0;
}

/* The kinds of swap there are: a disk's, a file's, zram's. */
static bool look_swap(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	AUTO_FCLOSE FILE *swaps = fopen(row->argument, "re");
	unsigned int partitions = 0, files = 0, zram = 0;
	unsigned long long kib = 0, one;
	char line[512], name[256], kind[32];

	(void)probe;
	while (swaps && fgets(line, sizeof(line), swaps)) {
		if (sscanf(line, "%255s %31s %llu", name, kind, &one) != 3)
			continue;
		kib += one;
		if (!strncmp(name, "/dev/zram", 9))
			zram++;
		else if (!strcmp(kind, "file"))
			files++;
		else
			partitions++;
	}
	say(ret, "%llu MiB: %u partitions, %u files, %u zram", kib / 1024, partitions, files, zram);
	return kib > 0;
}

static bool look_zswap(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	char text[8] = "";
	AUTO_CLOSE int fd = open(row->argument, O_RDONLY | O_CLOEXEC);

	(void)probe;
	if (fd < 0 || text_pread(fd, text, sizeof(text)) < 0)
		return false;
	say(ret, "%s", *text == 'Y' ? "on" : "built in, off");
	return *text == 'Y';
}

static bool look_lru_gen(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	char text[16] = "";
	AUTO_CLOSE int fd = open(row->argument, O_RDONLY | O_CLOEXEC);

	(void)probe;
	if (fd < 0 || text_pread(fd, text, sizeof(text)) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	say(ret, "%s", text);
	return strtoul(text, NULL, 16) != 0;
}

/* "none (voluntary) full": the one that is on. Kernels without the choice tell by uname(2); which
 * one is on where that cannot be read is not known. */
static bool look_preemption(const struct probe *probe, const struct row *row,
			    struct kern_feature *ret)
{
	char text[64] = "", mode[16] = "";
	AUTO_CLOSE int fd = open(row->argument, O_RDONLY | O_CLOEXEC);
	struct utsname host;

	(void)probe;
	if (fd >= 0 && text_pread(fd, text, sizeof(text)) > 0 &&
	    sscanf(text + strcspn(text, "("), "(%15[a-z])", mode) == 1) {
		say(ret, "%s", mode);
		return !strcmp(mode, "full") || !strcmp(mode, "lazy");
	}
	if (uname(&host))
		return false;
	if (strstr(host.version, " PREEMPT_DYNAMIC "))
		say(ret, "not known: %s cannot be read", row->argument);
	return strstr(host.version, " PREEMPT ") || strstr(host.version, " PREEMPT_RT ");
}

#define UPGRADE "a newer kernel"
#define CONFIG  "a kernel with this in its configuration, as Debian's is"

static const struct row rows[] = {
	{"Linux 6.1 or later", KERN_NEED_DEGRADED, look_release, NULL, RELEASE(6, 1),
	 "uwctl was never tried on older ones", UPGRADE},
	{"cgroup v2 memory controller", KERN_NEED_REQUIRED, look_controller, "memory", 0,
	 "nothing can be limited, reclaimed or measured by component",
	 "boot with systemd.unified_cgroup_hierarchy=1, and without cgroup_disable=memory"},
	{"cgroup.kill", KERN_NEED_DEGRADED, look_release, NULL, RELEASE(5, 14),
	 "a job cannot be ended whole", UPGRADE},
	{"memory.reclaim", KERN_NEED_DEGRADED, look_release, NULL, RELEASE(5, 19),
	 "no proactive reclaim: the tiers begin with memory.high", UPGRADE},
	{"memory.reclaim swappiness=", KERN_NEED_EXTRA, look_release, NULL, RELEASE(6, 9),
	 "light reclaim takes anonymous pages too, and type = models or cache none of them first",
	 UPGRADE},
	{"memory.high without waiting", KERN_NEED_EXTRA, look_release, NULL, RELEASE(6, 16),
	 "memory.high is written by a worker only, which may wait for seconds", UPGRADE},
	{"memory.peak reset", KERN_NEED_EXTRA, look_function, "memory_peak_write", 0,
	 "the peak of a reused leaf is that of all its runs", UPGRADE},
	{"PSI", KERN_NEED_DEGRADED, look_psi, "/proc/pressure/memory", 0,
	 "no stall totals and no fallback when BPF fails: polling of usage only",
	 "boot with psi=1"},
	{"swap", KERN_NEED_DEGRADED, look_swap, "/proc/swaps", 0,
	 "anonymous memory cannot be squeezed: freezing starts earlier",
	 "add a swap device of a fifth of the memory, or zram"},
	{"zswap", KERN_NEED_EXTRA, look_zswap, "/sys/module/zswap/parameters/enabled", 0,
	 "swapping goes to the device at once", "boot with zswap.enabled=1"},
	{"multi-generational LRU", KERN_NEED_EXTRA, look_lru_gen, "/sys/kernel/mm/lru_gen/enabled",
	 0, "reclaim finds cold pages less well", "echo y > /sys/kernel/mm/lru_gen/enabled"},
	/* mm/vmscan.c, walk_pud_range: 47 ms for 450 MB at 500 million instructions a second. */
	{"preemption within the kernel", KERN_NEED_EXTRA, look_preemption,
	 "/sys/kernel/debug/sched/preempt", 0,
	 "where the kernel looks through a gigabyte of pages, at the ages of a hot set or in "
	 "reclaim, the processor is another's only when it is through: a service waits, "
	 "real-time or not",
	 "boot with preempt=full; or echo full >/sys/kernel/debug/sched/preempt"},
	{"root", KERN_NEED_DEGRADED, look_privilege, NULL, 0,
	 "no BPF sensors, and only what is delegated can be controlled", "run as root"},
	{"BTF of the kernel", KERN_NEED_DEGRADED, look_btf, NULL, 0,
	 "no BPF sensors: PSI triggers and polling take over",
	 "a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's is"},
	{"bpffs", KERN_NEED_DEGRADED, look_bpffs, "/sys/fs/bpf", 0,
	 "no BPF sensors: nothing can be pinned", "mount -t bpf bpf /sys/fs/bpf"},
	{"BPF tracing programs", KERN_NEED_DEGRADED, look_program_type, NULL, BPF_PROG_TYPE_TRACING,
	 "no BPF sensors: PSI triggers and polling take over", CONFIG},
	{"BPF ring buffer", KERN_NEED_DEGRADED, look_map_type, NULL, BPF_MAP_TYPE_RINGBUF,
	 "no events from the kernel: PSI triggers and polling take over", CONFIG},
	{"BPF task storage", KERN_NEED_DEGRADED, look_map_type, NULL, BPF_MAP_TYPE_TASK_STORAGE,
	 "stalls and reclaim times are not counted", CONFIG},
	{"BPF timers", KERN_NEED_DEGRADED, look_function, "bpf_timer_start", 0,
	 "a burst of stalls is seen at its end only", UPGRADE},
};

static void look_at_row(const struct probe *probe, const struct row *row, struct kern_feature *ret)
{
	ret->name = row->name;
	ret->need = row->need;
	ret->lost = row->lost;
	ret->remedy = row->remedy;
	ret->present = row->look(probe, row, ret);
}

static void look_at_hook(const struct probe *probe, const struct kern_hook *hook,
			 struct kern_feature *ret)
{
	ret->name = hook->symbol;
	ret->need = hook->owner == KERN_TRACE || hook->owner == KERN_GATE ? KERN_NEED_EXTRA
									  : KERN_NEED_DEGRADED;
	ret->lost = hook->lost;
	ret->remedy = "a kernel of 6.1 to 7.x with this symbol in its BTF";
	ret->present = probe->btf && hook_usable(probe->btf, hook);
	say(ret, "hook of %s", hook->program);
}

/* Of several programs on one symbol the first says it all; of alternatives the one that fits. */
static bool is_told(const struct probe *probe, const struct kern_hook *hook)
{
	const struct kern_hook *better = hook->unless ? hook_find(hook->unless) : NULL;

	for (const struct kern_hook *other = kern_hooks; other < hook; other++)
		if (!strcmp(other->symbol, hook->symbol) && other != better)
			return true;
	if (better)
		return !(probe->btf && hook_usable(probe->btf, hook));
	for (size_t i = 0; i < kern_hook_count; i++)
		if (kern_hooks[i].unless && !strcmp(kern_hooks[i].unless, hook->program))
			return probe->btf && hook_usable(probe->btf, &kern_hooks[i]);
	return false;
}

static bool is_trial(const struct row *row)
{
	return row->look == look_map_type || row->look == look_program_type;
}

size_t kern_probe(const char *cgroup_mount, bool may_load, struct kern_feature *ret_features,
		  size_t capacity)
{
	struct probe probe = {.mount = cgroup_mount};
	struct utsname host;
	unsigned int major = 0, minor = 0;
	size_t n = 0;

	libbpf_log_catch();
	if (!uname(&host)) {
		text_copy(probe.version, sizeof(probe.version), host.release);
		sscanf(host.release, "%u.%u", &major, &minor);
		probe.release = RELEASE(major, minor);
	}
	probe.btf = btf__load_vmlinux_btf();
	memset(ret_features, 0, capacity * sizeof(*ret_features));
	for (size_t i = 0; i < ARRAY_SIZE(rows) && n < capacity; i++)
		if (may_load || !is_trial(&rows[i]))
			look_at_row(&probe, &rows[i], &ret_features[n++]);
	for (size_t i = 0; i < kern_hook_count && n < capacity; i++)
		if (!is_told(&probe, &kern_hooks[i]))
			look_at_hook(&probe, &kern_hooks[i], &ret_features[n++]);
	btf__free(probe.btf);
	malloc_trim(0); /* the BTF was five megabytes */
	return n;
}

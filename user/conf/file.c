// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one file of this layer that touches files: it finds the main file and the drop-ins, reads
 * them in their order and hands their text on, and writes a configuration out again.
 */
#include "user/conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/dir.h"
#include "user/base/text.h"
#include "user/conf/build.h"

#define FILE_MAX_BYTES 65536
#define DROPINS_MAX    64
#define SUFFIX         ".conf"

static const char *const main_files[] = {"/etc/uw/uw.conf", "/usr/lib/uw/uw.conf"};

/* A drop-in of the first directory replaces one of the same name in the second. */
static const char *const dropin_dirs[] = {"/etc/uw/uw.conf.d", "/usr/lib/uw/uw.conf.d"};

struct dropin {
	char path[PATH_MAX]; /* outlives the build, whose messages name it */
	size_t name_at;      /* where the file's name begins */
};

struct dropins {
	unsigned int count;
	struct dropin dropin[DROPINS_MAX];
};

static int fail(struct uw_err *err, int rc, const char *path)
{
	return err_set(err, rc, "%s: cannot be read: %s", path, strerror(-rc));
}

/* O_NONBLOCK: a FIFO in the place of a file must not hang the daemon. */
static int read_file(const char *path, char *buf, size_t *ret_len, struct uw_err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(err, -errno, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	do {
		n = read(fd, buf + len, FILE_MAX_BYTES + 1 - len);
		if (n < 0 && errno != EINTR)
			return fail(err, -errno, path);
		len += n > 0 ? (size_t)n : 0;
	} while (n && len <= FILE_MAX_BYTES);
	if (len > FILE_MAX_BYTES)
		return err_set(err, -EINVAL, "%s: too long, allowed: %d bytes", path,
			       FILE_MAX_BYTES);
	*ret_len = len;
	return 0;
}

static int add_file(struct build *build, const char *path, struct uw_err *err)
{
	AUTO_FREE char *buf = malloc(FILE_MAX_BYTES + 1);
	size_t len = 0;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "%s: no memory to read it", path);
	rc = read_file(path, buf, &len, err);
	return rc ? rc : build_text(build, path, buf, len, err);
}

/* path has room for PATH_MAX. 0: it is there, 1: there is none. */
static int find_main(const char *root, char *path, struct uw_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(main_files); i++) {
		snprintf(path, PATH_MAX, "%s%s", root, main_files[i]);
		if (access(path, F_OK) == 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return fail(err, -errno, path);
	}
	return 1;
}

/* path names the main file in messages and outlives the build. */
static int add_main(struct build *build, const char *root, char *path, struct uw_err *err)
{
	int rc = find_main(root, path, err);

	if (rc > 0)
		return build_text(build, profile_name, profile_text, profile_len, err);
	return rc ? rc : add_file(build, path, err);
}

static bool is_dropin(const char *name)
{
	size_t len = strlen(name), suffix_len = strlen(SUFFIX);

	return name[0] != '.' && len > suffix_len && !strcmp(name + len - suffix_len, SUFFIX);
}

/* Keeps the list sorted by name; the first of two equal names stays. */
static int insert_dropin(struct dropins *dropins, const char *dir, const char *name)
{
	struct dropin *at = dropins->dropin, *end = at + dropins->count;

	while (at < end && strcmp(at->path + at->name_at, name) < 0)
		at++;
	if (at < end && !strcmp(at->path + at->name_at, name))
		return 0;
	if (dropins->count == DROPINS_MAX)
		return -E2BIG;
	memmove(at + 1, at, (size_t)(end - at) * sizeof(*at));
	snprintf(at->path, sizeof(at->path), "%s/%s", dir, name);
	at->name_at = strlen(dir) + 1;
	dropins->count++;
	return 0;
}

static int list_dropins(struct dropins *dropins, const char *dir, struct uw_err *err)
{
	AUTO_CLOSEDIR DIR *handle = opendir(dir);
	const struct dirent *entry;

	if (!handle)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, -errno, dir);
	while ((entry = dir_next(handle)))
		if (is_dropin(entry->d_name) && insert_dropin(dropins, dir, entry->d_name))
			return err_set(err, -EINVAL, "%s: too many drop-ins, allowed: %d", dir,
				       DROPINS_MAX);
	return errno ? fail(err, -errno, dir) : 0;
}

static int find_dropins(const char *root, struct dropins *dropins, struct uw_err *err)
{
	char dir[PATH_MAX - NAME_MAX - 1];
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(dropin_dirs); i++) {
		if (snprintf(dir, sizeof(dir), "%s%s", root, dropin_dirs[i]) >= (int)sizeof(dir))
			return fail(err, -ENAMETOOLONG, root);
		rc = list_dropins(dropins, dir, err);
	}
	return rc;
}

static int add_dropins(struct build *build, const char *root, struct dropins *dropins,
		       struct uw_err *err)
{
	int rc = find_dropins(root, dropins, err);

	for (unsigned int i = 0; !rc && i < dropins->count; i++)
		rc = add_file(build, dropins->dropin[i].path, err);
	return rc;
}

static int load_installed(struct build *build, const char *root, struct config *ret_config,
			  struct uw_err *err)
{
	AUTO_FREE struct dropins *dropins = calloc(1, sizeof(*dropins));
	char path[PATH_MAX];
	int rc;

	if (!dropins)
		return err_set(err, -ENOMEM, "configuration: no memory to read it");
	rc = add_main(build, root, path, err);
	if (!rc)
		rc = add_dropins(build, root, dropins, err);
	return rc ? rc : build_end(build, ret_config, err);
}

int conf_load(const char *root, const char *file, struct config *ret_config, struct uw_err *err)
{
	struct build build;
	int rc;

	build_begin(&build);
	if (!file)
		return load_installed(&build, root ? root : "", ret_config, err);
	rc = add_file(&build, file, err);
	return rc ? rc : build_end(&build, ret_config, err);
}

static int each_installed(const char *root, conf_file_fn each, void *arg, struct uw_err *err)
{
	AUTO_FREE struct dropins *dropins = calloc(1, sizeof(*dropins));
	char path[PATH_MAX];
	int main_rc, rc;

	if (!dropins)
		return err_set(err, -ENOMEM, "configuration: no memory to read it");
	main_rc = find_main(root, path, err);
	rc = main_rc < 0 ? main_rc : find_dropins(root, dropins, err);
	if (rc)
		return rc;
	each(main_rc ? profile_name : path, arg);
	for (unsigned int i = 0; i < dropins->count; i++)
		each(dropins->dropin[i].path, arg);
	return 0;
}

int conf_each_file(const char *root, const char *file, conf_file_fn each, void *arg,
		   struct uw_err *err)
{
	if (!file)
		return each_installed(root ? root : "", each, arg, err);
	each(file, arg);
	return 0;
}

struct printer {
	FILE *out;
	const char *section, *component;
};

static void print_value(const struct conf_value *value, void *arg)
{
	struct printer *printer = arg;

	if (printer->section != value->section || printer->component != value->component) {
		if (value->component)
			fprintf(printer->out, "\n[%s %s]\n", value->section, value->component);
		else
			fprintf(printer->out, "%s[%s]\n", printer->section ? "\n" : "",
				value->section);
	}
	printer->section = value->section;
	printer->component = value->component;
	fprintf(printer->out, "%s = %s\n", value->key, value->text);
}

int conf_print(const struct config *config, FILE *out)
{
	struct printer printer = {.out = out};

	conf_value_each(config, print_value, &printer);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

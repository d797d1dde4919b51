// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The account and the session of a job's user, through PAM, as cron asks. libpam is loaded where
 * there is one: what of it is used is declared here as in Linux-PAM's security/_pam_types.h. The
 * session is not closed: the process that opened it becomes the job. So the service has to keep to
 * modules that set something for the process, as pam_limits does, and must not have pam_systemd,
 * which would move the job into a cgroup of its own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/login/login.h"

#define PAM_SUCCESS     0
#define PAM_CONV_ERR    19
#define PAM_SILENT      0x8000
#define PAM_DATA_SILENT 0x40000000

struct pam_message;
struct pam_response;
typedef struct pam_handle pam_handle_t;

struct pam_conv {
	int (*conv)(int count, const struct pam_message **messages, struct pam_response **responses,
		    void *data);
	void *data;
};

struct pam {
	void *library;
	int (*start)(const char *service, const char *user, const struct pam_conv *conv,
		     pam_handle_t **handle);
	int (*start_confdir)(const char *service, const char *user, const struct pam_conv *conv,
			     const char *dir, pam_handle_t **handle);
	int (*account)(pam_handle_t *handle, int flags);
	int (*open_session)(pam_handle_t *handle, int flags);
	int (*end)(pam_handle_t *handle, int status);
	const char *(*text)(pam_handle_t *handle, int error);
};

static bool load(struct pam *pam)
{
	const struct {
		const char *name;
		void **to;
		bool optional;
	} symbols[] = {
		{"pam_start", (void **)&pam->start, false},
		{"pam_start_confdir", (void **)&pam->start_confdir, true}, /* 1.4.0 */
		{"pam_acct_mgmt", (void **)&pam->account, false},
		{"pam_open_session", (void **)&pam->open_session, false},
		{"pam_end", (void **)&pam->end, false},
		{"pam_strerror", (void **)&pam->text, false},
	};

	pam->library = dlopen("libpam.so.0", RTLD_NOW);
	for (size_t i = 0; pam->library && i < ARRAY_SIZE(symbols); i++) {
		*symbols[i].to = dlsym(pam->library, symbols[i].name);
		if (!*symbols[i].to && !symbols[i].optional)
			return false;
	}
	return pam->library;
}

/* Without it PAM goes by the service "other", which may have anything. */
static bool has_service(const char *dir)
{
	char path[256];

	if (dir) {
		snprintf(path, sizeof(path), "%s/" LOGIN_SERVICE, dir);
		return !access(path, F_OK);
	}
	return !access("/etc/pam.d/" LOGIN_SERVICE, F_OK) ||
	       !access("/usr/lib/pam.d/" LOGIN_SERVICE, F_OK);
}

/* Nobody is there to be asked anything. */
static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
		    void *data)
{
	(void)count, (void)messages, (void)responses, (void)data;
	return PAM_CONV_ERR;
}

static int start(const struct pam *pam, const char *user, const char *dir,
		 pam_handle_t **ret_handle)
{
	static const struct pam_conv conv = {.conv = converse};

	if (!dir)
		return pam->start(LOGIN_SERVICE, user, &conv, ret_handle);
	return pam->start_confdir ? pam->start_confdir(LOGIN_SERVICE, user, &conv, dir, ret_handle)
				  : PAM_CONV_ERR;
}

/* No credentials are set: nobody has shown any, and a service without auth has none to set. */
static int ask(const struct pam *pam, pam_handle_t *handle)
{
	int status = pam->account(handle, PAM_SILENT);

	return status == PAM_SUCCESS ? pam->open_session(handle, PAM_SILENT) : status;
}

int login_session(const struct job_spec *spec, const char *dir, char *text, unsigned long size)
{
	const struct passwd *user = NULL;
	pam_handle_t *handle = NULL;
	struct pam pam = {0};
	char name[256];
	int status = login_user(spec->uid, &user);

	if (status)
		return status;
	if (!user || !has_service(dir) || !load(&pam))
		return 0;
	if (!text_copy(name, sizeof(name), user->pw_name))
		return -ENAMETOOLONG;
	status = start(&pam, name, dir, &handle);
	if (status == PAM_SUCCESS)
		status = ask(&pam, handle);
	if (status != PAM_SUCCESS)
		text_copy(text, size, pam.text(handle, status));
	if (handle)
		pam.end(handle, status | PAM_DATA_SILENT);
	return status == PAM_SUCCESS ? 0 : -EACCES;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libmicrohttpd runs one thread, which answers one request after the other; while it waits for uwd
 * the others wait in line, each for as long as its client likes. Every answer is made in memory
 * first, so its length is known and an answer is either whole or an error.
 */
#include "user/exporter/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/exporter/accept.h"

#define CONNECTION_MEMORY    16384U /* of a request's head and an answer's */
#define CONNECTION_TIMEOUT_S 10U
#define BACKLOG              16
#define FILES                (SERVE_CONNECTIONS + 16) /* and the three, epoll, uwd, what libraries have */

struct serve {
	struct MHD_Daemon *http;
	struct ask *ask;
};

/* ---- answers ---- */

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status,
				 const char *type, char *text, size_t size,
				 enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);
	enum MHD_Result result;

	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_words(struct MHD_Connection *connection, unsigned int status,
				  const char *words)
{
	return send_text(connection, status, "text/plain; charset=utf-8", (char *)(uintptr_t)words,
			 strlen(words), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_metrics(struct MHD_Connection *connection, struct ask *ask)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	struct page page;

	ask_page(ask, accept_format(accept), &page);
	if (!page.text)
		return MHD_NO;
	return send_text(connection, page.up ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			 text_content_type(page.format), page.text, page.size,
			 MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **request)
{
	struct serve *serve = data;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				  "only GET is served here\n");
	if (!strcmp(url, "/metrics"))
		return send_metrics(connection, serve->ask);
	if (!strcmp(url, "/"))
		return send_words(connection, MHD_HTTP_OK,
				  "uw-exporter " UW_VERSION ": see /metrics\n");
	return send_words(connection, MHD_HTTP_NOT_FOUND, "there is only /metrics here\n");
}

/* ---- the socket ---- */

/* "HOST:PORT" or "[HOST]:PORT" of numbers. False when it is none. */
static bool read_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	bool in_brackets = text[0] == '[' && colon && colon > text && colon[-1] == ']';
	char host[INET6_ADDRSTRLEN], *end;
	unsigned long port;

	port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!port || port > UINT16_MAX || *end || colon[1] == '-' || colon[1] == '+')
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text - 2 * in_brackets),
		 text + in_brackets);
	memset(ret, 0, sizeof(*ret));
	*ret_size = in_brackets ? sizeof(*six) : sizeof(*four);
	if (in_brackets) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1;
}

int serve_listen(const char *address, int *ret_fd, struct uw_err *err)
{
	struct sockaddr_storage storage;
	AUTO_CLOSE int fd = -1;
	socklen_t size;
	int on = 1;

	if (!read_address(address, &storage, &size))
		return err_set(err, -EINVAL,
			       "'%s' is no address, allowed: 127.0.0.1:PORT or [::1]:PORT, in "
			       "numbers",
			       address);
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&storage, size) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(err, -errno, "listen on %s: %s", address, strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool is_ipv6(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	return !getsockname(fd, (struct sockaddr *)&address, &size) &&
	       address.ss_family == AF_INET6;
}

/* libmicrohttpd that can take no connection for want of a file tries again at once, for ever. */
static int make_room_for_files(struct uw_err *err)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(err, -errno, "getrlimit: %s", strerror(errno));
	if (files.rlim_cur >= FILES)
		return 0;
	if (files.rlim_max < FILES)
		return err_set(
			err, -EMFILE,
			"no more than %llu files may be open, wanted: %d; see 'ulimit -Hn', or "
			"LimitNOFILE= of the unit",
			(unsigned long long)files.rlim_max, FILES);
	files.rlim_cur = FILES;
	return setrlimit(RLIMIT_NOFILE, &files) < 0
		       ? err_set(err, -errno, "setrlimit: %s", strerror(errno))
		       : 0;
}

int serve_start(int listen_fd, struct ask *ask, struct serve **ret_serve, struct uw_err *err)
{
	AUTO_CLOSE int fd = listen_fd;
	AUTO_FREE struct serve *serve = malloc(sizeof(*serve));
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | (is_ipv6(fd) ? MHD_USE_IPv6 : 0);
	int rc = make_room_for_files(err);

	if (rc < 0)
		return rc;
	if (!serve)
		return err_set(err, -ENOMEM, "HTTP: %s", strerror(ENOMEM));
	serve->ask = ask;
	serve->http = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, serve, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)SERVE_CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, MHD_OPTION_END);
	if (!serve->http)
		return err_set(err, -EIO, "HTTP cannot be served: libmicrohttpd %s does not start",
			       MHD_get_version());
	fd = -1; /* libmicrohttpd closes it */
	*ret_serve = TAKE(serve);
	return 0;
}

void serve_stop(struct serve *serve)
{
	if (!serve)
		return;
	MHD_stop_daemon(serve->http);
	free(serve);
}

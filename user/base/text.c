// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies bounded text, checks names, and reads and writes small files as a whole. A short read of a
 * kernel file is taken for the last one, which saves each tick a second system call for every file.
 */
#include "user/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define NAME_LEN_MAX 31

/* A seq_file hands out whole records up to a page, so a read this short was the last one. It saves
 * the tick a second system call for every file. */
#define LAST_READ_BYTES 2048

bool text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size);
	bool fits = len < size;

	if (!size)
		return false;
	if (!fits)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
	return fits;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_name(const char *name)
{
	size_t len = strnlen(name, NAME_LEN_MAX + 1);

	if (!len || len > NAME_LEN_MAX || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return true;
}

bool text_is_word(const char *text, size_t size)
{
	static const char others[] = "_-.:@/+";

	if (!memchr(text, '\0', size) || !*text)
		return false;
	for (; *text; text++)
		if (!is_alnum(*text) && !(*text >= 'A' && *text <= 'Z') &&
		    !memchr(others, *text, sizeof(others) - 1))
			return false;
	return true;
}

long text_pread(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	if (!size)
		return -ENOBUFS;
	do {
		/* The byte of the terminator is offered too: filled, it proves that there is more.
		 */
		n = pread(fd, buf + len, size - len, (off_t)len);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			buf[0] = '\0';
			return -errno;
		}
		len += (size_t)n;
		if (len == size) {
			buf[size - 1] = '\0';
			return -ENOBUFS;
		}
	} while (n < 0 || n >= LAST_READ_BYTES);
	buf[len] = '\0';
	return (long)len;
}

long text_read_at(int dirfd, const char *path, char *buf, size_t size)
{
	AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return text_pread(fd, buf, size);
}

int text_write_at(int dirfd, const char *path, const char *value)
{
	AUTO_CLOSE int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int parse_u64(const char *digits, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (*digits < '0' || *digits > '9')
		return -EINVAL;
	for (; *digits >= '0' && *digits <= '9'; digits++)
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*digits - '0'), &value))
			return -ERANGE;
	*ret_value = value;
	return 0;
}

int text_key_u64(const char *text, const char *key, uint64_t *ret_value)
{
	size_t len = strlen(key);

	while (*text) {
		if (!strncmp(text, key, len) && text[len] == ' ')
			return parse_u64(text + len + strspn(text + len, " "), ret_value);
		text = strchr(text, '\n');
		if (!text)
			break;
		text++;
	}
	return -ENOENT;
}

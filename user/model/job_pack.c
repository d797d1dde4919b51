// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A submission as bytes, for the store: the fields in the order of struct job_spec, numbers in the
 * machine's own order (they never leave it), each string with its length before it. Reading trusts
 * nothing: what does not fit the sizes of the struct, or the length of the bytes, is refused as a
 * whole.
 */
#include <errno.h>
#include <string.h>

#include "user/model/job.h"

#define PACK_VERSION  0x324a5755U /* "UWJ2" */
#define PACK_NO_INPUT 0x314a5755U /* "UWJ1", the same but for the size of the input */

struct job_packer {
	char *buf;
	unsigned long size, at;
};

static void put(struct job_packer *to, const void *bytes, unsigned long count)
{
	if (to->at + count <= to->size && count)
		memcpy(to->buf + to->at, bytes, count);
	to->at += count;
}

static void put_u32(struct job_packer *to, uint32_t value)
{
	put(to, &value, sizeof(value));
}

static void put_u64(struct job_packer *to, uint64_t value)
{
	put(to, &value, sizeof(value));
}

/* With its terminator. */
static void put_text(struct job_packer *to, const char *text)
{
	uint32_t size = (uint32_t)strlen(text) + 1;

	put_u32(to, size);
	put(to, text, size);
}

static void put_block(struct job_packer *to, const struct job_block *block)
{
	put_u32(to, block->size);
	put(to, block->data, block->size);
}

unsigned long job_pack(const struct job_spec *spec, bool with_env, char *buf, unsigned long size)
{
	static const struct job_block nothing;
	struct job_packer to = {.buf = buf, .size = size};

	put_u32(&to, PACK_VERSION);
	put_text(&to, spec->component);
	put_text(&to, spec->key);
	put_text(&to, spec->name);
	put_u64(&to, spec->memory_bytes);
	put_u64(&to, spec->time_us);
	put_u64(&to, spec->time_limit_us);
	put_u64(&to, spec->input_bytes);
	put_u32(&to, spec->priority);
	put_u32(&to, spec->memory_priority);
	put_u32(&to, spec->retries);
	put_u32(&to, spec->flags);
	put_u32(&to, spec->held);
	put_u32(&to, spec->index);
	put_u32(&to, spec->tag_count);
	for (uint32_t i = 0; i < spec->tag_count; i++)
		put_text(&to, spec->tag[i]);
	put_u32(&to, spec->after_count);
	for (uint32_t i = 0; i < spec->after_count; i++)
		put_u64(&to, spec->after[i]);
	put_u32(&to, spec->uid);
	put_u32(&to, spec->gid);
	put_u32(&to, spec->group_count);
	for (uint32_t i = 0; i < spec->group_count; i++)
		put_u32(&to, spec->group[i]);
	put_u32(&to, spec->umask);
	put_text(&to, spec->cwd);
	put_block(&to, &spec->argv);
	put_block(&to, with_env ? &spec->env : &nothing);
	return to.at;
}

/* Once something did not fit, all that follows reads as nothing. */
struct job_unpacker {
	const char *buf;
	unsigned long size, at;
	bool bad;
};

static const char *take(struct job_unpacker *from, unsigned long count)
{
	const char *bytes = from->buf + from->at;

	if (from->bad || count > from->size - from->at) {
		from->bad = true;
		return NULL;
	}
	from->at += count;
	return bytes;
}

static uint32_t take_u32(struct job_unpacker *from)
{
	const char *bytes = take(from, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t take_u64(struct job_unpacker *from)
{
	const char *bytes = take(from, sizeof(uint64_t));
	uint64_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint32_t take_count(struct job_unpacker *from, uint32_t max)
{
	uint32_t count = take_u32(from);

	from->bad |= count > max;
	return from->bad ? 0 : count;
}

static void take_block(struct job_unpacker *from, struct job_block *ret_block)
{
	uint32_t size = take_u32(from);
	const char *data = take(from, size);

	if (data && size && data[size - 1])
		from->bad = true;
	*ret_block = (struct job_block){0};
	if (!from->bad)
		*ret_block = (struct job_block){.data = data, .size = size};
}

static const char *take_string(struct job_unpacker *from)
{
	struct job_block block;

	take_block(from, &block);
	if (!block.size || strlen(block.data) + 1 != block.size)
		from->bad = true;
	return from->bad ? "" : block.data;
}

static void take_text(struct job_unpacker *from, char *to, unsigned long size)
{
	const char *text = take_string(from);

	if (strlen(text) >= size)
		from->bad = true;
	else
		memcpy(to, text, strlen(text) + 1);
}

static void take_head(struct job_unpacker *from, struct job_spec *spec)
{
	uint32_t version = take_u32(from);

	from->bad |= version != PACK_VERSION && version != PACK_NO_INPUT;
	take_text(from, spec->component, sizeof(spec->component));
	take_text(from, spec->key, sizeof(spec->key));
	take_text(from, spec->name, sizeof(spec->name));
	spec->memory_bytes = take_u64(from);
	spec->time_us = take_u64(from);
	spec->time_limit_us = take_u64(from);
	spec->input_bytes = version == PACK_VERSION ? take_u64(from) : 0;
	spec->priority = take_u32(from);
	spec->memory_priority = take_u32(from);
	spec->retries = take_u32(from);
	spec->flags = take_u32(from);
	spec->held = take_count(from, 1);
	spec->index = take_u32(from);
}

int job_unpack(const char *buf, unsigned long size, struct job_spec *ret_spec)
{
	struct job_unpacker from = {.buf = buf, .size = size};
	struct job_spec spec = {0};

	take_head(&from, &spec);
	spec.tag_count = take_count(&from, JOB_TAGS_MAX);
	for (uint32_t i = 0; i < spec.tag_count; i++)
		take_text(&from, spec.tag[i], sizeof(spec.tag[i]));
	spec.after_count = take_count(&from, JOB_AFTER_MAX);
	for (uint32_t i = 0; i < spec.after_count; i++)
		spec.after[i] = take_u64(&from);
	spec.uid = take_u32(&from);
	spec.gid = take_u32(&from);
	spec.group_count = take_count(&from, JOB_GROUPS_MAX);
	for (uint32_t i = 0; i < spec.group_count; i++)
		spec.group[i] = take_u32(&from);
	spec.umask = take_u32(&from);
	spec.cwd = take_string(&from);
	take_block(&from, &spec.argv);
	take_block(&from, &spec.env);
	if (from.bad || from.at != size)
		return -EBADMSG;
	*ret_spec = spec;
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Items are copied in and out whole, by a table of their lengths; a task that does not name its
 * input is as long as before inputs had a size, so that both ends may be older. What makes an item
 * bad besides a wrong length stands in one function for each layout. Nothing is read through a
 * pointer into a packet, so that a packet needs no alignment and cannot change between the check
 * and the use.
 */
#include "user/lib/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(sizeof(struct packet_header) == 16, "a layout of the wire");
_Static_assert(sizeof(struct packet_hello) == 24, "a layout of the wire");
_Static_assert(sizeof(struct packet_grant) == 160, "a layout of the wire");
_Static_assert(sizeof(struct packet_lease) == 24, "a layout of the wire");
_Static_assert(sizeof(struct packet_watch) == 48, "a layout of the wire");
_Static_assert(sizeof(struct packet_range) == 32, "a layout of the wire");
_Static_assert(sizeof(struct packet_attach) == 48, "a layout of the wire");
_Static_assert(sizeof(struct packet_share) == 32, "a layout of the wire");
_Static_assert(sizeof(struct packet_task) == 216, "a layout of the wire");
_Static_assert(offsetof(struct packet_task, input_bytes) == 208, "a layout of the wire");
_Static_assert(sizeof(struct packet_begin) == 88, "a layout of the wire");
_Static_assert(offsetof(struct packet_begin, input_bytes) == 80, "a layout of the wire");
_Static_assert(sizeof(struct packet_reply) == 40, "a layout of the wire");
_Static_assert(sizeof(struct packet_denial) == 240, "a layout of the wire");
_Static_assert(sizeof(struct packet_look) == 96, "a layout of the wire");
_Static_assert(sizeof(struct packet_level) == 64, "a layout of the wire");
_Static_assert(sizeof(struct packet_shrink) == 80, "a layout of the wire");
_Static_assert(sizeof(struct packet_header) + PACKET_ITEMS_MAX * sizeof(struct packet_denial) <=
		       PACKET_MAX,
	       "an answer fits");

static const uint16_t request_length[PACKET_OP__COUNT] = {
	[PACKET_HELLO] = sizeof(struct packet_hello),
	[PACKET_GRANT] = sizeof(struct packet_grant),
	[PACKET_RESIZE] = sizeof(struct packet_lease),
	[PACKET_RENEW] = sizeof(struct packet_lease),
	[PACKET_FREE] = sizeof(struct packet_lease),
	[PACKET_LIST] = sizeof(struct packet_lease),
	[PACKET_LIST_END] = sizeof(struct packet_item),
	[PACKET_WATCH] = sizeof(struct packet_watch),
	[PACKET_REPORT] = sizeof(struct packet_item),
	[PACKET_POOL_CREATE] = sizeof(struct packet_grant),
	[PACKET_POOL_COMMIT] = sizeof(struct packet_range),
	[PACKET_POOL_ATTACH] = sizeof(struct packet_attach),
	[PACKET_POOL_SHARE] = sizeof(struct packet_share),
	[PACKET_POOL_OFFER] = sizeof(struct packet_lease),
	[PACKET_TASK_SUBMIT] = sizeof(struct packet_task),
	[PACKET_TASK_WITHDRAW] = sizeof(struct packet_lease),
	[PACKET_TASK_BEGIN] = sizeof(struct packet_begin),
	[PACKET_TASK_END] = sizeof(struct packet_lease),
	[PACKET_TASK_CANCEL] = sizeof(struct packet_lease),
	[PACKET_TASK_LOOK] = sizeof(struct packet_lease),
};

/* Of what may end before the size of an input. */
static const uint16_t inputless_length[PACKET_OP__COUNT] = {
	[PACKET_TASK_SUBMIT] = offsetof(struct packet_task, input_bytes),
	[PACKET_TASK_BEGIN] = offsetof(struct packet_begin, input_bytes),
};

static const uint16_t event_length[PACKET_EVENT__COUNT] = {
	[PACKET_LEVEL] = sizeof(struct packet_level),
	[PACKET_SHRINK] = sizeof(struct packet_shrink),
};

static bool has_end(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

/* ---- writing ---- */

void packet_start(struct packet_out *out, uint8_t *bytes, enum packet_kind kind)
{
	struct packet_header header = {
		.magic = PACKET_MAGIC,
		.kind = (uint16_t)kind,
		.size = sizeof(header),
	};

	*out = (struct packet_out){bytes, sizeof(header)};
	memcpy(bytes, &header, sizeof(header));
}

/* Room for an item of so many bytes at the end of the packet, of which it is from now on a part;
 * NULL when there is none. */
static uint8_t *extend(struct packet_out *out, size_t length)
{
	uint8_t *at = out->bytes + out->used;
	struct packet_header header;

	memcpy(&header, out->bytes, sizeof(header));
	if (header.count == PACKET_ITEMS_MAX || length > UINT16_MAX ||
	    out->used + length > PACKET_MAX)
		return NULL;
	out->used += length;
	header.count++;
	header.size = (uint32_t)out->used;
	memcpy(out->bytes, &header, sizeof(header));
	return at;
}

/* The item of length bytes, with head as its head but for the length, which is set; then text,
 * filled up to eight. */
static int append(struct packet_out *out, struct packet_item head, const void *item, size_t length,
		  const char *text)
{
	size_t text_length = text ? strlen(text) : 0, padded = (text_length + 7) / 8 * 8;
	uint8_t *at = extend(out, length + padded);

	if (!at)
		return -EMSGSIZE;
	head.length = (uint16_t)(length + padded);
	memcpy(at, item, length);
	memcpy(at, &head, sizeof(head));
	if (!text_length)
		return 0;
	memcpy(at + length, text, text_length);
	memset(at + length + text_length, 0, padded - text_length);
	return 0;
}

/* The only length that an item of these contents has. */
static uint16_t length_of(uint16_t op, const union packet_request *request)
{
	uint64_t input_bytes =
		op == PACKET_TASK_SUBMIT ? request->task.input_bytes : request->begin.input_bytes;

	return inputless_length[op] && !input_bytes ? inputless_length[op] : request_length[op];
}

int packet_add_request(struct packet_out *out, enum packet_op op,
		       const union packet_request *request)
{
	struct packet_item head = request->item;

	head.op = (uint16_t)op;
	return append(out, head, request, length_of(head.op, request), NULL);
}

size_t packet_answer_length(const struct packet_reply *reply)
{
	if (reply->outcome == PACKET_DENIED || reply->outcome == PACKET_TIMED_OUT)
		return sizeof(struct packet_denial);
	return reply->item.op == PACKET_TASK_LOOK && !reply->outcome ? sizeof(struct packet_look)
								     : sizeof(struct packet_reply);
}

int packet_add_answer(struct packet_out *out, const union packet_answer *answer, const char *text)
{
	return append(out, answer->reply.item, answer, packet_answer_length(&answer->reply), text);
}

int packet_add_event(struct packet_out *out, enum packet_event_op op,
		     const union packet_event *event)
{
	struct packet_item head = event->item;

	head.op = (uint16_t)op;
	return append(out, head, event, event_length[op], NULL);
}

int packet_add_gone(struct packet_out *out, uint64_t id)
{
	const struct packet_lease gone = {.item.op = PACKET_POOL_ATTACH, .id = id};

	return append(out, gone.item, &gone, sizeof(gone), NULL);
}

/* ---- reading ---- */

int packet_open(struct packet_in *in, const uint8_t *bytes, size_t size)
{
	struct packet_header header;

	if (size < sizeof(header) || size > PACKET_MAX)
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != PACKET_MAGIC || header.kind >= PACKET_KIND__COUNT || !header.count ||
	    header.count > PACKET_ITEMS_MAX || header.size != size || header.zero)
		return -EBADMSG;
	*in = (struct packet_in){
		.bytes = bytes,
		.size = size,
		.at = sizeof(header),
		.kind = (enum packet_kind)header.kind,
		.left = header.count,
	};
	return 0;
}

/* 1 with the head of the next item, which lies in the packet as a whole. */
static int next_head(struct packet_in *in, struct packet_item *ret_head)
{
	if (!in->left)
		return in->at == in->size ? 0 : -EBADMSG;
	if (in->size - in->at < sizeof(*ret_head))
		return -EBADMSG;
	memcpy(ret_head, in->bytes + in->at, sizeof(*ret_head));
	if (ret_head->length < sizeof(*ret_head) || ret_head->length % 8 ||
	    ret_head->length > in->size - in->at)
		return -EBADMSG;
	return 1;
}

/* What a layout of so many bytes has at the place, and zeros behind it. */
static void copy_out(void *to, size_t size, const struct packet_in *in, size_t length)
{
	memcpy(to, in->bytes + in->at, length);
	memset((uint8_t *)to + length, 0, size - length);
}

static void pass(struct packet_in *in, size_t length)
{
	in->at += length;
	in->left--;
}

/* Two texts, both with an end. */
static bool text_is_good(const char text[static PACKET_TEXT_LEN])
{
	size_t length;

	if (!has_end(text, PACKET_TEXT_LEN))
		return false;
	length = strlen(text) + 1;
	return length == PACKET_TEXT_LEN || has_end(text + length, PACKET_TEXT_LEN - length);
}

static bool grant_is_good(const struct packet_grant *grant)
{
	const uint32_t known = PACKET_REVOCABLE | PACKET_ADAPTIVE | PACKET_OR_NEXT | PACKET_DRAWN;

	if ((grant->flags & ~known && grant->flags != PACKET_CREDIT) ||
	    (grant->flags & PACKET_DRAWN && grant->flags & (PACKET_ADAPTIVE | PACKET_OR_NEXT)))
		return false;
	return has_end(grant->component, PACKET_NAME_LEN) && text_is_good(grant->text);
}

static bool task_is_good(const struct packet_task *task)
{
	return !(task->flags & ~(uint32_t)PACKET_REVOCABLE) &&
	       has_end(task->component, PACKET_NAME_LEN) && text_is_good(task->text) &&
	       has_end(task->key, PACKET_KEY_LEN);
}

static bool request_is_good(const union packet_request *request)
{
	switch (request->item.op) {
	case PACKET_HELLO:
		return !(request->hello.flags & ~(uint32_t)PACKET_ATTENDS) && !request->hello.zero;
	case PACKET_GRANT:
		return grant_is_good(&request->grant);
	case PACKET_POOL_CREATE:
		return !request->grant.flags && grant_is_good(&request->grant);
	case PACKET_FREE:
	case PACKET_LIST:
	case PACKET_POOL_OFFER:
	case PACKET_TASK_END:
		return !request->lease.value;
	case PACKET_POOL_ATTACH:
		return !(request->attach.flags & ~(uint32_t)PACKET_WRITE) &&
		       has_end(request->attach.name, PACKET_NAME_LEN);
	case PACKET_POOL_SHARE:
		return !request->share.zero;
	case PACKET_TASK_SUBMIT:
		return task_is_good(&request->task);
	case PACKET_TASK_WITHDRAW:
		return !request->lease.id;
	case PACKET_TASK_BEGIN:
		return has_end(request->begin.key, PACKET_KEY_LEN);
	case PACKET_WATCH:
		return has_end(request->watch.component, PACKET_NAME_LEN) &&
		       request->watch.on <= 1 && !request->watch.zero;
	default:
		return true;
	}
}

int packet_next_request(struct packet_in *in, union packet_request *ret_request)
{
	struct packet_item head;
	int rc = next_head(in, &head);

	if (rc <= 0)
		return rc;
	if (in->kind != PACKET_REQUESTS || head.op >= PACKET_OP__COUNT ||
	    head.length > sizeof(*ret_request))
		return -EBADMSG;
	copy_out(ret_request, sizeof(*ret_request), in, head.length);
	pass(in, head.length);
	return head.length == length_of(head.op, ret_request) && request_is_good(ret_request)
		       ? 1
		       : -EBADMSG;
}

static bool look_is_good(const struct packet_look *look)
{
	return has_end(look->reason, sizeof(look->reason)) && !look->zero;
}

static bool denial_is_good(const struct packet_denial *denial)
{
	if (denial->holder_count > PACKET_HOLDERS ||
	    !has_end(denial->reason, sizeof(denial->reason)))
		return false;
	for (uint32_t i = 0; i < denial->holder_count; i++)
		if (!has_end(denial->holder[i].component, PACKET_NAME_LEN))
			return false;
	return true;
}

static bool answer_is_good(const union packet_answer *answer, size_t length)
{
	if (length == sizeof(struct packet_denial))
		return denial_is_good(&answer->denial);
	return length == sizeof(struct packet_reply) || look_is_good(&answer->look);
}

int packet_next_answer(struct packet_in *in, union packet_answer *ret_answer, const char **ret_text,
		       size_t *ret_length)
{
	struct packet_reply reply;
	struct packet_item head;
	size_t length;
	int rc = next_head(in, &head);

	if (rc <= 0)
		return rc;
	if ((in->kind != PACKET_ANSWER && in->kind != PACKET_LATER) ||
	    head.op >= PACKET_OP__COUNT || head.length < sizeof(struct packet_reply))
		return -EBADMSG;
	memcpy(&reply, in->bytes + in->at, sizeof(reply));
	if (reply.outcome >= PACKET_OUTCOME__COUNT)
		return -EBADMSG;
	length = packet_answer_length(&reply);
	if (head.length < length || (head.length > length && head.op != PACKET_REPORT))
		return -EBADMSG;
	copy_out(ret_answer, sizeof(*ret_answer), in, length);
	*ret_text = head.length > length ? (const char *)in->bytes + in->at + length : NULL;
	*ret_length = *ret_text ? strnlen(*ret_text, head.length - length) : 0;
	pass(in, head.length);
	return answer_is_good(ret_answer, length) ? 1 : -EBADMSG;
}

static bool event_is_good(const union packet_event *event)
{
	return event->item.op == PACKET_LEVEL
		       ? has_end(event->level.component, PACKET_NAME_LEN)
		       : has_end(event->shrink.component, PACKET_NAME_LEN) &&
				 has_end(event->shrink.why, sizeof(event->shrink.why));
}

int packet_next_event(struct packet_in *in, union packet_event *ret_event)
{
	struct packet_item head;
	int rc = next_head(in, &head);

	if (rc <= 0)
		return rc;
	if (in->kind != PACKET_EVENTS || head.op >= PACKET_EVENT__COUNT ||
	    head.length != event_length[head.op])
		return -EBADMSG;
	copy_out(ret_event, sizeof(*ret_event), in, head.length);
	pass(in, head.length);
	return event_is_good(ret_event) ? 1 : -EBADMSG;
}

int packet_next_gone(struct packet_in *in, uint64_t *ret_id)
{
	struct packet_lease gone;
	struct packet_item head;
	int rc = next_head(in, &head);

	if (rc <= 0)
		return rc;
	if (in->kind != PACKET_GONE || head.length != sizeof(gone))
		return -EBADMSG;
	memcpy(&gone, in->bytes + in->at, sizeof(gone));
	pass(in, head.length);
	*ret_id = gone.id;
	return 1;
}

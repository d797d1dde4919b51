// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads debugfs lru_gen, the ages of the pages of each cgroup and node. It is cut into lines, each
 * taken by how it begins: "memcg ID PATH" and " node N" open a block, all others are rows of it. A
 * cgroup's name may hold blanks and tabs but no newline, so its path is the rest of the line.
 * Whatever does not fit in the order or is no number is not a row.
 */
#include "user/sense/lru_gen.h"

#include <stdlib.h>
#include <string.h>

#define WALKED 3 /* generations, and walks that find what was touched */

static bool take_number(const char **at, uint64_t *ret_value)
{
	const char *digit = *at + strspn(*at, " ");
	uint64_t value = 0;

	if (*digit < '0' || *digit > '9')
		return false;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
			return false;
	*at = digit;
	*ret_value = value;
	return true;
}

static void tell(struct lru_gen_reader *reader)
{
	if (reader->has_node && reader->node.row_count)
		reader->fn(reader->data, &reader->node);
	reader->has_node = false;
	reader->node.row_count = 0;
}

/* "memcg     7 /uw/jobs/a b" */
static void take_memcg(struct lru_gen_reader *reader, const char *at)
{
	uint64_t id;

	tell(reader);
	reader->has_memcg = take_number(&at, &id) && *at == ' ';
	if (!reader->has_memcg)
		return;
	reader->node.memcg = id;
	reader->path[0] = '\0';
	if (!reader->is_cut && strlen(at + 1) < sizeof(reader->path))
		strcpy(reader->path, at + 1);
	reader->node.path = reader->path;
}

/* " node     0" */
static void take_node(struct lru_gen_reader *reader, const char *at)
{
	tell(reader);
	reader->has_node = reader->has_memcg && take_number(&at, &reader->node.node) && *at == '\0';
}

/* "         12      34050      25604      14110 " */
static void take_row(struct lru_gen_reader *reader, const char *at)
{
	struct lru_gen_node *node = &reader->node;
	struct lru_gen_row row;

	if (!reader->has_node || node->row_count == LRU_GEN_ROWS || !take_number(&at, &row.seq) ||
	    !take_number(&at, &row.age_ms) || !take_number(&at, &row.anon_pages) ||
	    !take_number(&at, &row.file_pages) || (*at && *at != ' '))
		return;
	if (node->row_count && row.seq != node->row[node->row_count - 1].seq + 1)
		return;
	node->row[node->row_count++] = row;
}

static void take_line(struct lru_gen_reader *reader)
{
	static const char memcg[] = "memcg ", node[] = " node ";

	reader->line[reader->used] = '\0';
	if (!strncmp(reader->line, memcg, sizeof(memcg) - 1))
		take_memcg(reader, reader->line + sizeof(memcg) - 1);
	else if (reader->is_cut)
		return;
	else if (!strncmp(reader->line, node, sizeof(node) - 1))
		take_node(reader, reader->line + sizeof(node) - 1);
	else
		take_row(reader, reader->line);
}

void lru_gen_begin(struct lru_gen_reader *reader, lru_gen_fn fn, void *data)
{
	*reader = (struct lru_gen_reader){.fn = fn, .data = data};
}

void lru_gen_feed(struct lru_gen_reader *reader, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t part = end ? (size_t)(end - text) : len;
		size_t room = sizeof(reader->line) - 1 - reader->used;
		size_t copied = part < room ? part : room;

		memcpy(reader->line + reader->used, text, copied);
		reader->used += copied;
		reader->is_cut |= copied < part;
		text += part;
		len -= part;
		if (!end)
			return;
		take_line(reader);
		reader->used = 0;
		reader->is_cut = false;
		text++;
		len--;
	}
}

void lru_gen_end(struct lru_gen_reader *reader)
{
	reader->used = 0;
	tell(reader);
}

bool lru_gen_is_on(const char *text)
{
	return (strtoul(text, NULL, 16) & WALKED) == WALKED;
}

uint64_t lru_gen_idle_ms(const struct lru_gen_node *node, uint32_t row)
{
	uint64_t next_ms, last_ms;

	if (row + 1 >= node->row_count)
		return 0;
	next_ms = node->row[row + 1].age_ms;
	last_ms = node->row[node->row_count - 1].age_ms;
	return next_ms > last_ms ? next_ms - last_ms : 0;
}

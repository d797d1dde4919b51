// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tables collect their cells first and are printed when all widths are known. Where there is no
 * room for all columns the least important ones are left out, and a last column of sentences is
 * broken into lines beside the others or, where not even that fits, below them: what is shown is
 * never cut.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/screen.h"

#define COLUMN_GAP   2
#define BELOW_INDENT 4
#define ROWS_LEAST   16
#define WRAP_LEAST   16 /* columns, for sentences beside the others */
#define WRAP_GOOD    40 /* for which columns of less importance make room */

void table_init(struct table *table, const struct column *column, int columns)
{
	*table = (struct table){.column = column, .columns = columns};
}

/* A new row, empty; false when memory is short. */
static bool begin_row(struct table *table)
{
	int room = table->room ? 2 * table->room : ROWS_LEAST;
	void *grown;

	if (table->rows == table->room) {
		grown = reallocarray(table->row, (size_t)room, sizeof(*table->row));
		if (!grown)
			return false;
		table->row = grown;
		table->room = room;
	}
	memset(&table->row[table->rows++], 0, sizeof(*table->row));
	return true;
}

static void empty(struct table *table)
{
	for (int r = 0; r < table->rows; r++) {
		for (int i = 0; i < table->columns; i++)
			free(table->row[r][i].text);
	}
	table->rows = table->at = 0;
}

void table_done(struct table *table)
{
	empty(table);
	free(table->row);
	table->row = NULL;
	table->room = 0;
}

void table_cell(struct table *table, enum paint paint, const char *fmt, ...)
{
	struct cell *cell;
	va_list ap;

	if (table->at == 0 && !begin_row(table))
		return;
	cell = &table->row[table->rows - 1][table->at];
	cell->paint = paint;
	va_start(ap, fmt);
	if (vasprintf(&cell->text, fmt, ap) < 0)
		cell->text = NULL;
	va_end(ap);
	if (cell->text)
		screen_clean(cell->text);
	table->at = (table->at + 1) % table->columns;
}

static const char *text_of(const struct cell *cell)
{
	return cell->text ?: "";
}

/* ---- columns by name ---- */

/* "FULL IN" is named full-in. */
static bool is_named(const struct column *column, const char *name, size_t length)
{
	if (strlen(column->title) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		int c = column->title[i] == ' ' ? '-' : tolower(column->title[i]);

		if (c != tolower((unsigned char)name[i]))
			return false;
	}
	return true;
}

static int find_column(const struct column *column, int columns, const char *name, size_t length)
{
	for (int i = 0; i < columns; i++) {
		if (is_named(&column[i], name, length))
			return i;
	}
	return -1;
}

/* keys, when not NULL: those that have one. */
static int unknown_column(const struct column *column, const char *const *keys, int columns,
			  const char *name, size_t length, struct uw_err *err)
{
	char list[UW_ERR_TEXT_LEN / 2] = "", *c;
	size_t at = 0;

	for (int i = 0; i < columns && at < sizeof(list); i++) {
		if (!keys || keys[i])
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? "," : "",
					       column[i].title);
	}
	for (c = list; *c; c++)
		*c = *c == ' ' ? '-' : (char)tolower(*c);
	return err_set(err, -EINVAL, "%s: '%.*s' is no column, allowed: %s",
		       keys ? "--sort" : "--output", (int)length, name, list);
}

int table_choose(struct table *table, const char *names, struct uw_err *err)
{
	table->shown_count = 0;
	while (names && *names) {
		size_t length = strcspn(names, ",");
		int found = find_column(table->column, table->columns, names, length);

		if (found < 0 || table->shown_count == TABLE_COLUMNS_MAX)
			return unknown_column(table->column, NULL, table->columns, names, length,
					      err);
		table->shown[table->shown_count++] = found;
		names += length + (names[length] == ',');
	}
	return 0;
}

struct sort_row {
	json_t *object;
	const char *key;
	bool reverse;
	size_t place;
};

static int compare_values(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		return (x > y) - (x < y);
	}
	return (int)json_is_number(a) - (int)json_is_number(b); /* what is not known comes first */
}

static int compare_rows(const void *a, const void *b)
{
	const struct sort_row *x = a, *y = b;
	int order = compare_values(json_object_get(x->object, x->key),
				   json_object_get(y->object, y->key));

	if (order)
		return x->reverse ? -order : order;
	return x->place < y->place ? -1 : 1;
}

static void sort_by(json_t *objects, const char *key, bool reverse)
{
	size_t count = json_array_size(objects);
	AUTO_FREE struct sort_row *rows = calloc(count + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < count; i++)
		rows[i] = (struct sort_row){
			.object = json_incref(json_array_get(objects, i)),
			.key = key,
			.reverse = reverse,
			.place = i,
		};
	if (!rows)
		return;
	qsort(rows, count, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < count; i++)
		json_array_set_new(objects, i, rows[i].object);
}

int table_sort(const struct column *column, const char *const *keys, int columns, const char *name,
	       json_t *objects, struct uw_err *err)
{
	bool reverse = name && *name == '-';
	int found;

	if (!name)
		return 0;
	name += reverse;
	found = find_column(column, columns, name, strlen(name));
	if (found < 0 || !keys[found])
		return unknown_column(column, keys, columns, name, strlen(name), err);
	sort_by(objects, keys[found], reverse);
	return 0;
}

/* ---- printing ---- */

static int column_width(const struct table *table, int column)
{
	size_t width = strlen(table->column[column].title);

	if (width < (size_t)table->least[column])
		width = (size_t)table->least[column];
	for (int i = 0; i < table->rows; i++) {
		size_t cell = strlen(text_of(&table->row[i][column]));

		width = cell > width ? cell : width;
	}
	return (int)width;
}

/* How the columns stand. */
struct layout {
	int order[TABLE_COLUMNS_MAX]; /* columns from left to right */
	int count;
	int width[TABLE_COLUMNS_MAX]; /* by column */
	int sum;                      /* of these and the gaps between them */
	int wraps;                    /* the column of sentences, not in order; -1: none */
	bool below;                   /* it stands in lines of its own */
};

static void place(struct layout *layout, const struct table *table, int column,
		  const struct screen *screen)
{
	layout->width[column] = column_width(table, column);
	if (table->column[column].rank & COLUMN_WRAPS && screen->width) {
		layout->wraps = column;
		return;
	}
	layout->order[layout->count++] = column;
	layout->sum += layout->width[column] + COLUMN_GAP;
}

/* The place in the order of the column that goes first; -1: all stay. */
static int least_important(const struct layout *layout, const struct table *table, int rank_over)
{
	int worst = -1;

	for (int i = 0; i < layout->count; i++) {
		int rank = table->column[layout->order[i]].rank;

		if (rank > rank_over &&
		    (worst < 0 || rank >= table->column[layout->order[worst]].rank))
			worst = i;
	}
	return worst;
}

/* Leaves out columns of a rank over rank_over until the others need no more than room. */
static void leave_out(struct layout *layout, const struct table *table, int rank_over, int room)
{
	int worst = least_important(layout, table, rank_over);

	while (layout->sum > room && worst >= 0) {
		layout->sum -= layout->width[layout->order[worst]] + COLUMN_GAP;
		layout->count--;
		memmove(&layout->order[worst], &layout->order[worst + 1],
			sizeof(int) * (size_t)(layout->count - worst));
		worst = least_important(layout, table, rank_over);
	}
}

/* Makes room for sentences beside the columns; where there is none they go below, and the columns
 * stay. */
static void place_sentences(struct layout *layout, const struct table *table, int width)
{
	int full = layout->width[layout->wraps];
	int least = full < WRAP_LEAST ? full : WRAP_LEAST;
	int good = full < WRAP_GOOD ? full : WRAP_GOOD;
	struct layout beside = *layout;

	if (!table->shown_count)
		leave_out(&beside, table, table->column[layout->wraps].rank & ~COLUMN_WRAPS,
			  width - good);
	layout->below = width - beside.sum < least;
	if (!layout->below)
		*layout = beside;
}

static struct layout lay_out(const struct table *table, const struct screen *screen)
{
	struct layout layout = {.wraps = -1};
	bool chosen = table->shown_count > 0;
	int count = chosen ? table->shown_count : table->columns;

	for (int i = 0; i < count; i++)
		place(&layout, table, chosen ? table->shown[i] : i, screen);
	if (screen->width && !chosen)
		leave_out(&layout, table, 0, screen->width + COLUMN_GAP);
	if (layout.wraps >= 0)
		place_sentences(&layout, table, screen->width);
	return layout;
}

static void print_cell(const struct screen *screen, const struct column *column, enum paint paint,
		       const char *text, int width, bool last)
{
	int pad = width - (int)strlen(text);

	if (column->right)
		fprintf(screen->out, "%*s", pad, "");
	screen_paint(screen, paint, "%s", text);
	if (!column->right && !last)
		fprintf(screen->out, "%*s", pad, "");
	if (!last)
		fprintf(screen->out, "%*s", COLUMN_GAP, "");
}

/* A row, or with NULL the titles. */
static const char *cell_text(const struct table *table, const struct cell *row, int column)
{
	return row ? text_of(&row[column]) : table->column[column].title;
}

/* The last place in the order that shows something: nothing is padded after it. */
static int last_shown(const struct table *table, const struct layout *layout,
		      const struct cell *row)
{
	int last = 0;

	for (int i = 0; i < layout->count; i++) {
		if (*cell_text(table, row, layout->order[i]))
			last = i;
	}
	return last;
}

static void print_sentences(const struct table *table, const struct layout *layout,
			    const struct screen *screen, const struct cell *row)
{
	int indent = layout->below ? BELOW_INDENT : layout->sum;
	const char *text = layout->wraps < 0 ? "" : cell_text(table, row, layout->wraps);

	if (!*text || (layout->below && !row)) {
		fputc('\n', screen->out);
		return;
	}
	if (layout->below)
		fputc('\n', screen->out);
	screen_wrap(screen, row ? row[layout->wraps].paint : PAINT_DIM,
		    layout->below ? 0 : layout->sum, indent, text);
}

static void print_row(const struct table *table, const struct layout *layout,
		      const struct screen *screen, const struct cell *row)
{
	bool beside = layout->wraps >= 0 && !layout->below && *cell_text(table, row, layout->wraps);
	int last = last_shown(table, layout, row);

	for (int i = 0; i < layout->count && (beside || i <= last); i++) {
		int column = layout->order[i];

		print_cell(screen, &table->column[column], row ? row[column].paint : PAINT_DIM,
			   cell_text(table, row, column), layout->width[column],
			   !beside && i == last);
	}
	print_sentences(table, layout, screen, row);
}

void table_print(const struct table *table, const struct screen *screen)
{
	struct layout layout = lay_out(table, screen);

	if (!table->untitled)
		print_row(table, &layout, screen, NULL);
	for (int r = 0; r < table->rows; r++)
		print_row(table, &layout, screen, table->row[r]);
}

void table_continue(struct table *table)
{
	for (int i = 0; i < table->columns; i++)
		table->least[i] = column_width(table, i);
	empty(table);
	table->untitled = true;
}

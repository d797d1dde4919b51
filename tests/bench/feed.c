// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * feed - a seeded market feed against a limit order book in shared memory. Events arrive by a
 * Hawkes process (each one raises the rate of those to come, with exponential decay: Hawkes 1971),
 * drawn by Ogata's thinning (1981). An event adds, cancels or matches orders; its latency is
 * counted from the arrival it was drawn for.
 */
#include "bench.h"

#include <fcntl.h>

#define PRICE_LEVELS    8192
#define MID_LEVEL       (PRICE_LEVELS / 2)
#define NONE            UINT32_MAX
#define ADD_PERMILLE    560
#define CANCEL_PERMILLE 400 /* the rest are trades */

static double rate_per_s = 300;
static double branching = 0.6;
static double decay_per_s = 40;
static double seconds = 60;
static long book_mb = 48;
static long seed = 1;
static const char *out_path = "feed.csv";
static const char *book_path = "/dev/shm/uw-book";

static const struct bench_option options[] = {
	{"rate", BENCH_DOUBLE, &rate_per_s, "mean events a second"},
	{"branching", BENCH_DOUBLE, &branching, "share of events caused by earlier ones, under 1"},
	{"decay", BENCH_DOUBLE, &decay_per_s, "how fast an event's excitement fades, 1/s"},
	{"seconds", BENCH_DOUBLE, &seconds, "how long; SIGTERM ends it sooner"},
	{"book", BENCH_LONG, &book_mb, "MB of orders in the book"},
	{"seed", BENCH_LONG, &seed, "seed of the feed"},
	{"shm", BENCH_TEXT, &book_path, "file in shared memory that holds the book"},
	{"out", BENCH_TEXT, &out_path, "latency record: due_ms,latency_us"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

enum side {
	SIDE_BUY,
	SIDE_SELL,
	SIDE__COUNT
};

/* One cache line. Links are indices, so that the book means the same in every process that maps it.
 */
struct order {
	uint64_t id; /* 0 = the slot is free */
	int64_t entered_us;
	uint32_t quantity;
	uint32_t price;
	uint32_t side;
	uint32_t next, previous; /* in time priority within the level, or next in the free list */
	uint32_t reserved[7];
};
_Static_assert(sizeof(struct order) == 64, "an order is one cache line");

struct level {
	uint32_t first, last;
	uint64_t quantity;
};

struct book {
	uint64_t last_id, traded_quantity;
	uint32_t slots, live, free_slot, reserved;
	uint32_t best[SIDE__COUNT];
	struct level levels[SIDE__COUNT][PRICE_LEVELS];
	struct order orders[];
};

/* Intensity base + excited, where excited decays and jumps by branching * decay at each event. */
struct hawkes {
	double base_per_s;
	double excited_per_s;
	struct bench_rng rng;
};

static double hawkes_next_gap_s(struct hawkes *hawkes)
{
	double gap_s = 0;

	for (;;) {
		double bound = hawkes->base_per_s + hawkes->excited_per_s;
		double wait_s = bench_rng_exponential(&hawkes->rng, bound);

		gap_s += wait_s;
		hawkes->excited_per_s *= exp(-decay_per_s * wait_s);
		if (bench_rng_unit(&hawkes->rng) * bound <=
		    hawkes->base_per_s + hawkes->excited_per_s)
			break;
	}
	hawkes->excited_per_s += branching * decay_per_s;
	return gap_s;
}

static struct book *book_open(void)
{
	size_t slots = ((size_t)book_mb << 20) / sizeof(struct order);
	size_t bytes = sizeof(struct book) + slots * sizeof(struct order);
	int fd = open(book_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		bench_fail("%s", book_path);

	struct book *book = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (book == MAP_FAILED)
		bench_fail("%s", book_path);
	close(fd);
	book->slots = (uint32_t)slots;
	book->best[SIDE_BUY] = 0;
	book->best[SIDE_SELL] = PRICE_LEVELS - 1;
	memset(book->levels, 0xff, sizeof(book->levels));
	for (size_t i = 0; i < PRICE_LEVELS; i++)
		book->levels[SIDE_BUY][i].quantity = book->levels[SIDE_SELL][i].quantity = 0;
	for (uint32_t i = 0; i < book->slots; i++)
		book->orders[i].next = i + 1 < book->slots ? i + 1 : NONE;
	return book;
}

static bool is_better(uint32_t side, uint32_t price, uint32_t than)
{
	return side == SIDE_BUY ? price > than : price < than;
}

static void book_add(struct book *book, uint32_t side, uint32_t price, uint32_t quantity)
{
	struct level *level = &book->levels[side][price];
	uint32_t slot = book->free_slot;

	if (slot == NONE)
		return;
	book->free_slot = book->orders[slot].next;
	book->orders[slot] = (struct order){.id = ++book->last_id,
					    .entered_us = bench_now_us(),
					    .quantity = quantity,
					    .price = price,
					    .side = side,
					    .next = NONE,
					    .previous = level->last};
	if (level->last != NONE)
		book->orders[level->last].next = slot;
	else
		level->first = slot;
	level->last = slot;
	level->quantity += quantity;
	book->live++;
	if (is_better(side, price, book->best[side]))
		book->best[side] = price;
}

/* After the best level has run empty: the next one that holds an order, or the end of the ladder.
 */
static void book_find_best(struct book *book, uint32_t side)
{
	uint32_t end = side == SIDE_BUY ? 0 : PRICE_LEVELS - 1;
	uint32_t step = side == SIDE_BUY ? UINT32_MAX : 1;

	while (book->best[side] != end && book->levels[side][book->best[side]].first == NONE)
		book->best[side] += step;
}

static void book_remove(struct book *book, uint32_t slot)
{
	struct order *order = &book->orders[slot];
	struct level *level = &book->levels[order->side][order->price];

	if (order->previous != NONE)
		book->orders[order->previous].next = order->next;
	else
		level->first = order->next;
	if (order->next != NONE)
		book->orders[order->next].previous = order->previous;
	else
		level->last = order->previous;
	level->quantity -= order->quantity;
	order->id = 0;
	order->next = book->free_slot;
	book->free_slot = slot;
	book->live--;
	if (order->price == book->best[order->side])
		book_find_best(book, order->side);
}

/* Any live order: the first at or after a random slot, so that old and cold orders are touched too.
 */
static void book_cancel_any(struct book *book, struct bench_rng *rng)
{
	uint32_t slot = (uint32_t)bench_rng_below(rng, book->slots);

	if (book->live == 0)
		return;
	while (book->orders[slot].id == 0)
		slot = slot + 1 < book->slots ? slot + 1 : 0;
	book_remove(book, slot);
}

static void book_trade(struct book *book, uint32_t side, uint32_t quantity)
{
	while (quantity > 0) {
		struct level *level = &book->levels[side][book->best[side]];

		if (level->first == NONE)
			return;

		struct order *order = &book->orders[level->first];
		uint32_t filled = order->quantity < quantity ? order->quantity : quantity;

		quantity -= filled;
		order->quantity -= filled;
		level->quantity -= filled;
		book->traded_quantity += filled;
		if (order->quantity == 0)
			book_remove(book, level->first);
	}
}

static void add_random_order(struct book *book, struct bench_rng *rng)
{
	uint32_t side = (uint32_t)bench_rng_below(rng, SIDE__COUNT);
	double depth = bench_rng_exponential(rng, 1.0 / 200);
	uint32_t away = 1 + (depth < MID_LEVEL - 2 ? (uint32_t)depth : MID_LEVEL - 2);
	uint32_t price = side == SIDE_BUY ? MID_LEVEL - away : MID_LEVEL + away;

	book_add(book, side, price, 1 + (uint32_t)bench_rng_below(rng, 500));
}

static void apply_event(struct book *book, struct bench_rng *rng)
{
	uint64_t draw = bench_rng_below(rng, 1000);

	if (draw < ADD_PERMILLE)
		add_random_order(book, rng);
	else if (draw < ADD_PERMILLE + CANCEL_PERMILLE)
		book_cancel_any(book, rng);
	else
		book_trade(book, (uint32_t)bench_rng_below(rng, SIDE__COUNT), 600);
}

static void run_feed(struct book *book, struct hawkes *hawkes, struct bench_record *record)
{
	struct bench_rng events = {(uint64_t)seed + 1};
	double at_s = 0;
	int64_t start_us = bench_now_us();

	while (!bench_stopped && at_s < seconds) {
		int64_t due_us = start_us + (int64_t)(at_s * 1e6);

		if (bench_now_us() < due_us)
			bench_sleep_until_us(due_us);
		if (bench_stopped)
			break;
		apply_event(book, &events);
		bench_record_add(record, due_us, bench_now_us() - due_us);
		at_s += hawkes_next_gap_s(hawkes);
	}
}

int main(int argc, char **argv)
{
	struct bench_record record;

	bench_parse_options(argc, argv, "feed [OPTION]...", options);
	if (branching < 0 || branching >= 1)
		bench_fail("--branching: allowed is 0 up to, but not, 1");
	bench_catch_stop();
	prctl(PR_SET_TIMERSLACK, 1);

	struct hawkes hawkes = {.base_per_s = rate_per_s * (1 - branching),
				.rng = {(uint64_t)seed}};
	struct bench_rng orders = {(uint64_t)seed + 2};
	struct book *book = book_open();

	while (book->live < book->slots / 4 * 3)
		add_random_order(book, &orders);
	bench_record_init(&record, (size_t)(rate_per_s * seconds * 2) + 1000);
	run_feed(book, &hawkes, &record);
	bench_record_write(&record, out_path);
	unlink(book_path);
	return 0;
}

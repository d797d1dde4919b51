# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 6
# Full page tracing: what a task allocates, by order, for its component and no other. Beside its memory
# a program takes page tables and kernel memory: a quarter is left for that.
PAGES=$((32 * 256))

kern_setup a b
kern_watch -t a b
in_job a "$PUT/hog" --max 32 --hold 0.1 --touch 0 --log /tmp/hog.log
kern_report
pages=0
for order in {0..10}; do
	pages=$((pages + ($(count a "order$order") << order)))
done
echo "allocated $pages pages, order 0: $(count a order0), order 9: $(count a order9)"
expect_in "pages" "$pages" $PAGES $((PAGES * 5 / 4 + 256))
expect "b allocated nothing" "$(count b order0)" 0
expect "not traced without being asked" "$("$PUT/kern" counts a b | grep -c 'order' || true)" 0

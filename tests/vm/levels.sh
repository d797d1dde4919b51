# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 23
# kernels: 7.x
# The six levels by use of the budget, and what each tier may do. Without swap and without file cache
# nothing can be reclaimed, so use stands still at each step.

without_swap
config <<'END'
[pool]
usable = 1000M
[policy]
dwell = 1s
[component work]
share = 40%
priority = 5
freeze = no
lend = no
borrow = no
[component idle]
share = 40%
lend = no
END
start_uwd

step() { # NAME MB LEVEL
	grow work "$1" "$2" --rate 50
	wait_until 20 grown "$1"
	wait_until 40 level_is work "$3" # a forecast may have raised it; one level a dwell down
}

# Each stands 3 points or more below the next edge: a forecast on the way may have raised the level, and
# it comes down again only from there.
step normal 250 normal     # of 400 MB
step low 38 low            # 72 %
step medium 35 medium      # 81 %
step high 22 high          # 86 %
step critical 20 critical  # 91 %
step emergency 22 emergency

# Steady use is nobody's emergency: it is shown, and nothing is done to it.
! logged 'act=freeze' || fail "froze what the configuration protects from it"
! logged 'act=kill' || fail "killed"

# Down again, a level a dwell, never below what use says.
for name in emergency critical high medium low normal; do
	kill -TERM "$(head -n 1 "$POOL/work/$name/cgroup.procs")"
done
wait_until 60 level_is work normal

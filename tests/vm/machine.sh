# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 75
# alone
# kernels: 6.12
# A machine that changes under uwd: a processor that goes and comes back, with a hog that grows beside it, and one that
# sleeps, with jobs and a freeze. All clocks of uwd stand still in a sleep as CLOCK_MONOTONIC does: no limit is used
# up, the guard does not take it for a hang. The date goes on, by hours at that: as in lacks.sh.

hogs_and_an_owner 50%
printf '[component batch]\nshare = 15%%\n' >>/etc/uw/uw.conf
CPU=/sys/devices/system/cpu/cpu1/online
leave() {
	echo 1 >"$CPU"
}
start_uwd
trap leave EXIT
begin_steady
owner_holds 400
somebody_beside

# ---- a processor ----
echo 0 >"$CPU"
goes_on "a processor that went"
stops_a_hog one
echo 1 >"$CPU"
goes_on "a processor that came back"
stops_a_hog two
# Again and again, while one grows that is to be stopped.
touch /tmp/flap
while [ -e /tmp/flap ]; do
	echo 0 >"$CPU"
	sleep 0.2
	echo 1 >"$CPU"
	sleep 0.2
done &
flap=$!
stops_a_hog many
rm /tmp/flap
wait "$flap"
goes_on "processors that come and go"
expect "hangs seen by the guard" "$(uwctl status --json | json_at .daemon.guard.hangs)" 0

# ---- sleep ----
# Seconds of CLOCK_BOOTTIME that CLOCK_MONOTONIC has not seen.
slept_s() {
	python3 -c 'import time; print(int(time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()))'
}
uwctl freeze hogs/beside --for 20s
wait_until 5 is_frozen hogs/beside
limited=$(submit --time-limit 12s -- sleep 600)
wait_until 10 job_is "$limited" running
echo +10 >/sys/class/rtc/rtc0/wakealarm
echo mem >/sys/power/state
date -s '+10 hours' >/dev/null
expect_in "seconds asleep" "$(slept_s)" 8 60
is_frozen hogs/beside || fail "thawed, though its time is not over"
job_is "$limited" running || fail "its time is not over, and it does not run"
goes_on "a sleep"
wait_until 20 eval '! job_is "$limited" running'
expect "why it ended" "$(uwctl history "$limited" --json | json_at .ended.why.reason)" time-limit
wait_until 20 eval '! is_frozen hogs/beside'
expect "hangs seen by the guard" "$(uwctl status --json | json_at .daemon.guard.hangs)" 0
stops_a_hog slept

date -s '-10 hours' >/dev/null

end_steady
stop_uwd

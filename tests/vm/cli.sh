# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what other shells expand
# seconds: 21
# kernels: 6.12
# Nothing here asks more of the kernel than any case does; `uwctl check` runs in others on the other two.
# The command line: exit codes, exact writes, signals and job control of `run`, names that nobody
# should choose, users without rights, and each command that asks uwd.

as_user() { # as_user GROUPS COMMAND...
	local groups=$1
	shift
	setpriv --reuid=12345 --regid=12345 --groups="$groups" "$@"
}

state_of() {
	sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status"
}

is_in_state() {
	[ "$(state_of "$1")" = "$2" ]
}

has_process() { # has_process COMPONENT/NAME
	grep -q . "$POOL/$1/cgroup.procs"
}

no_leaf() { # no_leaf COMPONENT NAME
	[ ! -e "$POOL/$1/$2" ]
}

# ---- before there is anything ----
expect_rc 3 uwctl status
expect_match "status without uwd" "$OUT" 'uwd is not running \(no /run/uw/uwd.sock\); start it with'
expect_rc 3 uwctl log
expect "code without uwd" "$(uwctl --json explain 2>/dev/null | json_at .error.code)" not-running
expect_rc 125 uwctl run cache -- true
expect_match "run without a pool" "$OUT" "run 'uwctl setup'"
expect_rc 2 uwctl stauts
expect_match "near miss" "$OUT" "did you mean 'status'"
expect_rc 2 uwctl
expect_rc 2 uwctl log --lnes 3
expect_rc 2 uwctl config shwo
expect_rc 0 uwctl help
for command in $(uwctl help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	expect_rc 0 uwctl "$command" --help
	expect_match "help of $command" "$OUT" "example:"
done

rc=0
uwctl check >/tmp/check.txt || rc=$?
[ "$rc" -le 1 ] || fail "check: exit $rc: $(cat /tmp/check.txt)"
verdict=$(uwctl check --json | json_at .verdict) || true
case $rc in
0) expect "verdict" "$verdict" ok ;;
1) expect "verdict" "$verdict" degraded ;;
esac

# What the machine can change while it runs is told as it is now.
preempt=/sys/kernel/debug/sched/preempt
expect_match "Debian's kernel" "$(cat /tmp/check.txt)" 'without +preemption within the kernel \(voluntary\)'
echo full >$preempt
expect_match "told to preempt" "$(uwctl check)" 'ok +preemption within the kernel \(full\)'
echo voluntary >$preempt

# ---- setup: a dry run changes nothing and names what setup then does ----
expect_rc 0 uwctl setup --dry-run
expect_match "dry run" "$OUT" "write $POOL/cache/memory.high [0-9]+"
expect_match "the pool's own" "$OUT" "write $POOL/memory.low [0-9]+"
[ ! -e "$POOL" ] || fail "a dry run made the pool"
expect_rc 0 uwctl setup
for component in trading_data ml_models database cache; do
	[ -d "$POOL/$component" ] || fail "setup made no $component"
done
expect_rc 0 uwctl setup
expect_match "second setup" "$OUT" "nothing to do"
expect "changes of a third" "$(uwctl setup --json | json_at .changes)" "[]"

# ---- run: status, place, files ----
expect_rc 0 uwctl run cache -- true
expect_rc 7 uwctl run cache -- sh -c 'exit 7'
expect_rc 137 uwctl run cache -- sh -c 'kill -KILL $$'
expect_rc 127 uwctl run cache -- /nonexistent
expect_rc 127 uwctl run cache -- no-such-command
expect_rc 126 uwctl run cache -- /etc/passwd
expect_rc 126 uwctl run cache -- /
expect_rc 125 uwctl run cachee -- true
expect_match "near miss of a component" "$OUT" "did you mean 'cache'"
expect_rc 125 uwctl run holder -- true
expect_rc 125 uwctl run nothing-like-it -- true
expect_match "components that there are" "$OUT" "there are: .*cache"
expect_rc 125 uwctl run cache
expect_rc 125 uwctl run --nmae x cache -- true
expect_rc 0 uwctl run cache -n -- true
expect_match "dry run of run" "$OUT" "mkdir $POOL/cache/run-PID-N"
expect "place" "$(uwctl run cache --name here -- cat /proc/self/cgroup)" 0::/uw/cache/here
expect "options of the command are its own" \
	"$(uwctl run cache -- echo --name x --json -n)" "--name x --json -n"
expect "options without --" "$(uwctl run cache echo --json)" "--json"
expect "pipeline" "$(echo one two | uwctl run cache -- tr a-z A-Z | uwctl run database -- rev)" \
	"OWT ENO"
expect "stderr of its own" "$(uwctl run cache -- sh -c 'echo x >&2' 2>&1 >/dev/null)" x
expect "process group" "$(uwctl run cache -- sh -c 'ps -o pgid= -p $$; ps -o pgid= -p $PPID' |
	tr -d ' ' | uniq | wc -l)" 1
summary=$(uwctl run cache --name sum --json -- sh -c 'exit 9' 2>&1 >/dev/null) || true
expect "summary" "$(jq -r '"\(.status) \(.leaf)"' <<<"$summary")" "9 sum"
wait_until 2 no_leaf cache here
uwctl run cache --name left -- sh -c 'sleep 300 >/dev/null 2>&1 & echo $! >/tmp/left.pid'
grep -qx "$(cat /tmp/left.pid)" "$POOL/cache/left/cgroup.procs" || fail "what run left is not in its leaf"
expect_rc 125 uwctl run cache --name left -- true
kill "$(cat /tmp/left.pid)"

# ---- names that nobody should choose ----
for name in .. . a/b '' '-x y' $'a\nb' 'holder/../../..' cgroup.procs memory.max UPPER \
	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; do
	expect_rc 125 uwctl run cache --name "$name" -- true
	expect_rc 125 uwctl run "$name" -- true
	expect_rc 2 uwctl freeze "$name/" --for 1s
done

# ---- signals: what is sent to uwctl alone reaches the command, once ----
signal_test() { # signal_test SIGNAL STATUS
	# A background job of this shell has SIGINT and SIGQUIT ignored: undo that.
	env --default-signal=INT,QUIT uwctl run cache --name sig -- \
		bash -c 'trap "echo got >>/tmp/got" '"$1"'; echo up >/tmp/up; n=0
			while [ ! -s /tmp/got ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done
			sleep 0.2; exit 5' &
	local pid=$! rc=0
	wait_until 10 test -s /tmp/up
	kill -"$1" "$pid"
	wait "$pid" || rc=$?
	expect "$1: status" "$rc" 5
	expect "$1: times" "$(grep -c got /tmp/got)" 1
	rm -f /tmp/up /tmp/got
}
signal_test TERM
signal_test INT
signal_test HUP
signal_test USR1
signal_test QUIT
rc=0
uwctl run cache -- sleep 300 &
pid=$!
wait_until 5 pgrep -x sleep
kill -TERM $pid
wait $pid || rc=$?
expect "ended by SIGTERM" $rc 143

# A stop of the command stops uwctl, and both go on together.
uwctl run cache --name stop -- sleep 300 &
pid=$!
wait_until 5 has_process cache/stop
child=$(cat "$POOL/cache/stop/cgroup.procs")
kill -STOP "$child"
wait_until 5 is_in_state $pid T
kill -CONT $pid
wait_until 5 is_in_state "$child" S
kill -TERM $pid
wait $pid || true
wait_until 2 no_leaf cache stop

# The keys of a terminal, through an interactive shell.
cat >/tmp/keys.py <<'END'
import os, pty, re, select, signal, sys, time

HANG = 120  # seconds: nothing here takes as long

pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen = ""

def expect(pattern, seconds=HANG):
    global seen
    end = time.monotonic() + seconds
    while True:
        match = re.search(pattern, seen)
        if match:
            seen = seen[match.end():]
            return
        if time.monotonic() > end or not select.select([fd], [], [], 1)[0] and time.monotonic() > end:
            sys.exit(f"waited in vain for {pattern!r} in {seen!r}")
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536).decode(errors="replace")

def keys(text):
    os.write(fd, text.encode())

def stat_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()

def command_in(leaf):
    """The process in the leaf; waits until it is executed and has stopped reading files."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        try:
            with open(f"/sys/fs/cgroup/uw/cache/{leaf}/cgroup.procs") as procs:
                pid = int(procs.read())
            if stat_of(pid)[0] == "S" and os.readlink(f"/proc/{pid}/exe") in ("/usr/bin/cat", "/usr/bin/sleep"):
                return pid
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    sys.exit(f"nothing sleeps in cache/{leaf}")

expect(r"\$ ")
keys("uwctl run cache -- bash -c 'trap \"echo caught; exit 3\" INT; echo rea\"\"dy; while :; do sleep 0.1; done'\n")
expect("ready")
keys("\x03")
expect("caught")
keys("echo status=$?\n")
expect("status=3")
keys("uwctl run cache --name cat -- cat\n")
command_in("cat")
keys("abc\n")
expect("abc\r\nabc")
keys("\x1a")
expect("Stopped")
keys("jobs; echo st\"\"ill\n")
expect("still")
keys("fg\n")
command_in("cat")
keys("def\n")
expect("def\r\ndef")
keys("\x04")
keys("echo status=$?\n")
expect("status=0")
keys("uwctl run cache --name two -- sleep 600\n")
# A stop that is meant for uwctl alone stops the command too.
child = command_in("two")
os.kill(int(stat_of(child)[1]), signal.SIGTSTP)
expect("Stopped")
assert stat_of(child)[0] == "T", "the command was not stopped"
keys("fg\n")
command_in("two")
keys("\x03")
keys("echo status=$?\n")
expect("status=130")
keys("exit\n")
print("keys ok")
END
expect_rc 0 python3 /tmp/keys.py

# ---- attach ----
sleep 600 &
pid=$!
expect_rc 0 uwctl attach $pid database --dry-run
expect_match "dry run of attach" "$OUT" "write $POOL/database/adopted/cgroup.procs $pid"
expect_rc 0 uwctl attach $pid database --name mine
expect "attached" "$(cat /proc/$pid/cgroup)" 0::/uw/database/mine
expect_rc 2 uwctl attach 0 database
expect_rc 2 uwctl attach 12x database
expect_rc 1 uwctl attach 4194304 database
expect_rc 2 uwctl attach 2 database
expect_rc 4 uwctl attach $pid databse
expect_match "near miss of attach" "$OUT" "did you mean 'database'"
kill $pid

# ---- configuration ----
config <<'END'
[pool]
group = uw
[component cache]
share = 20%
priority = 8
[component ml_models]
share = 30%
priority = 3
freeze = yes
END
expect_rc 0 uwctl config check
expect_rc 0 uwctl config show
printf '[component cache]\nshre = 20%%\n' >/tmp/bad.conf
expect_rc 2 uwctl config check /tmp/bad.conf
expect_match "fault in a file" "$OUT" "/tmp/bad.conf:2: "
expect_rc 2 uwctl setup --config /tmp/bad.conf
expect_rc 2 uwctl config check /tmp/none.conf
expect_rc 3 uwctl config diff

# ---- with uwd ----
groupadd -f uw
gid=$(getent group uw | cut -d: -f3)
start_uwd
uwctl run ml_models --name job -- sleep 300 &
job=$!
wait_until 5 has_process ml_models/job
expect_rc 0 uwctl status
expect_match "status" "$OUT" "ml_models +normal"
leaf_shown() { uwctl status ml_models | grep -q '^job '; }
wait_until 5 leaf_shown
expect "v" "$(uwctl status --json | json_at .v)" 1
expect_rc 0 uwctl top -b -n 1
expect_match "top" "$OUT" "ml_models +normal +\[.*] .*/.* 0%"
expect "lines of top" "$(uwctl top --json -n 2 -d 0.1 | grep -c '"components"')" 2
# In a terminal, by a key of each view, and given back at its end.
(sleep 2 && printf 1 && sleep 1 && printf 2 && sleep 1 && printf 3 && sleep 1 && printf 4 && sleep 1 && printf q) |
	TERM=linux script -qec 'uwctl top -d 0.5' /tmp/top.txt >/tmp/top.out || fail "top in a terminal: exit $?"
expect_match "top in a terminal" "$(cat /tmp/top.out)" "COMPONENT"
expect_match "top's last view" "$(cat /tmp/top.out)" "use of budget"
budget=$(uwctl status cache --json | json_at '.components[0].budget_bytes')
expect "budget, in pages" "$((budget / 4096 * 4096))" "$(cg cache/memory.low)"
expect_rc 4 uwctl status cahce
expect_match "unknown component" "$OUT" "there is no component 'cahce'; there are: cache, ml_models"

expect_rc 0 uwctl freeze ml_models --for 20s --dry-run
expect_match "dry freeze" "$OUT" "write $POOL/ml_models/job/cgroup.freeze 1"
if is_frozen ml_models/job; then fail "a dry run froze"; fi
expect_rc 0 uwctl freeze ml_models/job --for 20s
expect_match "freeze" "$OUT" "freeze job: done in .*, thaws within 20"
wait_until 3 is_frozen ml_models/job
expect_match "status of it" "$(uwctl status)" "1 leaf frozen, thawed within 1[0-9]"
expect_rc 0 uwctl thaw ml_models
not_frozen() { ! is_frozen ml_models/job; }
wait_until 3 not_frozen
expect_rc 6 uwctl thaw ml_models
expect_match "thaw of nothing" "$OUT" "has frozen nothing"
expect_rc 4 uwctl freeze ml_models/none
expect_rc 6 uwctl freeze cache
expect_match "freeze = no" "$OUT" "cache has freeze = no in uw.conf; --force"
expect_rc 6 uwctl freeze cache --force
expect_match "freeze of nothing" "$OUT" "nothing runs in cache"
expect_rc 0 uwctl freeze ml_models --for 1h
expect_match "what is cut" "$OUT" "for 1min, not 1h: freeze-max"
expect_rc 0 uwctl thaw ml_models

uwctl run ml_models --name file -- sh -c \
	'head -c 40M /dev/zero >/var/tmp/file; cat /var/tmp/file >/dev/null; sleep 1000' &
file=$!
file_there() { [ "$(cg ml_models/file/memory.current)" -gt $((38 << 20)) ]; }
wait_until 20 file_there
looks 2 # it has seen it
expect_rc 0 uwctl reclaim ml_models 16M --dry-run
expect_match "dry reclaim" "$OUT" "write $POOL/ml_models/memory.reclaim 16777216"
expect_rc 0 uwctl reclaim ml_models 16M
expect_match "reclaim" "$OUT" "freed [0-9.]+M of"
expect_rc 2 uwctl reclaim ml_models 16
expect_rc 2 uwctl reclaim ml_models -- -16M
kill $file

expect_rc 0 uwctl log
expect_match "log" "$OUT" "freeze job: a client asked; done in"
expect_rc 0 uwctl why ml_models
expect_match "why" "$OUT" "reason +request"
expect_rc 0 uwctl explain
expect_match "the host" "$OUT" "^host: stage (calm|calls)"
expect_match "explain" "$OUT" "use of budget +[0-9.]+% +>= 70%"
# ---- a leaf with a container's name ----
scope=libpod-$(printf '%064d' 7).scope
mkdir "$POOL/ml_models/$scope"
sleep 600 &
inside=$!
echo $inside >"$POOL/ml_models/$scope/cgroup.procs"
has_scope() {
	uwctl status ml_models --json | grep -q "$scope"
}
wait_until 10 has_scope
expect_rc 0 uwctl freeze "ml_models/$scope" --for 30s
wait_until 5 is_frozen "ml_models/$scope"
expect_rc 0 uwctl thaw "ml_models/$scope"
wait_until 5 eval '! is_frozen "ml_models/$scope"'
kill $inside
wait $inside || true
rmdir "$POOL/ml_models/$scope"

uwctl log --follow --json >/tmp/follow.txt &
follow=$!
wait_until 10 test -s /tmp/follow.txt # what there was, and then what comes
expect_rc 0 uwctl freeze ml_models/job --for 5s
follow_has() { tail -n 1 /tmp/follow.txt | json_at .record.result 2>/dev/null | grep -qx "done"; }
wait_until 5 follow_has
kill $follow
expect_rc 0 uwctl thaw ml_models

sed -i 's/priority = 3/priority = 4/' /etc/uw/uw.conf
expect_rc 1 uwctl config diff
expect_match "diff" "$OUT" "component.ml_models.priority: 3 -> 4"
expect_rc 0 uwctl reload --dry-run
expect_rc 0 uwctl reload
expect_match "reload" "$OUT" "component.ml_models.priority: 3 -> 4"
expect_rc 0 uwctl config diff
sed -i 's/priority = 4/priority = 44/' /etc/uw/uw.conf
expect_rc 2 uwctl reload
expect_match "reload of a fault" "$OUT" "uw.conf:[0-9]+: "
expect "what is in force" "$(uwctl config show | grep -c '^priority = 4$')" 1
sed -i 's/priority = 44/priority = 4/' /etc/uw/uw.conf

# ---- who may ----
expect_rc 0 as_user "$gid" uwctl status
expect_rc 0 as_user "$gid" uwctl explain cache
expect_rc 6 as_user "$gid" uwctl freeze ml_models --for 1s
expect_match "change by a member" "$OUT" "for root only, not for uid 12345; use sudo"
expect_rc 6 as_user "$gid" uwctl reload
expect_rc 6 as_user 12345 uwctl status
expect_match "a stranger" "$OUT" "no right to talk to uwd: .*usermod -aG uw"
expect_rc 125 as_user 12345 uwctl run ml_models -- true
expect_match "run by a stranger" "$OUT" "root|delegat"
expect_rc 6 as_user 12345 uwctl setup
expect_rc 6 as_user 12345 uwctl teardown --kill

# ---- the wire, as any Varlink client speaks it ----
python3 - <<'END'
import json, re, socket

def call(method, **parameters):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/uw/uwd.sock")
        s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            data += s.recv(65536)
        return json.loads(data[:-1])

def types_of(description):
    """TYPE -> {field: type}, and METHOD -> {field: type} of its answer."""
    found = {}
    for name, body in re.findall(r"^type (\w+) \((.*?)\)$", description, re.S | re.M):
        found[name] = dict(re.findall(r"(\w+): ((?:\([^)]*\)|[^,\n)])+)", body))
    for name, body in re.findall(r"^method (\w+)\(.*?\) -> \((.*?)\)$", description, re.M):
        found[name + "()"] = dict(re.findall(r"(\w+): ([^,)]+)", body))
    return found

def check(value, kind, where):
    if kind.startswith("?"):
        if value is None:
            return
        kind = kind[1:]
    if kind.startswith("[]"):
        assert isinstance(value, list), where
        for item in value:
            check(item, kind[2:], where + "[]")
    elif kind in ("int", "string", "bool") or kind.startswith("("):
        python = {"int": int, "bool": bool}.get(kind, str)
        assert type(value) is python, f"{where}: {value!r} is no {kind}"
    else:
        assert set(value) == set(types[kind]), f"{where}: {set(value) ^ set(types[kind])}"
        for name, field in types[kind].items():
            check(value[name], field, f"{where}.{name}")

info = call("org.varlink.service.GetInfo")["parameters"]
assert "io.uwctl.Control" in info["interfaces"], info
text = call("org.varlink.service.GetInterfaceDescription", interface="io.uwctl.Control")
types = types_of(text["parameters"]["description"])
for method, parameters in {
    "Status": {},
    "Log": {"count": 50},
    "Why": {"component": "ml_models"},
    "Explain": {},
    "Config": {},
}.items():
    reply = call("io.uwctl.Control." + method, **parameters)
    assert "error" not in reply, reply
    check(reply["parameters"], method + "()", method)
assert call("io.uwctl.Control.Status")["parameters"]["components"][1]["leaves"]
assert call("io.uwctl.Control.Nope")["error"] == "org.varlink.service.MethodNotFound"
assert call("io.uwctl.Control.Freeze")["error"] == "org.varlink.service.InvalidParameter"
END

# ---- teardown ----
expect_rc 6 uwctl teardown --kill
expect_match "teardown beside uwd" "$OUT" "stop it first"
stop_uwd
expect_rc 6 uwctl teardown
expect_match "teardown while something runs" "$OUT" "^uwctl teardown: process [0-9]+ runs in"
expect_rc 2 uwctl teardown --kill --keep-running
expect_rc 0 uwctl teardown --kill --dry-run
[ -d "$POOL/ml_models/job" ] || fail "a dry run tore down"
expect_rc 0 uwctl teardown --kill
[ ! -e "$POOL" ] || fail "teardown left the pool"
wait $job || true
expect_rc 0 uwctl teardown
expect_match "second teardown" "$OUT" "nothing to do"

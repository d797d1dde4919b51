# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 53
# kernels: 6.12
# Programs in Python: the examples and what the README shows, outside of the components and in one;
# what a killed one held is free; a level reaches a callback; a document that asks for too much.

cat <<-'END' | config
	[pool]
	usable = 600M
	[component trading_data]
	share = 30%
	[component ml_models]
	share = 30%
	[component database]
	share = 10%
	[component cache]
	share = 20%
END
start_uwd
export PYTHONDONTWRITEBYTECODE=1

leased() {
	python3 -m unity_wheel.memory --json | json_at ".components.$1.leased_mb"
}

leased_is() {
	[ "$(leased "$1")" = "$2" ]
}

# ---- examples ----
awk '/^### From Python/ { on = 1 } on && /^```$/ { exit } code { print } on && /^```python/ { code = 1 }' \
	"$PUT/README.md" >/tmp/readme.py
[ "$(wc -l </tmp/readme.py)" -ge 10 ] || fail "the README shows no Python"
for example in "$PUT"/examples/*.py /tmp/readme.py; do
	echo "--- $example"
	python3 "$example"
	echo "--- in ml_models"
	uwctl run ml_models -- python3 "$example"
done
for component in trading_data ml_models database cache; do
	wait_until 10 leased_is "$component" 0.0
done
expect_match "report" "$(python3 -m unity_wheel.memory)" 'trading_data +normal'
expect_match "numpy" "$(python3 -c 'import numpy; print(numpy.__version__)')" '^[0-9]'

# ---- who is held to the limit ----
show='from unity_wheel.memory import *; import sys; print(get_memory_manager().allocate(sys.argv[1], 10).enforced)'
expect "outside" "$(python3 -c "$show" cache)" False
expect "inside" "$(uwctl run cache -- python3 -c "$show" cache)" True

# ---- a child of a task ----
cat >/tmp/child.py <<-'END'
	from unity_wheel.memory import ResourceRequirements, binding, get_resource_scheduler
	scheduler = get_resource_scheduler()
	task = scheduler.submit_task("look", lambda: open("/proc/self/cgroup").read().strip(),
	                             ResourceRequirements(20, component="ml_models"), isolation="fork")
	print(scheduler.get_task_status(task).result(60), binding.has("uw_task_submit"))
END
python3 /tmp/child.py | tee /tmp/child.out
! grep -q 'True$' /tmp/child.out || grep -q '/ml_models/' /tmp/child.out || fail "the child is elsewhere"

# ---- one that is killed ----
python3 -c 'from unity_wheel.memory import *; import time
lease = get_memory_manager().allocate("database", 30); print("held", flush=True); time.sleep(1000)' >/tmp/held &
HELD=$!
wait_until 20 grep -q held /tmp/held
leased_is database 30.0 || fail "of $(leased database) leased"
kill -KILL "$HELD"
wait_until 10 leased_is database 0.0

# ---- a level reaches a callback ----
python3 -c 'from unity_wheel.memory import *; import time
get_memory_manager().register_pressure_callback(lambda level: print(level.component, level.name, level > 0.9, flush=True))
time.sleep(1000)' >/tmp/levels &
HEARS=$!
grow cache hog 114
wait_until 60 grep -Eq '^cache (critical|emergency) True$' /tmp/levels
kill "$HEARS"

# ---- a document that asks for more than there is: what is large is denied, the rest works ----
if [ -f "$PUT/document.md" ]; then
	cat <<-'END' | config
		[pool]
		usable = 1000M
		[component trading_data]
		share = 60%
		[component ml_models]
		share = 15%
		[component database]
		share = 10%
		[component cache]
		share = 10%
	END
	uwctl reload
	python3 "$PUT/document.py" --small "$PUT/document.md"
fi

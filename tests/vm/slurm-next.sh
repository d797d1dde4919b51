# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 8
# kernels: 6.12
# vm: --with slurm --suite trixie
# A step of the next Debian's Slurm in a component, by the plug-in that was built for it, and without uwd.

# shellcheck source=tests/bench/slurm_nodes.sh
. "$PUT/slurm_nodes.sh"
SUSER=games

config <<-END
	[pool]
	usable = 600M
	$(page_block 1 spank_uw.8)
	[component services]
	share = 30%
END

# shellcheck disable=SC2317 # called by the trap
end_slurm() {
	tail -q -n 5 "$SLURM_LOGS"/*.log
	slurm_kill
}

# step OPTION... COMMAND...: of the user's; output in $OUT, status in $RC
step() {
	RC=0
	OUT=$(cd /tmp && setpriv --reuid "$SUSER" --regid "$SUSER" --clear-groups -- \
		timeout 60 srun --mem=100M --uw-component=batch "$@" 2>/tmp/srun.err) || RC=$?
}

start_uwd
trap end_slurm EXIT
mkdir -p /etc/slurm
echo 'required spank_uw.so' >/etc/slurm/plugstack.conf
slurm_configure 1 600 "$(page_block 3 spank_uw.8)" "$(page_block 4 spank_uw.8)" 'PartitionName=batch Nodes=n[1-2] Default=YES'
for name in spank_uw job_submit_uw; do
	ln -sf "$PUT/${name}_next.so" "/usr/lib/x86_64-linux-gnu/slurm-wlm/$name.so"
done
slurm_start

# ---- it is in its leaf at its first instruction, its memory is reserved, and its status is its own ----
# shellcheck disable=SC2016 # expanded in the step
step sh -c 'cat /proc/self/cgroup /sys/fs/cgroup/$(cut -d: -f3 /proc/self/cgroup)/memory.high; exit 7'
expect "its status: $(cat /tmp/srun.err)" "$RC" 7
expect_match "its group" "$OUT" '^0::/uw/batch/slurm-[0-9]+'
expect "its limit" "$(tail -n 1 <<<"$OUT")" $((100 << 20))
wait_until 5 eval '! ls -d "$POOL"/batch/slurm-* 2>/dev/null'

# ---- scancel ends it ----
(step sleep 600) &
wait_until 15 eval 'squeue -h -t R -o %A | grep -q .'
wait_until 10 eval 'cat "$POOL"/batch/slurm-*/cgroup.procs | grep -q .'
scancel --user "$SUSER"
wait $! || true
wait_until 10 eval '! ls -d "$POOL"/batch/slurm-* 2>/dev/null'

# ---- without uwd it runs as ever ----
stop_uwd
step sh -c 'cat /proc/self/cgroup; exit 7'
expect "its status without uwd" "$RC" 7
[[ $OUT != */uw/* ]] || fail "it is in $OUT"

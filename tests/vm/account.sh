# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what other shells expand
# seconds: 25
# kernels: 6.12
# What a user may is asked when a queued job starts: groups that were taken away are gone, limits.conf
# holds, and an account that has expired, a user that is deleted, and one that may not submit any more
# start nothing.

config <<-'END'
	[pool]
	usable = 400M
	[component batch]
	share = 60%
	submit = games
	[component team]
	share = 30%
	submit = @mail
END
start_uwd

cp -a /etc/passwd /etc/group /etc/shadow /etc/security/limits.conf /tmp/
restore() {
	cp -a /tmp/passwd /tmp/group /tmp/shadow /etc/
	cp -a /tmp/limits.conf /etc/security/
}
trap restore EXIT

games=$(id -u games) own=$(id -g games) mail=$(getent group mail | cut -d: -f3)

submit() {
	setpriv --reuid games --regid games --groups games,mail -- uwctl submit -c batch -m 50M "$@"
}

failed_at() {
	uwctl history "$1" --json | json_at .ended.state
}

expect_match "uwctl check" "$(uwctl check 2>&1)" 'ok +accounts of jobs through PAM'

# ---- groups as they are now ----
sed -i 's/^mail:x:\([0-9]*\):.*/mail:x:\1:games/' /etc/group
id=$(submit -- id -G)
expect_rc 0 uwctl wait "$id"
expect "a group that it has" "$(uwctl logs "$id")" "$own $mail"
id=$(submit --hold -- sh -c 'id -u; id -G')
sed -i 's/^mail:x:\([0-9]*\):.*/mail:x:\1:/' /etc/group
expect_rc 0 uwctl release "$id"
expect_rc 0 uwctl wait "$id"
expect "a group that was taken away meanwhile" "$(uwctl logs "$id")" "$games
$own"

# ---- limits.conf ----
echo 'games hard nproc 77' >>/etc/security/limits.conf
id=$(submit -- bash -c 'ulimit -Hu')
expect_rc 0 uwctl wait "$id"
expect "limits.conf" "$(uwctl logs "$id")" 77

# ---- an account that has expired since ----
id=$(submit --hold -- true)
awk -F: -v OFS=: '$1 == "games" { $8 = 1 } { print }' /tmp/shadow >/etc/shadow
expect_rc 0 uwctl release "$id"
uwctl wait "$id" && fail "it ran"
expect "an expired account" "$(failed_at "$id")" failed
expect_match "why" "$(uwctl history "$id")" "the account of uid $games does not let it start"
expect_match "what PAM says" "$(uwctl logs "$id" --err)" 'was not started: '
restore
id=$(submit -- true)
expect_rc 0 uwctl wait "$id"

# ---- a user that was deleted ----
id=$(submit --hold -- true)
sed -i '/^games:/d' /etc/passwd
expect_rc 0 uwctl release "$id"
uwctl wait "$id" && fail "it ran"
expect "a deleted user" "$(failed_at "$id")" failed
restore

# ---- who may submit, by the group of the moment ----
sed -i 's/^mail:x:\([0-9]*\):.*/mail:x:\1:games/' /etc/group
id=$(submit -c team --hold -- true)
again=$(submit -c team --hold -- true)
expect_rc 0 uwctl release "$id"
expect_rc 0 uwctl wait "$id"
sed -i 's/^mail:x:\([0-9]*\):.*/mail:x:\1:/' /etc/group
expect_rc 0 uwctl release "$again"
uwctl wait "$again" && fail "it ran"
expect "submit" "$(failed_at "$again")" failed
expect_match "why" "$(uwctl history "$again")" "uid $games may not submit to team any more"

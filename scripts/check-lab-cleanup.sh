#!/usr/bin/env bash
# Ends labs in the middle of what they do, and shows that nothing of them is left: no process, no mount, no file.
#
#   scripts/check-lab-cleanup.sh target/release/farshore
#
# As root. Waits for what a lab says, not for time, and looks only at what its own labs made: all that they start inherits
# a mark, and all that they write is under one directory.
set -euo pipefail

farshore=$(realpath "${1:?usage: $0 FARSHORE}")
work=$(mktemp -d "${TMPDIR:-/tmp}/check-lab-cleanup-XXXXXX")
mkdir "$work/tmp"
mark="FARSHORE_LAB_CHECK=$work"
out=$work/out
pid=
failed=0

processes() { grep -lsaF "$mark" /proc/[0-9]*/environ | grep -oE '[0-9]+' || true; }
mounts() { grep -F "$work/tmp/" /proc/self/mounts || true; }
files() { ls -A "$work/tmp"; }

# What a lab left is not blamed on the next one, and nothing of the check itself stays either.
take_away() {
  processes | xargs -r kill -KILL 2>/dev/null || true
  mounts | while read -r _ at _; do umount -l "$at"; done
  rm -rf "$work/tmp"
  mkdir "$work/tmp"
}
trap 'take_away; rm -rf "$work"' EXIT

# until_true SECONDS WHAT COMMAND...
until_true() {
  local limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < limit)) || { echo "not within the limit: $what" >&2; return 1; }
    sleep 0.005
  done
}
no_processes() { [[ -z $(processes) ]]; }
begin() {
  : >"$out"
  env "$mark" TMPDIR="$work/tmp" "$farshore" lab "$@" >"$out" 2>&1 &
  pid=$!
}
ended() { [[ ! -e /proc/$pid ]] || grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; }
end() {
  until_true 60 "the end of the lab" ended || kill -KILL "$pid"
  code=0
  { wait "$pid" || code=$?; } 2>/dev/null
  pid=
}

# nothing_left WHAT CODE [files]: the lab has ended with that code; with `files`, those are to stay.
nothing_left() {
  local left
  left=$(processes; mounts; [[ ${3-} == files ]] || files)
  if [[ $code -eq $2 && -z $left ]]; then
    echo "ok: $1: exit code $code, nothing left"
    return
  fi
  failed=1
  echo "NOT OK: $1: exit code $code (expected $2), left:"
  printf '%s\n' "$left"
  cat "$out"
  take_away
}

# What a lab says when it comes to a stage.
stages=(
  "two arrays and their hosts are built"
  "four VMs start"
  "two managers start"
  "the VMs run, protected"
  "is lost for good"
  "birch .*(F5|F6)"
)
said() { grep -qE "$1" "$out" || ! kill -0 "$pid" 2>/dev/null; }

for replication in sync async; do
  for stage in "${stages[@]}"; do
    for signal in INT TERM; do
      begin --replication "$replication" --calm 300
      until_true 120 "\"$stage\"" said "$stage"
      kill -"$signal" "$pid" 2>/dev/null || true
      end
      nothing_left "$replication, SIG$signal at \"$stage\"" 130
    done
  done
done

# With an arbiter, agents and guards, each a process of its own.
for stage in "the arbiter and two agents start" "protected and armed" "every wire out of alder is cut" "birch .*F5"; do
  begin --scenario partition --calm 300
  until_true 120 "\"$stage\"" said "$stage"
  kill -INT "$pid" 2>/dev/null || true
  end
  nothing_left "partition, SIGINT at \"$stage\"" 130
done

# On the way back, and while an array dies: what is there then is not what was there at the start.
for stage in "replaced by an empty one" "birch protects the group" "move back to alder"; do
  begin --scenario failback --calm 300
  until_true 120 "\"$stage\"" said "$stage"
  kill -INT "$pid" 2>/dev/null || true
  end
  nothing_left "failback, SIGINT at \"$stage\"" 130
done
begin --scenario array --calm 300
until_true 120 "the array's death" said "the array dies"
kill -INT "$pid" 2>/dev/null || true
end
nothing_left "array, SIGINT at its death" 130

# While a test's copies run, and while an array says nothing.
begin --scenario test --calm 300
until_true 120 "the copies of the VMs" said "copies of the VMs run"
kill -INT "$pid" 2>/dev/null || true
end
nothing_left "test, SIGINT while copies run" 130
begin --scenario apd --calm 300
until_true 120 "a forced group" said "birch .*F5"
kill -INT "$pid" 2>/dev/null || true
end
nothing_left "apd, SIGINT at \"birch .*F5\"" 130

# A start that fails half-way: arrays are there, VMs do not come up. Its files stay, to be looked at.
begin --accelerator no-such-accelerator
end
nothing_left "failed start" 2 files
take_away

# Killed: programs die with the lab; the rest is removed by the next one.
begin --calm 60000
until_true 120 "protected VMs" said "the VMs run, protected"
kill -KILL "$pid"
end
until_true 30 "the end of a killed lab's programs" no_processes || failed=1
begin --calm 300
until_true 120 "protected VMs" said "the VMs run, protected"
kill -INT "$pid"
end
nothing_left "the next lab after SIGKILL" 130

exit "$failed"

#!/usr/bin/env bash
# Runs fuzz targets one after the other, each for so many seconds, and adds a line per run to fuzz/results.tsv.
#
#   scripts/fuzz-campaign.sh [SECONDS] [TARGET...]     60 seconds and all targets if not told otherwise
#
# Needs a nightly toolchain and `cargo install --locked cargo-fuzz`. A run begins from fuzz/seeds, fuzz/regressions and
# what earlier runs have kept in fuzz/corpus (not in the repository), so campaigns can be ended and go on at any time.
# What breaks is in fuzz/artifacts/TARGET: shrink it with `cargo +nightly fuzz tmin TARGET FILE`, put it into
# fuzz/regressions/TARGET under a name that says what it is, and `cargo test -p farshore-fuzzing` replays it from then on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [SECONDS] [TARGET...]" >&2; exit 2; }
shift || true
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)

results=fuzz/results.tsv
[[ -e $results ]] || printf 'target\tday\tseconds\texecutions\tedges\tcorpus\tfound\n' >"$results"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
for target in "${targets[@]}"; do
  from=(fuzz/corpus/"$target")
  mkdir -p "${from[0]}"
  for kind in seeds regressions; do
    [[ -d fuzz/$kind/$target ]] && from+=(fuzz/"$kind"/"$target")
  done
  options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1)
  [[ -e fuzz/dictionaries/$target.dict ]] && options+=(-dict=fuzz/dictionaries/"$target".dict)
  echo "== $target, $seconds s"
  found=nothing
  cargo +nightly fuzz run "$target" "${from[@]}" -- "${options[@]}" >"$out" 2>&1 || found=something
  if [[ $found == something ]]; then
    status=1
    tail -n 40 "$out"
  fi
  executions=$(awk '/stat::number_of_executed_units/ { print $2 }' "$out")
  edges=$(grep -oE 'cov: [0-9]+' "$out" | tail -n 1 | cut -d' ' -f2)
  kept=$(find "${from[0]}" -type f | wc -l)
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$target" "$(date +%F)" "$seconds" "${executions:-?}" "${edges:-?}" "$kept" "$found" |
    tee -a "$results"
done
exit "$status"

# Runs the fuzz targets of tests/fuzz. What they find is kept in build/fuzz/found.
# shellcheck shell=bash

run_fuzz() {
  local seconds=60 names=() name
  while [ $# -gt 0 ]; do
    case "$1" in
      --seconds)
        [ $# -ge 2 ] || fail "--seconds needs a value."
        seconds="$2"
        shift
        ;;
      -*) fail "There is no option '$1' of ./dev fuzz." "It has --seconds N." ;;
      *)
        [ -d "$ROOT/tests/fuzz/corpus/$1" ] || fail "There is no fuzz target '$1'." \
          "The targets: $(cd "$ROOT/tests/fuzz/corpus" && echo *)."
        names+=("$1")
        ;;
    esac
    shift
  done
  [[ "$seconds" =~ ^[1-9][0-9]*$ ]] || fail "--seconds is a number from 1, not '$seconds'."
  if [ ${#names[@]} -eq 0 ]; then mapfile -t names < <(cd "$ROOT/tests/fuzz/corpus" && printf '%s\n' *); fi

  require_packages build fuzz
  build fuzz
  local failed=()
  for name in "${names[@]}"; do fuzz_one "$name" "$seconds" || failed+=("$name"); done
  [ ${#failed[@]} -eq 0 ] || fail "Fuzzing found faults: ${failed[*]}" "The inputs are in build/fuzz/found."
  done_line "Fuzzing: ${#names[@]} targets for $seconds s each, nothing found."
}

# The inputs that a run finds worth keeping stay in the build folder; the seeds are the repository's.
fuzz_one() {
  local name="$1" seconds="$2" log="$ROOT/build/fuzz/$1.log" dictionary=()
  local grown="$ROOT/build/fuzz/grown/$name" found="$ROOT/build/fuzz/found"
  mkdir -p "$grown" "$found"
  if [ -e "$ROOT/tests/fuzz/$name.dict" ]; then dictionary=("-dict=$ROOT/tests/fuzz/$name.dict"); fi
  if "$ROOT/build/fuzz/tests/fuzz/fuzz_$name" "$grown" "$ROOT/tests/fuzz/corpus/$name" "${dictionary[@]}" \
    -max_total_time="$seconds" -max_len=8192 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    "-artifact_prefix=$found/$name-" >"$log" 2>&1; then
    say "$name: $(awk '$1 == "stat::number_of_executed_units:" {print $2}' "$log") inputs," \
      "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
  else
    tail -n 30 "$log" >&2
    return 1
  fi
}

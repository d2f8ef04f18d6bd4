# Builds and runs the tests: everything is registered with ctest, whose summary ends the output.
# shellcheck shell=bash

run_tests() {
  local preset=dev regex=() rounds=""
  while [ $# -gt 0 ]; do
    case "$1" in
      --preset | --rounds)
        [ $# -ge 2 ] || fail "$1 needs a value." "./dev help tells which."
        if [ "$1" = --preset ]; then preset="$2"; else rounds="$2"; fi
        shift
        ;;
      -*) fail "There is no option '$1' of ./dev test." "It has --preset NAME and --rounds N." ;;
      *)
        [ ${#regex[@]} -eq 0 ] || fail "./dev test takes one name pattern, but got '${regex[1]}' and '$1'." \
          "Alternatives go into one pattern: 'a|b'."
        regex=(-R "$1")
        ;;
    esac
    shift
  done
  case "$preset" in
    dev | asan | tsan | coverage) ;;
    *) fail "There are no tests in the preset '$preset'." "It is dev, asan, tsan or coverage." ;;
  esac
  [[ -z "$rounds" || "$rounds" =~ ^[1-9][0-9]*$ ]] || fail "--rounds is a number from 1, not '$rounds'."

  require_packages build test
  require_browser_modules
  build "$preset"
  [ -z "$rounds" ] || export MINGA_ROUNDS="$rounds"
  export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
  export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
  export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$ROOT/tests/tsan.supp}"
  say "Testing $preset"
  local report="$ROOT/build/$preset/faults.txt" status=0
  rm -f -- "$report"
  ctest --test-dir "$ROOT/build/$preset" --no-tests=error --output-on-failure -j "$(jobs)" "${regex[@]}" || status=$?
  # Of all tests the last word is ctest's; who asks for some sees what they measured, too.
  if [ ${#regex[@]} -gt 0 ] && [ -e "$report" ]; then
    say "How long writes were away, fault by fault"
    cat -- "$report"
  fi
  return "$status"
}

# Playwright, axe-core and PocketBase's client, in the versions of the lock file; again only when that has changed.
require_browser_modules() {
  local folder="$ROOT/tests/browser"
  [ -e "$folder/package-lock.json" ] || return 0
  if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then return; fi
  say "Installing the browser tests' npm packages"
  # Debian's Chromium is driven, so Playwright fetches no browser of its own.
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error \
    </dev/null >&2 || fail "npm could not install the browser tests' packages; what it said is above." \
    "Is the network there? ./dev test goes on from here."
  cp -- "$folder/package-lock.json" "$folder/node_modules/.installed"
}

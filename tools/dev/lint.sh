# The checks of the sources. Each part is a function lint_PART that prints what it finds and fails.
# shellcheck shell=bash

readonly LINT_PARTS=(direction ascii size words paths coroutines format python shell headers tidy)

lint() {
  local parts=() part all="" failed=()
  for part in "$@"; do
    if [ "$part" = --all ]; then
      all=yes
    elif [[ " ${LINT_PARTS[*]} " == *" $part "* ]]; then
      parts+=("$part")
    else
      fail "There is no lint part '$part'." "The parts: ${LINT_PARTS[*]}; and the option --all."
    fi
  done
  [ ${#parts[@]} -gt 0 ] || parts=("${LINT_PARTS[@]}")
  require_packages build test lint
  local started=$SECONDS
  for part in "${parts[@]}"; do
    if LINT_ALL="$all" "lint_$part"; then
      printf '%s%-12s%s ok\n' "$GREEN" "$part" "$PLAIN" >&2
    else
      printf '%s%-12s failed%s\n' "$RED" "$part" "$PLAIN" >&2
      failed+=("$part")
    fi
  done
  [ ${#failed[@]} -eq 0 ] || fail "Lint failed: ${failed[*]}"
  done_line "Lint: ${#parts[@]} parts in $((SECONDS - started)) s, nothing found."
}

# Files of the tree, committed or about to be: sources PATTERN...
sources() { git ls-files -z --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r -d '' file; do
  [ -f "$file" ] && printf '%s\0' "$file"
done; }

lint_direction() { /usr/bin/python3 tools/lint/direction.py; }
lint_ascii() { sources | xargs -0 /usr/bin/python3 tools/lint/words.py ascii; }
lint_size() { sources | xargs -0 /usr/bin/python3 tools/lint/words.py size; }
lint_words() { sources src include apps | xargs -0 /usr/bin/python3 tools/lint/words.py words; }
lint_paths() { sources | xargs -0 /usr/bin/python3 tools/lint/words.py paths; }
lint_coroutines() { sources '*.cpp' '*.hpp' | xargs -0 /usr/bin/python3 tools/lint/coroutines.py; }
# Names the files only: clang-format-19 -i mends them.
lint_format() {
  local files
  files="$(sources '*.cpp' '*.hpp' | xargs -0 -n 20 -P "$(jobs)" clang-format-19 --dry-run 2>&1 |
    sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: .*-Wclang-format.*/clang-format-19 -i \1/p' | sort -u)"
  [ -z "$files" ] || { printf '%s\n' "$files"; return 1; }
}
lint_python() { sources '*.py' bench/run | xargs -0 /usr/bin/python3 -m pyflakes; }
lint_shell() { sources dev .ci/run '*.sh' | xargs -0 shellcheck --external-sources --severity=style; }

# Every header compiles on its own: a target of one generated source for each.
lint_headers() {
  configure dev
  cmake --preset dev >/dev/null &&
    cmake --build build/dev --target self_contained_headers -j "$(jobs)" -- --quiet -k 0
}

# clang-tidy parses Boost anew for each file: those that differ from the shared branch unless --all.
lint_tidy() {
  configure dev
  local base files=()
  base="$(git merge-base HEAD origin/HEAD 2>/dev/null || git merge-base HEAD main 2>/dev/null || true)"
  if [ -n "${LINT_ALL:-}" ] || [ -z "$base" ]; then
    mapfile -d '' files < <(sources 'src/*.cpp' 'apps/*.cpp')
  else
    mapfile -d '' files < <({
      git diff -z --name-only --diff-filter=d "$base" -- 'src/*.cpp' 'apps/*.cpp'
      git ls-files -z --others --exclude-standard -- 'src/*.cpp' 'apps/*.cpp'
    } | sort -zu)
  fi
  [ ${#files[@]} -gt 0 ] || return 0
  # The build's flags and its precompiled header are GCC's.
  printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(jobs)" clang-tidy-19 -p build/dev --quiet \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-gch --extra-arg=-Wno-unused-lambda-capture 2> >(grep -v 'warnings generated\|^Suppressed\|^Use -' >&2)
}

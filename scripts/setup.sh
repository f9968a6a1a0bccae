#!/usr/bin/env bash
# Sets everything up on a fresh machine: Debian packages for real windows, .venv, torch, the package with its tools.
# A second call is quick: it compares a stamp with the files that decide the result. PYTHON=… chooses the interpreter.
# With --packages it only lists the Debian packages.
set -euo pipefail
cd "$(dirname "$0")/.."

WINDOW_PACKAGES="xvfb xauth libgl1 libegl1 libgl1-mesa-dri libfontconfig1 libglib2.0-0 libdbus-1-3 libxkbcommon0
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 fonts-dejavu-core"
CANDIDATES=(python3.11 python3 python3.12 python3.13 python3.14)
[ -z "${PYTHON:-}" ] || CANDIDATES=("$PYTHON")
STAMP=.venv/set-up

say() { printf 'set-up: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in "${CANDIDATES[@]}"; do
    if is_new_enough "$candidate"; then command -v "$candidate"; return; fi
  done
  fail "napari-deconv needs Python 3.11 or newer, but none of ${CANDIDATES[*]} is: install it or name it with PYTHON=…"
}

wanted_stamp() { # what the environment was made from: files, place and packages
  { cat pyproject.toml constraints.txt scripts/setup.sh; pwd; } | cksum
}

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

missing_packages() {
  local each
  for each in "$@"; do
    dpkg-query -W -f '${Status}\n' "$each" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$each"
  done
}

install_packages() { # WHY PACKAGE...: by apt where this is root; else one sentence
  local why=$1 missing log; shift
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    say "$why needs Debian packages that are missing: ask an administrator for 'apt-get install $missing'"
    return 1
  fi
  say "installing Debian packages for $why: $missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086  # a list of package names
  log=$(apt-get update -qq 2>&1 </dev/null && apt-get install -y -qq --no-install-recommends $missing 2>&1 </dev/null) && return 0
  say "apt-get could not install them: $(grep -m 1 '^E:' <<<"$log" || tail -n 1 <<<"$log")"
  return 1
}

install_window_packages() {
  if has_apt; then
    # shellcheck disable=SC2086
    install_packages "real windows" $WINDOW_PACKAGES || say "going on without them: windows may not open"
  elif [ "$(uname)" = Linux ] && ! command -v xvfb-run >/dev/null; then
    say "there is no apt here: without a screen, windows need Xvfb, OpenGL (Mesa) and Qt's xcb libraries from this system's own packages"
  fi
}

make_environment() {
  local python=$1
  rm -rf .venv
  "$python" -m venv .venv >/dev/null 2>&1 && return 0
  rm -rf .venv
  has_apt || fail "$python cannot make a virtual environment (no ensurepip): install Python's venv module"
  install_packages "virtual environments" python3-venv || fail "without python3-venv there is no environment to install into"
  "$python" -m venv .venv || fail "$python cannot make a virtual environment: see the message above"
}

install_project() {
  local pip=(.venv/bin/python -m pip --disable-pip-version-check install -qq)
  say "installing torch (the largest piece) and then the package with its tools into .venv"
  "${pip[@]}" "torch==$(sed -n 's/^torch==//p' constraints.txt)" -c constraints.txt
  "${pip[@]}" -e ".[dev]" -c constraints.txt
}

if [ "${1:-}" = --packages ]; then echo $WINDOW_PACKAGES; exit 0; fi
wanted=$(wanted_stamp)
if [ "$(cat "$STAMP" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
started=$SECONDS
python=$(find_python)
install_window_packages
if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1 || ! is_new_enough .venv/bin/python; then make_environment "$python"; fi
install_project
printf '%s\n' "$wanted" > "$STAMP"
say "done in $((SECONDS - started)) s"

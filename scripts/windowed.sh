#!/usr/bin/env bash
# windowed.sh COMMAND...: runs a command where windows can open: on this screen, else (and always on CI) on a virtual one.
# windowed.sh --has-screen: only says by its exit status whether there is a usable screen.
set -u
cd "$(dirname "$0")/.."

has_screen() {
  [ "$(uname)" = Linux ] || return 0
  [ -n "${WAYLAND_DISPLAY:-}" ] && [ -S "${XDG_RUNTIME_DIR:-/nowhere}/$WAYLAND_DISPLAY" ] && return 0
  [ -n "${DISPLAY:-}" ] || return 1
  .venv/bin/python - <<'PYTHON' 2>/dev/null
import ctypes, sys
x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
sys.exit(not x11.XOpenDisplay(None))
PYTHON
}

if [ "${1:-}" = --has-screen ]; then has_screen; exit; fi
if [ -z "${CI:-}" ] && has_screen; then exec "$@"; fi
if command -v xvfb-run >/dev/null; then
  unset WAYLAND_DISPLAY
  exec xvfb-run -a -s "-screen 0 1400x900x24 +extension GLX" "$@"
fi
echo "There is no screen and no Xvfb here, so nothing that opens a window can run: install xvfb and xauth." >&2
export QT_QPA_PLATFORM=offscreen
exec "$@"

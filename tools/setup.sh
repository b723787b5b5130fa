#!/usr/bin/env bash
# Make the virtual environment from the lock. Usage: tools/setup.sh [folder, default .venv]
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

system_package() { # name, why
    if may_install; then
        apt-get install -y -qq "$1" >/dev/null 2>&1 ||
            { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq "$1" >/dev/null 2>&1; } ||
            say "could not install $1 ($2); install it with your package manager"
    else
        say "$2 needs the system package $1: sudo apt-get install $1"
    fi
}

python=
for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
[ -n "$python" ] || { say "Python 3.11 or newer is needed; set PYTHON to its path"; exit 2; }

if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    system_package python3-venv "a virtual environment"
fi
if ! ldconfig -p 2>/dev/null | grep -q 'libusb-1\.0\.so'; then
    system_package libusb-1.0-0 "open3d"
fi
if ! ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1'; then
    system_package libgomp1 "open3d and parallel kernels"
fi
if ! ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1'; then
    system_package libgl1 "open3d"
fi
if ! ldconfig -p 2>/dev/null | grep -q 'libX11\.so\.6'; then
    system_package libx11-6 "open3d"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check install --quiet"
# torch first and by plain pip, with whatever it needs on this platform; then exactly the lock.
# The lock is complete, so --no-deps: it leaves out torchvision and torchaudio on purpose.
$pip "$(grep -E '^torch==' requirements.lock)"
# A CUDA build of torch brings the Triton that it was built with: that one stays.
keep='^$'
"$venv/bin/python" -c 'import sys, importlib.util as u; sys.exit(u.find_spec("triton") is None)' &&
    keep='^triton=='
grep -v "$keep" requirements.lock >"$venv/lock"
$pip --no-deps -r "$venv/lock"
$pip --no-deps --no-build-isolation -e .
# Kernels are compiled here, once, so that no first call has to wait.
"$venv/bin/neurospike" warmup >&2
say "ready: $venv"

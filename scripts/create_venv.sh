#!/usr/bin/env bash
# Make a virtual environment: create_venv.sh PYTHON FOLDER
# Debian ships Python without the part that does this; root gets it installed, others are told how.
set -euo pipefail
python=$1
folder=$2

if ! command -v "$python" >/dev/null; then
    echo "error: $python is not installed" >&2
    echo "hint: install Python 3.11 or newer, or name it: make PYTHON=python3.12 ..." >&2
    exit 2
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: anymask needs Python 3.11 or newer, $python is $("$python" -V 2>&1)" >&2
    echo "hint: name a newer one: make PYTHON=python3.12 ..." >&2
    exit 2
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing the Debian package python$version-venv"
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends "python$version-venv"
    else
        echo "error: $python cannot make virtual environments" >&2
        echo "hint: install its venv part: sudo apt-get install python$version-venv" >&2
        exit 2
    fi
fi

rm -rf "$folder"
"$python" -m venv "$folder"

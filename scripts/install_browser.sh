#!/usr/bin/env bash
# Make sure that there is a Chromium for the tests of the web page: install_browser.sh
# One that is there is left alone. On Debian root, and whoever may without a password, gets one
# installed; others are told how, and the tests that need it skip with that reason.
set -euo pipefail

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done

as_root=()
may_install=no
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        may_install=yes
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
        may_install=yes
    fi
fi

if [ "$may_install" = yes ]; then
    echo "installing the Debian package chromium, in which the web page is tested"
    if "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends chromium fonts-dejavu-core >/dev/null; then
        exit 0
    fi
    echo "note: chromium could not be installed" >&2
fi

echo "note: the web page is not tested in a browser, for there is no Chromium" >&2
echo "hint: install it: sudo apt-get install chromium (or Google Chrome), then run this again" >&2

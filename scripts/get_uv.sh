#!/bin/sh
# Put uv into the checkout, in .uv/, by way of Python's own venv and pip.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian and Ubuntu keep these in a package of their own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null || exit 1
    else
        echo "Python's venv is missing here. This line installs it:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y python3-venv" >&2
        exit 1
    fi
fi
python3 -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv

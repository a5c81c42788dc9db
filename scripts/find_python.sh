#!/bin/sh
# Print the path of a Python of the version asked for (e.g. 3.13): pyenv's, uv's own or one on PATH. Fails if there is none.
version=$1
uv=$(command -v uv || echo "$(dirname "$0")/../.uv/bin/uv")
for python in \
    "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/python \
    "$(pyenv root 2>/dev/null)/versions/$version"*/bin/python \
    "$("$uv" python find --no-project "$version" 2>/dev/null)"; do
    if [ -x "$python" ] && "$python" -c 'import sys' 2>/dev/null; then
        echo "$python"
        exit 0
    fi
done
exit 1

#!/bin/sh
# The system libraries that headless Blender draws with. As root on Debian or Ubuntu, install what is missing, and the
# command `ip`, with which root's tests of the server make a second machine; elsewhere on Linux, print the line that does.
# macOS needs none.
[ "$(uname -s)" = Linux ] || exit 0

packages="libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri libxkbcommon0 libsm6 libxi6 libxxf86vm1 libxfixes3 libxrender1"
[ "$(id -u)" != 0 ] || packages="$packages iproute2"

if ! command -v dpkg-query >/dev/null; then
    missing=""
    for library in libEGL.so.1 libGL.so.1 libxkbcommon.so.0 libSM.so.6 libXi.so.6 libXxf86vm.so.1 libXfixes.so.3 libXrender.so.1; do
        ldconfig -p 2>/dev/null | grep -q "$library" || missing="$missing $library"
    done
    [ -z "$missing" ] || echo "Headless Blender also needs, from your system's packages:$missing"
    exit 0
fi

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    echo "Installing the system packages that headless Blender and the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null && exit 0
    echo "They could not be installed. Try: apt-get update && apt-get install$missing" >&2
    exit 1
fi
echo "Headless Blender needs system libraries that are missing here. This line installs them:" >&2
echo "  sudo apt-get update && sudo apt-get install -y$missing" >&2
exit 1

#!/bin/sh
# Make or update .venv-models: the locked packages with PyTorch. By pip, not uv: pip also looks where this machine's own
# configuration says that wheels are kept (a mirror, a folder of wheels, a CPU-only build of PyTorch).
set -e
uv=$1
wanted=$("$uv" export --quiet --locked --extra models --group blender --python 3.11 --no-hashes --no-annotate --no-header \
    --no-emit-project --prune torch)
torch=$("$uv" export --quiet --locked --extra models --no-dev --no-hashes --no-annotate --no-header --no-emit-project |
    grep '^torch==')
state=.venv-models/installed.txt
[ "$(cat $state 2>/dev/null)" = "$torch
$wanted" ] && exit 0
echo "Installing PyTorch and the networks' packages into .venv-models (once)"
"$uv" run --locked --group blender python -m venv --clear .venv-models
requirements=.venv-models/requirements.txt
printf '%s\n%s\n' "$torch" "$wanted" >$requirements
.venv-models/bin/python -m pip install --quiet --disable-pip-version-check -r $requirements
cp $requirements $state

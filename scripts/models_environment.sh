#!/bin/sh
# Make or update .venv-models: the locked packages by uv, with their hashes; PyTorch by pip, which also looks where this
# machine's own configuration says that wheels are kept (a mirror, a folder, a CPU-only build).
set -e
uv=$1
python=.venv-models/bin/python
locked() {
    "$uv" export --quiet --locked --extra models --extra deepspeed --python 3.11 --no-annotate --no-header --no-emit-project "$@"
}
torch=$(locked --no-dev --no-hashes | grep '^torch==')
packages=$(locked --group blender --prune torch)
wanted="$torch
$packages"
[ "$(cat .venv-models/installed.txt 2>/dev/null)" = "$wanted" ] && exit 0

echo "Installing PyTorch and the networks' packages into .venv-models (once)"
"$uv" venv --quiet --clear --seed --python 3.11 .venv-models
echo "$packages" >.venv-models/requirements.txt
"$uv" pip install --quiet --python $python --no-deps --require-hashes -r .venv-models/requirements.txt
$python -m pip install --quiet --disable-pip-version-check "$torch"
echo "$wanted" >.venv-models/installed.txt

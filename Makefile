# Two commands do everything, their own set-up included: `make demo` and `make test`.
# The README gives the plain `uv run` lines for machines without make.

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --locked --group blender
TORCH_TESTS := tests/server/diffusion tests/server/model tests/server/published tests/server/bench tests/server/geometry/test_torch_*.py \
	tests/server/geometry/test_published_geometry.py tests/server/depth/test_predictors.py tests/server/depth/test_depth_weights.py \
	tests/server/engines/realcam tests/server/engines/vace tests/server/engines/wan_i2v tests/server/engines/sana_wm tests/server/engines/pipelines \
	tests/server/evaluation/test_frechet.py tests/server/training tests/e2e/test_whole_shot.py \
	tests/blender_addon/ui/engines/test_pipeline_takes.py
# Of these, what needs no PyTorch and takes a while: test-core runs it.
WITHOUT_TORCH := tests/server/training/worlds tests/server/bench/test_fill_truth.py tests/server/bench/test_bench_layouts.py
# Three at a time on two cores, a file of tests on one worker: half of them wait for servers, the rest for Blender.
PYTEST := python -m pytest -n 3 --dist loadfile
# So each has one thread for its arithmetic.
test-core test-blender-5.2 test-models: export OMP_NUM_THREADS := 1
# Containers often set this; each of the hundreds of processes that the tests start would then compile its imports anew.
export PYTHONDONTWRITEBYTECODE :=
# Blender 5.2 needs Python 3.13: uv's own or a pyenv one, when this machine has it.
PYTHON313 := scripts/find_python.sh 3.13
RUN313 = UV_PROJECT_ENVIRONMENT=.venv313 $(UV) run --locked --group blender --python "$$python"

CLUSTER_ENVIRONMENT = UV_PROJECT_ENVIRONMENT=.venv-cluster $(UV) sync --quiet --locked --extra cluster --group blender \
	--compile-bytecode --python 3.11

# The property tests draw this many times as many examples, other ones each time.
FUZZ := 20
FUZZ_TESTS = REALCAM_FUZZ=$(FUZZ) OMP_NUM_THREADS=1

.PHONY: help demo test test-suites lint test-core test-blender-5.2 test-models models-environment test-cluster test-slow fuzz bench addon repository version release setup clean

help:
	@echo "make demo   the whole shot: a photo becomes a clip on Blender's timeline, in out/demo/"
	@echo "make test   ruff, mypy, hadolint and every test: the networks', and Blender's under 4.5 and, where Python 3.13 is found, 5.2"
	@echo "make test-models   the networks' tests alone; they bring PyTorch, some 7 GB with its CUDA libraries"
	@echo "make test-cluster   the tests on a Ray cluster of this machine; they bring Ray, some 300 MB"
	@echo "make test-slow   the tests that take minutes each or gigabytes of memory, which make test leaves out; before a release"
	@echo "make fuzz   the property tests with examples drawn at random, 20 times as many (FUZZ=N: N times); before a release"
	@echo "make bench  how fast the parts are on this machine"
	@echo "make addon  the installable extension for each platform and the server's wheel, in dist/"
	@echo "make repository [URL=https://...]   an extension repository in dist/repository/, to be hosted as plain files, from which Blender updates"
	@echo "make version NUMBER=0.2.0   the next version's number in every place, and its section of the changelog"
	@echo "make release [TESTED=commit]   checks, make test unless TESTED is the commit that passed it, and everything that is handed out, in dist/"

demo: setup
	$(RUN) --no-dev realcam demo --out out/demo

test: lint test-suites

test-suites: test-core test-blender-5.2 test-models

lint: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) hadolint --failure-threshold style Dockerfile
	$(RUN) check-jsonschema --builtin-schema vendor.compose-spec compose.yaml compose.cuda.yaml

test-core: setup
	$(RUN) $(PYTEST)

# With tests/blender_addon/core, which needs no Blender: 5.2 brings another Python and NumPy 2, and it takes half a minute.
test-blender-5.2: setup
	@python=$$($(PYTHON313)) || { echo "Not run: the add-on's tests under Blender 5.2, no Python 3.13 was found here."; exit 0; }; \
	echo "The add-on's tests again, under Blender 5.2 ($$python)"; \
	$(RUN313) $(PYTEST) tests/blender_addon tests/compatibility/test_old_blend.py tests/e2e/test_whole_shot.py tests/e2e/test_installed_shot.py

test-models: models-environment
	.venv-models/bin/$(PYTEST) $(TORCH_TESTS) $(addprefix --ignore=,$(WITHOUT_TORCH)) -k "not draft"

models-environment: setup
	@scripts/models_environment.sh $(UV)

# One after the other: each has a cluster of several nodes. With compiled bytecode, as every process of a node imports Ray.
test-cluster: setup
	@$(CLUSTER_ENVIRONMENT)
	.venv-cluster/bin/python -m pytest tests/server/cluster

# One after the other: some take most of a machine's memory. Those on a cluster cut a network, as root alone can.
test-slow: models-environment
	$(RUN) python -m pytest -m slow
	.venv-models/bin/python -m pytest -m slow tests/server $(filter-out tests/server/%,$(TORCH_TESTS))
	@$(CLUSTER_ENVIRONMENT)
	.venv-cluster/bin/python -m pytest -m slow tests/server/cluster/on_ray

fuzz: models-environment
	$(FUZZ_TESTS) $(RUN) $(PYTEST) -m hypothesis --timeout 0
	$(FUZZ_TESTS) .venv-models/bin/$(PYTEST) -m hypothesis --timeout 0 $(TORCH_TESTS)

bench: setup
	$(RUN) realcam bench

addon: setup
	$(RUN) python build_addon.py

repository: addon
	$(RUN) python -m release.repository $(if $(URL),--url "$(URL)")

version: setup
	$(RUN) python -m release.numbers $(NUMBER)

release: setup
	$(RUN) python -m release.make_release --check
	@test "$$(git rev-parse HEAD)" = "$$(git rev-parse "$(or $(TESTED),HEAD^)")" || $(MAKE) test
	$(RUN) python -m release.make_release

setup: $(UV)
	@scripts/system_libraries.sh

.uv/bin/uv:
	scripts/get_uv.sh

clean:
	rm -rf .venv .venv313 .venv-models .venv-cluster .uv build dist out

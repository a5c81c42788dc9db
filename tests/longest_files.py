"""The files of tests that take longest, 20 seconds and more on two cores.

Where several files run at once they are begun first: one that is begun last runs alone at the end.
"""

from __future__ import annotations

from pathlib import Path

LONGEST = {
    Path(__file__).parent / name
    for name in (
        "blender_addon/ui/check/test_check_camera.py",
        "blender_addon/ui/engines/test_pipeline_takes.py",
        "blender_addon/ui/engines/test_several_engines.py",
        "campaigns/test_short_campaigns.py",
        "e2e/test_installed_shot.py",
        "e2e/test_killed_server.py",
        "e2e/test_whole_shot.py",
        "server/bench/test_acceptance.py",
        "server/engines/pipelines/test_in_a_server.py",
        "server/engines/realcam/test_engine.py",
        "server/engines/realcam/test_resume.py",
        "server/service/workers/test_closed_lid.py",
        "server/service/workers/test_failures.py",
        "server/terminal/test_generate.py",
        "server/training/nano/test_nano_product.py",
        "server/training/nano/test_nano_trains.py",
        "server/training/test_train_command.py",
        "server/training/test_two_processes.py",
        "test_examples.py",
    )
}

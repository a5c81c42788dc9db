"""What an operator's methods return to Blender."""

from __future__ import annotations

OperatorResult = set[str]
"""{"FINISHED"}, {"CANCELLED"}, {"RUNNING_MODAL"} or {"PASS_THROUGH"}."""

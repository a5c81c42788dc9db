"""The preview held by a scheduler: for networks that take neither mask nor camera, and beside those that do."""

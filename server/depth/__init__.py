"""Photo to metric depth and intrinsics: the predictors, photo and depth files, and cleaning at the photo's size."""

"""`realcam weights`: the weights of every engine, and of depth predictors."""

"""An engine tried on known scenes by somebody who has a card and the weights, for a folder that they send back."""

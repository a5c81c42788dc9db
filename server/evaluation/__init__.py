"""Camera accuracy of clips, measured from their frames alone, agreement with the preview, FVD, and reports."""

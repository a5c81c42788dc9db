"""What is handed out, and how it is made: the server's wheel, the manual, the extension repository, a release."""

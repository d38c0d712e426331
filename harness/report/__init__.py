"""Reports for the terminal: tables and advice."""

"""What happened to every candidate and row, as data, as a page, and as the published dataset's card."""

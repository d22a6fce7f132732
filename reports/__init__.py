"""What we tell people: records in, a terminal report, one HTML page and one Markdown file out."""

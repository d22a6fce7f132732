"""What we tell people: records in; a terminal report, an HTML page, a Markdown file and kept pages out."""

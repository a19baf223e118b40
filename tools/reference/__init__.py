"""The generated reference, and the MkDocs hooks of the site."""

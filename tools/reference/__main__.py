"""`python -m tools.reference`: write the generated part of each reference page, to be checked in."""

from tools.reference.pages import generated

for path, text in generated().items():
    path.write_text(text, encoding="utf-8")

"""`python -m dashboards`: write what is generated, to be checked in."""

from dashboards.generating import generated

for path, text in generated().items():
    path.write_text(text, encoding="utf-8")

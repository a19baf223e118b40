"""`python -m provider`: the same as `traefik-canary`."""

from provider.cli import main

main()

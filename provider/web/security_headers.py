"""The headers that every answer carries, whoever gives it: for Traefik, for machines, or for people."""

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

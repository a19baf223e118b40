"""traefik-canary: the HTTP provider that tells Traefik where a canary's traffic goes."""

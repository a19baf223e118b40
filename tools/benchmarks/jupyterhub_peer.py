"""jupyterhub-traefik-proxy on Redis; lines on stdin name routes to add. `tools.benchmarks.adding` runs it separately.

Of each line it reads a host and adds a route to the target; it writes `live HOST` when its own `add_route` returns,
which asks Traefik's API until router and service are there. It starts the Traefik on the path, without throttle.
"""

import argparse
import asyncio
import sys

from jupyterhub_traefik_proxy.redis import TraefikRedisProxy


async def serve(options: argparse.Namespace) -> None:
    """Start the proxy, and add routes until the input ends."""
    certificate = {"certFile": f"{options.certificate}/default.crt", "keyFile": f"{options.certificate}/default.key"}
    proxy = TraefikRedisProxy(
        public_url=f"http://127.0.0.1:{options.port}",
        traefik_api_url=f"http://127.0.0.1:{options.api_port}",
        redis_url=options.redis,
        static_config_file=f"{options.directory}/traefik.toml",
        should_start=True,
        # Else Traefik makes an RSA key at every change, about 100 ms.
        extra_dynamic_config={"tls": {"stores": {"default": {"defaultCertificate": certificate}}}},
    )
    await proxy.start()
    say("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        host = line.strip()
        await proxy.add_route(f"{host}/", options.target, {})
        say(f"live {host}")
    await proxy.stop()


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "api-port", "redis", "directory", "certificate", "target"):
        parser.add_argument(f"--{name}", required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

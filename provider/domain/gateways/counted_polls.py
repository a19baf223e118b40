"""Which polls prove something of a gateway: anybody may poll without a token, under any name. Pure."""

from collections.abc import Collection, Sequence

from provider.domain.gateways.gateway import DEFAULT_GATEWAY, Sighting


def counted(sightings: Sequence[Sighting], *, named: Collection[str]) -> Sequence[Sighting]:
    """Return the sightings that count.

    A poll with a token always counts. A poll without one counts only under the default name or a name that somebody
    registered (`named`), and not where the gateway also polls with a token.
    """
    authenticated = {sighting.gateway for sighting in sightings if sighting.is_authenticated}
    open_to_all = ({DEFAULT_GATEWAY} | set(named)) - authenticated
    return [one for one in sightings if one.is_authenticated or one.gateway in open_to_all]

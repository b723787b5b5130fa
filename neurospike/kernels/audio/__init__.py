"""Sound on the auditory nerve: basilar membrane, hair cells, nerve fibres, bushy cells."""

__all__: list[str] = []

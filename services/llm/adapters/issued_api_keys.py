"""API keys from the administration, and beside them those of the settings."""

from collections.abc import Callable
from datetime import datetime

from services.llm.adapters.settings_api_keys import SettingsApiKeys
from services.llm.domain.administration import Administration
from services.llm.domain.api_key import KeyHolder


class IssuedApiKeys:
    """An `ApiKeys`."""

    def __init__(
        self, administration: Administration, settings: SettingsApiKeys, wall_clock: Callable[[], datetime]
    ) -> None:
        """Take what is known of issued keys, the keys of the settings, and the time of day for keys that expire."""
        self._administration = administration
        self._settings = settings
        self._wall_clock = wall_clock

    def find(self, secret: str) -> KeyHolder | None:
        """Return whom the key stands for."""
        return self._administration.holder(secret, self._wall_clock()) or self._settings.find(secret)

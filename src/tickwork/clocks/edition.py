"""An edition of the zone data: a folder of compiled zone files with a version, as the ``tzdata`` package brings it.

There is one edition in use per process, the installed package's (:data:`INSTALLED`): two clocks that disagree about
Berlin must not live side by side. Another one can be read beside it by handing it in, to compare two releases before or
after an upgrade (:mod:`tickwork.clocks.zonechange`), and for nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tickwork.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_VERSION = re.compile(r"""^IANA_VERSION = ["'](\w+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Edition:
    """The zone data in one folder; ``None`` is the ``tzdata`` package that this process would import."""

    folder: Path | None = None

    @classmethod
    def at(cls, folder: str | Path) -> Edition:
        """Open the edition that ``pip install --target FOLDER tzdata==...`` has put there.

        Raises ConfigurationError where there is none.

        >>> Edition.at("/nowhere")
        Traceback (most recent call last):
        tickwork.errors.ConfigurationError: tzdata: '/nowhere' is not allowed; expected a folder with the tzdata package in it
        """
        place = Path(folder)
        if not (place / "tzdata" / "zoneinfo").is_dir():
            raise ConfigurationError("tzdata", str(folder), "a folder with the tzdata package in it")
        return cls(place / "tzdata")

    def version(self) -> str:
        """Return the release: ``2026f``."""
        return _version(self)

    def names(self) -> frozenset[str]:
        """Return every IANA name that this edition has."""
        return _names(self)

    def read(self, name: str) -> bytes:
        """Return the compiled file of a zone; raises LookupError for a name that this edition does not have."""
        if name not in _names(self):
            raise LookupError(name)
        return self._place().joinpath("zoneinfo", *name.split("/")).read_bytes()

    def text(self, name: str) -> str:
        """Return a text file of the package."""
        return self._place().joinpath(name).read_text(encoding="utf-8")

    def _place(self) -> Traversable:
        if self.folder is not None:
            return self.folder
        from importlib import resources  # 10 ms, for those who need a zone that is not UTC

        return resources.files("tzdata")


#: What this process goes by.
INSTALLED = Edition()


@cache
def _version(edition: Edition) -> str:
    found = _VERSION.search(edition.text("__init__.py"))
    if found is None:
        raise ConfigurationError("tzdata", str(edition.folder), "a package that names its IANA_VERSION")
    return found[1]


@cache
def _names(edition: Edition) -> frozenset[str]:
    return frozenset(edition.text("zones").split())

"""The manifest of a bulk export, whatever its version: 2.0/3.0 (STU3) and the 4.0 ballot."""

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from analytics.errors import ExportError

TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")  # becomes a folder name, so nothing else is let in
MIXED = "Mixed"  # stands for the type of files with several, which organizeOutputBy asks for


@dataclass(frozen=True)
class ServerFile:
    """One file that the server offers. `count` is None when it says none (0 is a count)."""

    index: int  # position over all pages: its name with us
    kind: str  # output | deleted | error
    type: str
    url: str
    count: int | None
    needs_token: bool


@dataclass
class Manifest:
    """All pages of a manifest together."""

    transaction_time: str = ""
    request: str = ""
    files: list[ServerFile] = field(default_factory=list)

    @classmethod
    def from_pages(cls, pages: list[dict[str, Any]]) -> "Manifest":
        """Raises ExportError for something that is no manifest."""
        manifest, seen = cls(), set[tuple[str, str]]()
        for page in pages:
            manifest._add(page, seen)
        return manifest

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Manifest":
        """What `to_state` gave."""
        return cls(state["transaction_time"], state["request"], [ServerFile(**file) for file in state["files"]])

    def to_state(self) -> dict[str, Any]:
        return asdict(self)

    def relinked(self, new: "Manifest") -> "Manifest | None":
        """This manifest with the links of a newer one of the same job; None where it offers other files.

        A file is known by its address without the query, which is where signatures change; where addresses changed as
        a whole, by its place in the list.
        """
        if self.transaction_time != new.transaction_time or len(self.files) != len(new.files):
            return None
        by_address = {(file.kind, _address(file.url)): file for file in new.files}
        found = [by_address.get((file.kind, _address(file.url))) for file in self.files]
        named = len(by_address) == len(new.files) and None not in found
        pairs = [(old, file) for old, file in zip(self.files, found if named else new.files, strict=True) if file]
        if any((old.kind, old.type, old.count) != (file.kind, file.type, file.count) for old, file in pairs):
            return None
        files = [replace(old, url=file.url, needs_token=file.needs_token) for old, file in pairs]
        return Manifest(self.transaction_time, self.request, files)

    def _add(self, page: dict[str, Any], seen: set[tuple[str, str]]) -> None:
        time = page.get("transactionTime")
        if not isinstance(time, str):
            raise ExportError("The EHR's manifest has no transactionTime.", "Report it to the EHR.")
        self.transaction_time = self.transaction_time or time
        self.request = self.request or str(page.get("request") or "")  # the 4.0 ballot has no `request`
        needs_token = page.get("requiresAccessToken") is not False
        usual = {"deleted": "Bundle", "error": "OperationOutcome"}
        if page.get("outputOrganizedBy"):
            usual["output"] = MIXED  # then `type` may be missing
        for kind, items in (("output", listed(page, "output")), ("deleted", listed(page, "deleted")),
                            ("error", error_files(page))):
            for item in items:
                self._add_file(kind, item, usual.get(kind), needs_token, seen)

    def and_also(self, other: "Manifest") -> "Manifest":
        """Both, as one export: the time and request of this one, the files of the other behind its own."""
        more = [replace(file, index=len(self.files) + file.index) for file in other.files]
        return Manifest(self.transaction_time, self.request, [*self.files, *more])

    def _add_file(self, kind: str, item: Any, usual: str | None, needs_token: bool,
                  seen: set[tuple[str, str]]) -> None:
        url, type_name = (item.get("url"), item.get("type")) if isinstance(item, dict) else (None, None)
        type_name = type_name or usual
        if not isinstance(url, str) or not isinstance(type_name, str) or not TYPE_NAME.fullmatch(type_name):
            raise ExportError(f"The EHR's manifest has an entry in `{kind}` without a usable url and type.",
                              "Report it to the EHR.")
        count = item.get("count")
        count = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
        if (kind, url) in seen:
            return  # pages of one manifest repeat its `error`, and some servers name a file twice
        seen.add((kind, url))
        self.files.append(ServerFile(len(self.files), kind, type_name, url, count, needs_token))


def _address(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def counted(files: list[ServerFile]) -> int | None:
    """How many lines the files have together, None where the EHR does not say so of all."""
    counts = [file.count for file in files]
    return None if None in counts else sum(count for count in counts if count is not None)


def error_files(page: dict[str, Any]) -> list[Any]:
    """Entries of `error`, which the 4.0 ballot calls `outcome`."""
    return [item for key in ("error", "outcome") for item in listed(page, key)]


def listed(page: dict[str, Any], key: str) -> list[Any]:
    """A list of the manifest, empty where it is missing. Raises ExportError for anything else: nobody knows its files.
    """
    found = page.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ExportError(f"The EHR's manifest has something else than a list as `{key}`.", "Report it to the EHR.")
    return found


def next_page(page: dict[str, Any]) -> str | None:
    """URL of the next page, None on the last."""
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None

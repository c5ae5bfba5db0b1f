"""Versions of what the daemon runs on, by content and signed: the files of each are kept, and which one to use instead of the site's own; decides nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from plant_models.site.topology import Site

MANIFEST: Final = "manifest.json"
CHOICE: Final = "chosen.json"
KINDS: Final = ("model", "configuration")
PUBLIC_KEY: Final = "key.pub"


class VersionError(Exception):
    """A version that is not there or is not what was signed; the message names the file."""


@dataclass(frozen=True)
class Choice:
    """Versions to run on, by kind, and the site's own ones that they stand for: changed files of the site end a choice."""

    use: Mapping[str, str] = field(default_factory=dict)
    instead_of: Mapping[str, str] = field(default_factory=dict)


def files_of(site: Site) -> dict[str, dict[str, bytes]]:
    """Returns the files of a site's own model and configuration, by kind and name; a site without a model has none of that kind."""
    model = site.directory / site.optimiser.model
    kinds = {"configuration": [site.directory / "site.toml", site.directory / "points.csv"], "model": [model] if model.is_file() else []}
    return {kind: {path.name: path.read_bytes() for path in paths} for kind, paths in kinds.items() if paths}


def digest_of(files: Mapping[str, bytes]) -> str:
    """Returns the SHA-256 of files and their names."""
    return hashlib.sha256(json.dumps({n: hashlib.sha256(b).hexdigest() for n, b in sorted(files.items())}).encode()).hexdigest()


class Versions:
    """The versions kept in one directory, with the key that signs them; the key is made at the first use and readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        """Opens the directory or makes it. Raises VersionError where the key cannot be used."""
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "key"
        try:
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            self._key = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
            if not (directory / PUBLIC_KEY).exists():
                (directory / PUBLIC_KEY).write_text(self._key.public_key().public_bytes_raw().hex())
        except (OSError, ValueError) as error:
            raise VersionError(f"{path}: {error}; an Ed25519 key of 32 bytes is needed") from error

    def seal(self, text: str) -> str:
        """Returns the gateway's signature of a text, in hexadecimal; whoever has the public key beside the versions can check it."""
        return self._key.sign(text.encode()).hex()

    def keep(self, kind: str, files: Mapping[str, bytes]) -> str:
        """Keeps a version unless it is kept already, and returns its digest."""
        digest = digest_of(files)
        folder = self._directory / kind / digest
        if not (folder / MANIFEST).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
            self._sign(folder / MANIFEST, {"kind": kind, "digest": digest, "files": sorted(files)})
        return digest

    def folder(self, kind: str, digest: str) -> Path:
        """Returns the folder of a version.

        Raises VersionError where it is not kept, its manifest is not signed by our key, or a file is not what it was.
        """
        folder = self._directory / kind / digest
        manifest = self._signed(folder / MANIFEST)
        if (manifest.get("kind"), manifest.get("digest")) != (kind, digest):
            raise VersionError(f"{folder / MANIFEST}: it is of {manifest.get('kind')} {manifest.get('digest')}, not of {kind} {digest}")
        try:
            found = digest_of({name: (folder / name).read_bytes() for name in manifest["files"]})
        except OSError as error:
            raise VersionError(f"{folder}: {error}") from error
        if found != digest:
            raise VersionError(f"{folder}: its files were changed: digest {found[:12]}, signed is {digest[:12]}")
        return folder

    def kept(self, kind: str, start: str) -> str:
        """Returns the digest that begins with ``start``. Raises VersionError where there is none, or more than one."""
        found = sorted(p.name for p in (self._directory / kind).glob(f"{start}*")) if start else []
        if len(found) != 1:
            raise VersionError(f"{kind} {start!r}: {len(found)} kept versions begin so; needed is one")
        return found[0]

    def chosen(self) -> Choice:
        """Returns what is chosen instead of the site's own files. Raises VersionError where that was not signed by our key."""
        path = self._directory / CHOICE
        return Choice(**self._signed(path)) if path.exists() else Choice()

    def choose(self, choice: Choice) -> None:
        """Chooses versions from the next start on; each must be kept and whole."""
        for kind, digest in choice.use.items():
            self.folder(kind, digest)
        self._sign(self._directory / CHOICE, asdict(choice))

    def write_signed(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes a signed file of the directory, whole or not at all."""
        self._sign(self._directory / name, content)

    def read_signed(self, name: str) -> dict[str, Any] | None:
        """Returns what a signed file of the directory says, None where it does not exist. Raises VersionError where our key did not sign it."""
        path = self._directory / name
        return self._signed(path) if path.exists() else None

    def _sign(self, path: Path, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, sort_keys=True)
        signed = {"content": text, "signature": self.seal(text)}
        new = path.with_suffix(".new")
        new.write_text(json.dumps(signed))
        new.replace(path)

    def _signed(self, path: Path) -> dict[str, Any]:
        try:
            signed = json.loads(path.read_text())
            self._key.public_key().verify(bytes.fromhex(signed["signature"]), signed["content"].encode())
            content: dict[str, Any] = json.loads(signed["content"])
        except (OSError, ValueError, KeyError, TypeError, InvalidSignature) as error:
            raise VersionError(f"{path}: not signed by this gateway's key: {error or 'the signature does not fit'}") from error
        return content


def public_key(directory: Path) -> Ed25519PublicKey | None:
    """Returns the key that checks what a gateway's versions and audit are signed with; None where there is none. Raises VersionError."""
    path = directory / PUBLIC_KEY
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(path.read_text())) if path.exists() else None
    except (OSError, ValueError) as error:
        raise VersionError(f"{path}: {error}; an Ed25519 public key of 32 bytes is needed") from error


@dataclass(frozen=True)
class Start:
    """What a start runs on: the directory to read the site from, the environment that points at another model, and the digests in use and of
    the site's own files, by kind."""

    directory: Path
    environ: Mapping[str, str]
    use: Mapping[str, str]
    own: Mapping[str, str]


def start_of(own: Site, environ: Mapping[str, str], versions: Versions) -> Start:
    """Keeps the site's own files as versions and returns what to start with: those, or what was chosen instead and still stands for them.

    Raises VersionError where a chosen version is not whole.
    """
    ours = {kind: versions.keep(kind, files) for kind, files in files_of(own).items()}
    choice = versions.chosen()
    if not choice.use or choice.instead_of != ours:
        return Start(own.directory, environ, ours, ours)
    use = {**ours, **choice.use}
    folders = {kind: versions.folder(kind, digest) for kind, digest in use.items()}
    model = {"COLDAISLE_OPTIMISER__MODEL": str((folders["model"] / own.optimiser.model.name).resolve())} if "model" in folders else {}
    directory = folders["configuration"] if "configuration" in choice.use else own.directory
    return Start(directory, {**environ, **model}, use, ours)

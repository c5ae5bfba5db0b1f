"""Certificates on disk: made once, kept to ourselves, judged, and told of before they end."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controller.fieldbus.opcua_security import Keys, Refused
from tests.controller.fieldbus.opcua_server import Certificate


@pytest.fixture(scope="module")
def good() -> Certificate:
    return Certificate()


def test_the_own_certificate_is_made_once_and_the_key_is_ours_alone(tmp_path: Path) -> None:
    first, second = Keys(tmp_path / "opcua").own(), Keys(tmp_path / "opcua").own()
    assert (first.certificate, first.key) == (second.certificate, second.key)
    assert stat.S_IMODE((tmp_path / "opcua" / "own" / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "opcua" / "own").stat().st_mode) == 0o700
    assert first.application_uri.endswith(":coldaisle")
    assert first.ends > datetime.now(UTC) + timedelta(days=4 * 365)


def test_a_key_that_does_not_fit_is_said(tmp_path: Path) -> None:
    Keys(tmp_path).own()
    (tmp_path / "own" / "key.pem").write_bytes(Certificate().pem)
    with pytest.raises(Refused, match="does not belong to"):
        Keys(tmp_path).own()
    (tmp_path / "own" / "key.pem").write_text("no key")
    with pytest.raises(Refused, match="own certificate in"):
        Keys(tmp_path).own()


def test_the_end_of_the_own_certificate_is_told_thirty_days_before(tmp_path: Path) -> None:
    keys, now = Keys(tmp_path), datetime(2026, 1, 1, tzinfo=UTC)
    assert keys.ending("ours", now + timedelta(days=30, seconds=1), now) == ""
    assert keys.ending("ours", now + timedelta(days=30), now) == "ours expires on 2026-01-31, in 30 days"
    assert keys.ending("ours", now - timedelta(days=2), now) == "ours expired on 2025-12-30"


def test_strangers_do_not_fill_the_disk(tmp_path: Path) -> None:
    keys, key = Keys(tmp_path), Certificate().key
    for number in range(53):
        with pytest.raises(Refused):
            keys.judge(Certificate(uri=f"urn:stranger:{number}", key=key).loaded, None, "opc.tcp://host:4840/")
    assert len(list(keys.rejected.iterdir())) == 50


def test_a_file_that_is_no_certificate_trusts_nobody_and_is_told(tmp_path: Path, good: Certificate) -> None:
    keys = Keys(tmp_path)
    keys.trusted.mkdir()
    (keys.trusted / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n")
    with capture_logs() as logs, pytest.raises(Refused, match="is not trusted"):
        keys.judge(good.loaded, None, "opc.tcp://host:4840/")
    assert [entry["event"] for entry in logs] == ["opcua_certificate_unreadable"]

"""The keys of the marks: who may read them, and what their certificates say."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.synthetic.keys import MarkKeys, make_keys, watermark_key


def test_only_their_owner_reads_them_and_nothing_overwrites_them(project: Project) -> None:
    assert MarkKeys.of(project) is None
    assert watermark_key(project) == b""
    keys = make_keys(project)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in project.marks.iterdir()}
    assert stat.S_IMODE(project.marks.stat().st_mode) == 0o700
    assert (modes["private.pem"], modes["watermark.key"]) == (0o600, 0o600)
    assert MarkKeys.of(project) == keys
    assert watermark_key(project) == keys.watermark
    with pytest.raises(BadInputError, match="move the folder away"):
        make_keys(project)
    assert MarkKeys.of(project) == keys
    assert [file.name for file in project.state.iterdir()] == ["marks"]
    assert keys.private.decode() not in repr(keys)
    assert keys.watermark.hex() not in repr(keys)


def test_two_projects_have_keys_of_their_own(project: Project, tmp_path: Path) -> None:
    other = make_keys(Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "other")}))
    keys = make_keys(project)
    assert keys.watermark_id != other.watermark_id
    assert keys.fingerprint != other.fingerprint


def test_the_certificates_are_as_c2pa_asks_for(project: Project) -> None:
    keys = make_keys(project)
    leaf, anchor = x509.load_pem_x509_certificates(keys.chain.encode())
    assert anchor == x509.load_pem_x509_certificate(keys.anchor.encode())
    leaf.verify_directly_issued_by(anchor)
    assert leaf.version is x509.Version.v3
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    own = anchor.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier == own.digest
    private = load_pem_private_key(keys.private, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.public_key() == leaf.public_key()


@pytest.mark.parametrize("text", ["", "zz", "abcd"])
def test_damaged_keys_are_named(project: Project, text: str) -> None:
    make_keys(project)
    (project.marks / "watermark.key").write_text(text)
    with pytest.raises(BadInputError, match=r"marks cannot be read .*`medloom marks init`"):
        MarkKeys.of(project)

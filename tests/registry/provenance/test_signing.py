"""What is signed and what is changed: each way of tampering is refused by name."""

import base64
import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from refusing import refused, run
from released import Released

from stemma.registry.provenance import keys as key_files
from stemma.registry.provenance import signing
from stemma.registry.trust import RefusedError


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a key pair as openssl does; return the private and the public file."""
    private = ec.generate_private_key(ec.SECP256R1())
    own, public = folder / f"{name}.pem", folder / f"{name}.pub"
    pem = serialization.Encoding.PEM
    form, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    own.write_bytes(private.private_bytes(pem, form, none))
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(private.public_key().public_bytes(pem, info))
    return own, public


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a model."""
    folder = tmp_path / "lm"
    (folder / "more").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "README.md", "more/notes.txt"):
        (folder / name).write_text(f"the bytes of {name}")
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_key(tmp_path, "release")


def test_what_was_signed_holds(model: Path, keys: tuple[Path, Path]):
    bundle = signing.sign(model, keys[0])
    assert signing.check(model, bundle, [keys[1]]) == key_files.id_of(keys[1])
    assert not (model / "model.sig").exists() and len([*model.rglob("*")]) == 5


def swap(folder: Path) -> None:
    one, other = folder / "config.json", folder / "README.md"
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)


TAMPERING: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of the weights": (
        lambda folder: (folder / "model.safetensors").write_text("the bytes of model.safetensorz"),
        "model.safetensors has other bytes",
    ),
    "the configuration": (
        lambda folder: (folder / "config.json").write_text("{}"),
        "config.json has other bytes",
    ),
    "the card": (lambda folder: (folder / "README.md").write_text(""), "README.md has other bytes"),
    "a file added": (lambda folder: (folder / "a.py").write_text(""), "a.py is too many"),
    "a shard added": (
        lambda folder: (folder / "model-2.safetensors").write_text(""),
        "model-2.safetensors is too many",
    ),
    "a file removed": (lambda folder: (folder / "README.md").unlink(), "README.md is missing"),
    "a file renamed": (
        lambda folder: (folder / "README.md").rename(folder / "readme.md"),
        "README.md is missing; readme.md is too many",
    ),
    "two files swapped": (swap, "README.md has other bytes; config.json has other bytes"),
    "a file below": (
        lambda folder: (folder / "more/notes.txt").write_text(""),
        "more/notes.txt has other bytes",
    ),
    "a link in place of a file": (
        lambda folder: (
            (folder / "README.md").rename(folder.parent / "R"),
            (folder / "README.md").symlink_to(folder.parent / "R"),
        ),
        "README.md is a symbolic link",
    ),
    "a file that the signer skips": (
        lambda folder: (folder / ".gitattributes").write_text(""),
        ".gitattributes is too many",
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampered_files_are_named(model: Path, keys: tuple[Path, Path], how: str):
    change, said = TAMPERING[how]
    bundle = signing.sign(model, keys[0])
    change(model)
    with pytest.raises(RefusedError, match="its files are not those that") as caught:
        signing.check(model, bundle, [keys[1]])
    assert said in caught.value.message


def test_a_foreign_key(model: Path, keys: tuple[Path, Path], tmp_path: Path):
    own, public = make_key(tmp_path, "foreign")
    bundle = signing.sign(model, own)
    with pytest.raises(RefusedError) as caught:
        signing.check(model, bundle, [keys[1]])
    assert f"signed by the key {key_files.id_of(public)}, which is foreign" in str(caught.value)
    assert key_files.id_of(keys[1]) in caught.value.hint
    # It cannot say that it is another one.
    bundle["verificationMaterial"]["publicKey"]["hint"] = signing.sign(model, keys[0])[
        "verificationMaterial"
    ]["publicKey"]["hint"]
    with pytest.raises(RefusedError, match="it was edited"):
        signing.check(model, bundle, [keys[1]])


def test_a_list_that_was_edited_with_the_files(model: Path, keys: tuple[Path, Path]):
    bundle = signing.sign(model, keys[0])
    (model / "README.md").unlink()
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    listed = payload["predicate"]["resources"]
    payload["predicate"]["resources"] = [one for one in listed if one["name"] != "README.md"]
    edited = base64.b64encode(json.dumps(payload).encode()).decode()
    bundle["dsseEnvelope"]["payload"] = edited
    with pytest.raises(RefusedError, match="it was edited"):
        signing.check(model, bundle, [keys[1]])


@pytest.mark.parametrize("bundle", [{}, {"verificationMaterial": {"publicKey": {"hint": "x"}}}])
def test_a_torn_bundle(model: Path, keys: tuple[Path, Path], bundle: dict):
    if bundle:
        bundle["verificationMaterial"]["publicKey"]["hint"] = key_files.id_of(keys[1])
    with pytest.raises(RefusedError, match="its signature is torn"):
        signing.check(model, bundle, [keys[1]])


def test_keys_that_are_none(model: Path, keys: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "no").write_text("no key")
    with pytest.raises(key_files.SigningError, match="no is no public key in PEM"):
        signing.check(model, signing.sign(model, keys[0]), [tmp_path / "no"])
    with pytest.raises(key_files.SigningError, match="nowhere is no file with a key"):
        signing.sign(model, tmp_path / "nowhere")
    for wrong in (tmp_path / "no", keys[1]):
        with pytest.raises(key_files.SigningError, match="cannot sign"):
            signing.sign(model, wrong)


def make_authority(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Write an authority and a key that it certifies; return its file, and those of the key."""
    authority = ec.generate_private_key(ec.SECP256R1())
    own, _ = make_key(folder, f"{name}-key")
    private = serialization.load_pem_private_key(own.read_bytes(), None)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} release")])
    files = []
    for who, key, is_authority in (
        (issuer, authority.public_key(), True), (subject, private.public_key(), False),
    ):  # fmt: skip
        built = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2046, 1, 1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority, content_commitment=False,
                    key_encipherment=False, data_encipherment=False, key_agreement=False,
                    key_cert_sign=is_authority, crl_sign=False, encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(authority, hashes.SHA256())
        )  # fmt: skip
        files.append(folder / f"{name}-{'root' if is_authority else 'leaf'}.pem")
        files[-1].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return files[0], own, files[1]


def test_a_certificate_in_place_of_a_key(model: Path, tmp_path: Path, keys: tuple[Path, Path]):
    root, own, leaf = make_authority(tmp_path, "ours")
    foreign, *_ = make_authority(tmp_path, "theirs")
    bundle = signing.sign(model, own, leaf)
    identity = key_files.key_of(bundle)
    assert identity == key_files.id_of(own.with_suffix(".pub"))
    assert signing.check(model, bundle, [keys[1], foreign, root]) == identity
    with pytest.raises(RefusedError, match="its certificate is foreign"):
        signing.check(model, bundle, [foreign])
    with pytest.raises(RefusedError, match="which is foreign"):
        signing.check(model, bundle, [keys[1]])
    (model / "config.json").write_text("{}")
    with pytest.raises(RefusedError, match=r"config\.json has other bytes"):
        signing.check(model, bundle, [root])
    with pytest.raises(key_files.SigningError, match="cannot sign"):
        signing.sign(model, keys[0], leaf)


@pytest.fixture
def released(tmp_path: Path) -> Released:
    made = Released(tmp_path / "project", {"signed": {}}, keys=("release.pub",))
    make_key(made.root, "release")
    made.make()
    made.run("register")
    made.run("promote", "v1.0.0", "staging")
    return made


def test_from_the_signature_to_the_consumer(released: Released, tmp_path: Path):
    done = run(released.root, "promote", "v1.0.0", "prod")
    assert done.exit_code == 1 and "lm@v1.0.0 is not signed" in done.stdout
    told = released.run("sign", "v1.0.0", "--key", "release.pem").stdout
    identity = key_files.id_of(released.root / "release.pub")
    assert f"Signed lm@v1.0.0 by the key {identity}" in told
    released.run("promote", "v1.0.0", "prod")
    assert "signed" in released.run("versions").stdout
    user = tmp_path / "user"
    user.mkdir()
    key = str(released.root / "release.pub")
    words = ["fetch", "lm#prod", "--repo", str(released.root), "--require", "signed"]
    assert "which keys count?" in refused(user, *words)
    assert run(user, *words, "--key", key).exit_code == 0
    assert f"key: {identity}" in (user / "stemma.lock").read_text()
    _, foreign = make_key(tmp_path, "foreign")
    (user / "stemma.lock").unlink()
    words[1:1] = ["--into", "other"]
    assert "which is foreign" in refused(user, *words, "--key", str(foreign))
    assert not (user / "other").exists(), "nothing is half-written"


def test_signed_once_by_a_key(released: Released):
    released.run("sign", "v1.0.0", "--key", "release.pem")
    assert "already" in refused(released.root, "sign", "v1.0.0", "--key", "release.pem")
    released.run("recall", "v1.0.0", "--why", "leaks")
    make_key(released.root, "second")
    line = refused(released.root, "sign", "v1.0.0", "--key", "second.pem")
    assert "was recalled" in line


def test_a_signature_that_was_copied_to_another_version(released: Released):
    released.run("sign", "v1.0.0", "--key", "release.pem")
    second = released.candidate()
    old = released.git("tag", "--list", "stemma/lm/v1.0.0/signature/*")
    text = released.git("for-each-ref", "--format=%(contents)", f"refs/tags/{old}")
    new = old.replace("v1.0.0", second)
    released.git("tag", "-a", "-m", text, new, f"lm@{second}^{{commit}}")
    done = run(released.root, "promote", second, "prod")
    assert done.exit_code == 1 and "it is of another commit" in " ".join(done.stdout.split())
    # Nor does it help to say that it is of this one.
    commit = released.git("rev-parse", f"lm@{second}^{{commit}}")
    first = released.git("rev-parse", "lm@v1.0.0^{commit}")
    text = text.replace(first, commit)
    released.git("tag", "-f", "-a", "-m", text, new, f"lm@{second}^{{commit}}")
    done = run(released.root, "promote", second, "prod")
    said = " ".join(done.stdout.split())
    assert done.exit_code == 1 and "model.safetensors has other bytes" in said

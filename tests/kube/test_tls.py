"""Kubeconfigs with certificates, against a server that asks for them."""

import base64
import datetime as dt
import ipaddress
import json
import ssl

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from moorage.kube.connect import connect
from moorage.kube.errors import Unreachable

NOW = dt.datetime(2026, 1, 1)


class Authority:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self._sign(self.key, self.name, x509.BasicConstraints(ca=True, path_length=None))

    def issue(self, name):
        """A certificate and its key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        addresses = [x509.DNSName("api.cluster.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = self._sign(key, subject, x509.SubjectAlternativeName(addresses))
        plain = serialization.NoEncryption()
        return pem(certificate), key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)

    def _sign(self, key, subject, extension):
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        built = built.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
        built = built.not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=3650))
        return built.sign(self.key, hashes.SHA256())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
async def server(authority, tmp_path):
    """The address of a server that lets in nobody without a certificate of this authority, and says who came."""
    certificate, key = authority.issue("server")
    (tmp_path / "server.pem").write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=pem(authority.certificate).decode())
    tls.load_cert_chain(tmp_path / "server.pem")
    tls.verify_mode = ssl.CERT_REQUIRED

    async def who(request):
        subject = dict(part[0] for part in request.transport.get_extra_info("peercert")["subject"])
        return web.json_response({"you": subject["commonName"]})

    app = web.Application()
    app.router.add_get("/version", who)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def write(path, server, *, cluster, user):
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


def b64(data):
    return base64.b64encode(data).decode()


async def test_certificates_inside_the_kubeconfig_are_used(authority, server, tmp_path):
    certificate, key = authority.issue("ada")
    config = write(
        tmp_path / "config",
        server,
        cluster={"certificate-authority-data": b64(pem(authority.certificate))},
        user={"client-certificate-data": b64(certificate), "client-key-data": b64(key)},
    )

    async with await connect(kubeconfig=config) as client:
        assert await client.get("/version") == b'{"you": "ada"}'


async def test_certificates_in_files_beside_the_kubeconfig_are_used(authority, server, tmp_path):
    for name, data in zip(("c.pem", "k.pem"), authority.issue("grace"), strict=True):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "ca.pem").write_bytes(pem(authority.certificate))
    config = write(
        tmp_path / "config",
        server,
        cluster={"certificate-authority": "ca.pem", "tls-server-name": "api.cluster.example"},
        user={"client-certificate": "c.pem", "client-key": "k.pem"},
    )

    async with await connect(kubeconfig=config) as client:
        assert await client.get("/version") == b'{"you": "grace"}'


async def test_a_server_of_another_authority_is_not_spoken_to(authority, server, tmp_path):
    certificate, key = authority.issue("ada")
    config = write(
        tmp_path / "config",
        server,
        cluster={"certificate-authority-data": b64(pem(Authority().certificate))},
        user={"client-certificate-data": b64(certificate), "client-key-data": b64(key)},
    )

    async with await connect(kubeconfig=config) as client:
        with pytest.raises(Unreachable, match="certificate"):
            await client.get("/version")


async def test_a_plugin_may_give_a_certificate(authority, server, tmp_path):
    certificate, key = authority.issue("plugin")
    credential = {"status": {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}}
    (tmp_path / "credential.json").write_text(json.dumps(credential))
    config = write(
        tmp_path / "config",
        server,
        cluster={"certificate-authority-data": b64(pem(authority.certificate))},
        user={"exec": {"apiVersion": "v1", "command": "cat", "args": [str(tmp_path / "credential.json")]}},
    )

    async with await connect(kubeconfig=config) as client:
        assert await client.get("/version") == b'{"you": "plugin"}'

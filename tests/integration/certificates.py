"""Throwaway certificates for the tests, made with openssl."""

import subprocess


class Authority:
    """A CA in a folder of its own: authority.pem, and what it issues."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.subject = f"/O=Causeway tests/CN={name}"
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", self.key, "-subj", self.subject, "-days", "30", "-out", self.certificate,
        )

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False,
                              cwd=self.folder, timeout=60)
        assert done.returncode == 0, done.stderr

    def issue(self, name, subject, hosts="DNS:localhost,IP:127.0.0.1", days=30):
        """(certificate, key); `days` below 0: expired."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-keyout", key, "-subj", subject, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                     "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate)
        key.chmod(0o600)
        return certificate, key

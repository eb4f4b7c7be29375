"""What the suites need beyond `tools/install-deps --test`: Debian's packages, and the source packages of drivers
whose own tests are in no binary package. Sources are taken with apt, from Debian only, into one folder."""

import os
import pathlib
import subprocess
import tempfile

BINARIES = (
    "mariadb-test", "mariadb-test-data", "mydumper", "percona-toolkit", "python3-django", "python3-sqlalchemy",
    "golang-go", "golang-github-go-sql-driver-mysql-dev", "libtest-deep-perl", "libdist-checkconflicts-perl",
    "wordpress", "curl", "dpkg-dev",
)
# source package, what its folder is called
SOURCES = {
    "python-mysqldb": "mysqlclient-1.4.6",
    "libdbd-mariadb-perl": "DBD-MariaDB-1.22",
    "golang-github-go-sql-driver-mysql": "mysql-1.5.0",
    "python-django": "Django-3.2.25",
}
HOME = pathlib.Path(os.environ.get("CAUSEWAY_SUITES_HOME", "/var/tmp/causeway-suites"))


class Missing(Exception):
    """Something that `tests/suites/run install` brings."""


def source(package):
    folder = HOME / SOURCES[package]
    if not folder.is_dir():
        raise Missing(f"{folder} is not there; run: tests/suites/run install")
    return folder


def install():
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *BINARIES], check=True,
                   env=environment)
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fetch_sources(pathlib.Path(scratch))


def source_list():
    """The sources of Debian's packages from where this machine has the packages themselves."""
    return subprocess.run(
        ["apt-get", "indextargets", "--format", "deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages",
         "Origin: Debian"], check=True, capture_output=True, text=True).stdout


def fetch_sources(scratch):
    """With a list of its own, so that the machine's apt is not touched."""
    (scratch / "sources.list").write_text(source_list())
    (scratch / "lists" / "partial").mkdir(parents=True)
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={scratch}/sources.list", "-o", "Dir::Etc::sourceparts=-",
           "-o", f"Dir::State::lists={scratch}/lists", "-o", f"Dir::Cache={scratch}"]
    subprocess.run([*apt, "update"], check=True)
    for package, folder in SOURCES.items():
        if (HOME / folder).is_dir():
            continue
        # Only the authors' own archive is needed.
        subprocess.run([*apt, "source", "--only-source", "--download-only", "--tar-only", package], cwd=scratch,
                       check=False)
        archives = list(scratch.glob("*.orig.tar.*"))
        for archive in archives:
            subprocess.run(["tar", "-xf", archive, "-C", HOME], check=True)
            archive.unlink()
        if not (HOME / folder).is_dir():
            print(f"{package}: no archive with {folder} came; its suite can't run")

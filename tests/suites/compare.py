"""Runs a suite at every place of a bed and compares: a test passes when its outcome through Causeway is the
outcome that it has direct, be that ok, skipped or failed."""

import collections
import pathlib
import shutil
import tempfile

import bed

# What every suite needs of the servers: what Debian's own configuration has, and room.
OPTIONS = ("local_infile=1", "max_connections=1500")
SETTINGS = {"routing": {"max_server_connections": "1000"}}


def counted(outcomes):
    known = ("ok", "FAILED", "ERROR", "skipped", "no end", "expected failure", "did not run")
    counts = collections.Counter(word if word in known else "with a result" for word in outcomes.values())
    return ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))


def differences(direct, through):
    """[(test, direct, through)] where they differ."""
    return [(name, direct.get(name, "missing"), through.get(name, "missing"))
            for name in sorted(set(direct) | set(through)) if direct.get(name) != through.get(name)]


def run(name, suite, ground):
    """(passed, failed) of one suite on a bed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"causeway-{name}-"))
    passed = failed = 0
    direct = suite(ground.places[0], folder)
    print(f"{name}: direct: {counted(direct)}", flush=True)
    for place in ground.places[1:]:
        through = suite(place, folder)
        found = differences(direct, through)
        print(f"{name}: pooling = {place.name}: {counted(through)}; {len(found)} differ from direct", flush=True)
        for test, word, other in found:
            print(f"    {test}: direct {word}, through {other}")
        failed += len(found)
        passed += len(direct) - len([one for one in found if one[1] != "missing"])
    if "did not run" in direct.values():
        passed, failed = 0, failed + 1
    if failed:
        print(f"what they printed: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: {passed} passed, {failed} failed", flush=True)
    return passed, failed


def run_all(suites, poolings):
    with bed.Bed(poolings, options=OPTIONS, settings=SETTINGS) as ground:
        totals = [run(name, suite, ground) for name, suite in suites.items()]
    return tuple(sum(column) for column in zip(*totals))

"""Hostile inputs by the thousand, for every file reader and every public function.

    python tests/fuzz.py                          # 10,000 inputs
    python tests/fuzz.py --kind files --seed 3    # only files, other ones
    python tests/fuzz.py --first 4711 --inputs 1  # one again

Inputs are numbered and depend on the seed and their number alone. They run in a child process, so
that one which crashes or hangs it ends the child, not the run. Ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HANG = 60.0  # seconds without a sign of life; an input that took more than 5 is a finding anyway


def worker(kind: str, seed: int, first: int, last: int) -> None:
    """Try inputs; a line before and after each."""
    from fuzzing import Corpus, try_input

    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus(Path(folder))
        for number in range(first, last):
            print(json.dumps({"begin": number}), flush=True)
            faulthandler.dump_traceback_later(HANG, exit=True)
            name, outcome = try_input(kind, seed, number, corpus)
            faulthandler.cancel_dump_traceback_later()
            found = {} if outcome.finding is None else vars(outcome.finding)
            record = {"end": number, "name": name, "answered": outcome.answered, **found}
            print(json.dumps(record), flush=True)


Record = dict[str, Any]


def run(kind: str, seed: int, first: int, last: int, answers: Counter[str]) -> list[Record]:
    """Findings, whatever becomes of the children; `answers` counts results by name."""
    findings: list[Record] = []
    while first < last:
        command = [sys.executable, "-X", "faulthandler", __file__, "--worker", "--kind", kind]
        command += ["--seed", str(seed), "--first", str(first), "--inputs", str(last - first)]
        begun = None
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as child:
                assert child.stdout is not None
                for line in child.stdout:
                    try:
                        record = json.loads(line)
                    except ValueError:
                        continue  # what a library printed
                    begun = record.get("begin", begun)
                    if "answered" in record:
                        answers[f"{kind} {record['name']}"] += record["answered"]
                    if "what" in record:
                        record["kind"] = kind
                        findings.append(record)
                        print(f"{kind} {record['end']} {record['name']}: {record['what']}")
                code = child.wait()
            if code == 0:
                return findings
            errors.seek(0)
            text = errors.read()[-3000:]
        if begun is None:
            raise SystemExit(f"inputs cannot be tried:\n{text}")
        what = f"the process ended with {code}"
        findings.append({"kind": kind, "end": begun, "name": "?", "what": what, "details": text})
        print(f"{kind} {begun}: {what}")
        first = begun + 1
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("calls", "files", "both"), default="both")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--verbose", action="store_true", help="print where findings came from")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.kind, args.seed, args.first, args.first + args.inputs)
        return 0
    start = time.perf_counter()
    shares = {"calls": 0.7, "files": 0.3} if args.kind == "both" else {args.kind: 1.0}
    findings: list[Record] = []
    answers: Counter[str] = Counter()
    for kind, share in shares.items():
        last = args.first + max(1, round(args.inputs * share))
        findings += run(kind, args.seed, args.first, last, answers)
    if args.verbose:
        for finding in findings:
            print(f"\n== {finding['kind']} {finding['end']} {finding['name']}: {finding['what']}")
            print(finding["details"])
    seconds = time.perf_counter() - start
    by_name = Counter(f"{f['kind']} {f['name']}" for f in findings)
    print(
        f"{args.inputs} inputs, {answers.total()} answered, the others refused, "
        f"{len(findings)} findings in {seconds:.0f} s"
    )
    if silent := [name for name, count in answers.items() if count == 0]:
        print(f"never answered: {', '.join(silent)}")
    for name, count in by_name.most_common():
        print(f"  {count} {name}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

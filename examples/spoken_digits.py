"""Do learnt delays help on spoken digits? Three arms at equal parameters, and unseen speakers.

    python examples/spoken_digits.py --root data/fsdd --out runs/digits
    python examples/spoken_digits.py --root data/fsdd --out runs/digits --only official --seeds 0 2

Recordings are coded by the model cochlea once. Every run that is finished is kept, so that an
interrupted table goes on where it was, and two processes with different seeds may share ``--out``.

Nothing is chosen on a test split. The recipe ``fsdd`` was settled with one speaker's training
recordings as validation; the arm without delays gets the time constants that do best for it in the
same way (``--only retune``). What is reported is the last epoch.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from scipy import stats

from neurospike.train import fit, load_recipe, parse_recipe

SPEAKERS = ("george", "jackson", "nicolas", "theo")
SEEDS = (0, 1, 2, 3, 4)
TAUS = (2.0, 5.0, 10.0, 20.0)
RETUNED = 5.0
"""The time constant, in steps, that did best for the arm without delays."""

ARMS = {
    "learnt": {"delays": "learnt"},
    "fixed": {"delays": "fixed"},
    # As many parameters as weights and delays together have in the other arms.
    "none": {"delays": "none", "hidden": 376, "tau": RETUNED},
}


def run(out, root, seed, *, model=None, data=None):
    """One training run, or what it left when it was run before."""
    kept = out / "result.json"
    if not kept.is_file():
        content = load_recipe("fsdd").model_dump(mode="json")
        content["model"]["arguments"] |= model or {}
        content["data"]["arguments"] |= data or {}
        resume = (out / "resume.ckpt").is_file()
        fit(parse_recipe(content, origin="fsdd"), out=out, root=root, seed=seed, resume=resume)
    return json.loads(kept.read_text("utf-8"))


def official(options):
    """Every arm on the official split, training on all official training recordings."""
    for seed in options.seeds:
        for arm in options.arms:
            model = ARMS[arm]
            out = options.out / f"official-{arm}-{seed}"
            run(out, options.root, seed, model=model, data={"validation": 0})


def speakers(options):
    """Learnt delays on each speaker, after training on the other three."""
    for speaker in options.speakers:
        data = {"held_out_speaker": speaker, "validation": 0}
        run(options.out / f"speaker-{speaker}", options.root, 0, data=data)


def retune(options):
    """The arm without delays, by time constant, on one speaker's training recordings."""
    for tau in TAUS:
        model = {**ARMS["none"], "tau": tau}
        out = options.out / f"retune-{tau:g}"
        found = run(out, options.root, 0, model=model, data={"validation": "speaker:theo"})
        print(f"tau {tau:g} steps: validation {100 * found['last_validation_accuracy']:.1f} %")


def report(out):
    """What has been run so far, as a table."""
    print("| arm | parameters | test accuracy, last epoch | seeds |\n| --- | --- | --- | --- |")
    for arm in ARMS:
        found = [json.loads(p.read_text("utf-8")) for p in _results(out, f"official-{arm}-*")]
        if found:
            share = 100 * np.array([r["last_test_accuracy"] for r in found])
            parameters = found[0]["parameters"]
            print(f"| {arm} | {parameters:,} | {_interval(share)} | {len(share)} |")
    unseen = {
        p.parent.name.partition("-")[2]: 100 * json.loads(p.read_text())["last_test_accuracy"]
        for p in _results(out, "speaker-*")
    }
    if unseen:
        said = ", ".join(f"{name} {share:.1f}" for name, share in unseen.items())
        print(
            f"\nspeakers never heard in training: {said}; mean {np.mean([*unseen.values()]):.1f} %"
        )
    _compare(out)


def _compare(out):
    """Paired bootstrap over test recordings, of the mean over seeds."""
    right = {arm: _right(out, arm) for arm in ARMS}
    rng = np.random.default_rng(0)
    for arm in ("fixed", "none"):
        count = min(len(right["learnt"]), len(right[arm]))
        if not count:
            continue
        gain = right["learnt"][:count].mean(0) - right[arm][:count].mean(0)
        drawn = gain[rng.integers(0, len(gain), (10_000, len(gain)))].mean(1)
        low, high = 100 * np.quantile(drawn, (0.025, 0.975))
        interval = f"95 % interval {low:+.2f}..{high:+.2f}"
        print(f"learnt - {arm}: {100 * gain.mean():+.2f} points, {interval}")


def _right(out, arm):
    """(seeds, recordings), whether the last epoch was right."""
    said = [
        json.loads(p.with_name("predictions.json").read_text())
        for p in _results(out, f"official-{arm}-*")
    ]
    return np.array([np.equal(s["last"], s["labels"]) for s in said], float)


def _results(out, pattern):
    return sorted(p / "result.json" for p in out.glob(pattern) if (p / "result.json").is_file())


def _interval(values):
    """Mean and its 95 % interval by Student's t."""
    if len(values) < 2:
        return f"{values.mean():.2f} %"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return f"{values.mean():.2f} ± {half:.2f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, default=Path("runs/digits"), help="folder of the runs")
    parser.add_argument("--only", choices=("official", "speakers", "retune", "report"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=tuple(ARMS))
    parser.add_argument("--speakers", nargs="+", default=SPEAKERS)
    options = parser.parse_args()
    parts = {"retune": retune, "official": official, "speakers": speakers}
    for name, part in parts.items():
        if options.only in (None, name):
            part(options)
    report(options.out)


if __name__ == "__main__":
    main()

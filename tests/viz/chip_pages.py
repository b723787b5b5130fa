"""A page's content, made by hand."""

from __future__ import annotations

from typing import Any


def interval(nominal: float, evidence: str = "simulated", spread: float = 0.2) -> dict[str, Any]:
    low, high = nominal * (1 - spread), nominal * (1 + spread)
    return {"low": low, "nominal": nominal, "high": high, "evidence": evidence}


def row(element: str, cause: str, count: float, pj: float) -> dict[str, Any]:
    found = interval(count * pj)
    return {
        "element": element,
        "cause": cause,
        "count": count,
        "low_pj": found["low"],
        "pj": found["nominal"],
        "high_pj": found["high"],
        "evidence": "simulated",
    }


def source(name: str, value: float) -> dict[str, Any]:
    return {
        "figure": name,
        "value": value,
        "low": None,
        "high": None,
        "unit": "pJ",
        "source": f"somebody's <paper> on {name}, table 1",
        "evidence": "simulated",
        "scope": "per_op",
        "note": "",
    }


def chip(name: str, scale: float) -> dict[str, Any]:
    rows = [
        row("stem.conv", "synops", 40_000 * scale, 24.0),
        row("stem.conv", "packets", 900 * scale, 100.0),
        row("stem.conv", "packets", 900 * scale, 11.0),  # sent, and received
        row("stem", "updates", 5_000 * scale, 21.6),
        row("head <&>", "synops", 2_000 * scale, 35.5),
    ]
    cores = 8
    used = [900 - 100 * core for core in range(cores)]
    return {
        "name": name,
        "title": f"{name} of somebody",
        "energy": interval(sum(r["pj"] for r in rows)),
        "latency": interval(3e-4 * scale),
        "power": interval(2e-3, "estimated"),
        "rows": rows,
        "unpriced": [{"count": "probes", "per inference": 1234.0}],
        "sensitive_to": "prices.synop_conv",
        "time": {
            "synapses": [100.0 * scale, 250.0, 80.0, 10.0],
            "barrier": [400.0] * 4,
        },
        "time_label": "time a barrier",
        "placement": {
            "facts": {"cores": cores, "lower bound": 7, "binding limit": "neurons_per_core"},
            "x": [0, 1, 0, 1, 2, 3, 2, 3],
            "y": [0, 0, 1, 1, 0, 0, 1, 1],
            "labels": [f"core {core}" for core in range(cores)],
            "held": [["stem"] if core < 6 else ["head <&>"] for core in range(cores)],
            "boxes": [[0, 0, 1, 1], [2, 0, 3, 1]],
            "layers": [
                {
                    "name": "neurons",
                    "kind": "use",
                    "unit": "% of 1,024 neurons",
                    "limit": 1024,
                    "values": [100 * u / 1024 for u in used],
                    "texts": [f"{u} of 1,024 neurons" for u in used],
                },
                {
                    "name": "messages through the router",
                    "kind": "load",
                    "unit": "messages",
                    "limit": None,
                    "values": [5.0, 3, 0, 9, 12, 7, 3, 1],
                    "texts": ["some messages"] * cores,
                },
            ],
        },
        "sources": [source("synop_conv", 24.0), source("packet_out", 111.0)],
    }


def page() -> dict[str, Any]:
    steps, blocks = 12, 20
    counts = [[(step * block) % 5 for block in range(blocks)] for step in range(steps)]
    strip = {"block_neurons": 4, "block_steps": 1, "counts": counts}
    return {
        "title": "A <small> network",
        "facts": {"model": "tiny </script>", "samples": 3, "convention": "per_activity"},
        "notes": ["Every number is made up."],
        "chips": [
            chip("loihi", 1.0),
            {"name": "speck", "title": "Speck", "refused": "Speck: kernels of 128 Ki words"},
            chip("other", 3.0),
        ],
        "addressing": {
            "layers": [
                {"name": "stem.conv", "vanilla": 81_000, "submanifold": 7_000, "probes": 81_000},
                {"name": "deep", "vanilla": 2_700, "submanifold": 2_700, "probes": 0},
            ],
            "generators": [{"generator": "bitmap", "index bits": 262144, "probes": 81_000}],
        },
        "spikes": [
            {"name": "stem", "label": "stem: 80 neurons, 480 events", **strip},
            {"name": "head", "label": "head: 80 neurons, 480 events", **strip},
        ],
        "accuracy": [
            {"network": "float", "accuracy": 0.98, "samples": 100},
            {"network": "8-bit", "accuracy": 0.97, "samples": 100},
        ],
        "opponents": [
            {"name": "ANN twin", "MAC": 1e6, "energy": interval(4.6e6, "estimated", 0.0)},
            {"name": "3-bit twin", "MAC": 1e6, "energy": interval(3e5, "estimated")},
        ],
        "opponent_notes": ["Break-even at a density of 5.7 %."],
    }

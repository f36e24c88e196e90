"""Statistics of residual blocks in NumPy, straight from their definitions.

Writes ../Fixtures/statistics_oracle.json, which ProbeRecorderTests compares the recorder with.
Everything is computed in extended precision from float32 inputs, and on purpose not in the
recorder's way: y is formed and x subtracted from it as rationals, the turning part is projected
out, the angle comes from unit vectors. Inputs are not stored but described: both sides run the same
generator (SplitMix64, the top 24 bits as a float32 in -1 ... 1) and the same edits.

Run: python statistics_oracle.py   (needs NumPy; the output does not depend on its version)
"""

import json
import math
import pathlib
from fractions import Fraction

import numpy as np

MASK = (1 << 64) - 1
BUFFERS = ["stream", "branch", "shortcut", "gradient", "stream_gradient"]
WIDE = np.longdouble


def uniform(seed: int, count: int) -> np.ndarray:  # (count,) float32 in -1 ... 1
    values = np.empty(count, dtype=np.float32)
    state = seed
    for place in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        mixed ^= mixed >> 31
        values[place] = np.float32(((mixed >> 40) - (1 << 23)) / (1 << 23))
    return values


def buffers(case: dict) -> dict[str, np.ndarray]:
    samples = sum(case["micro_batches"])
    made = {}
    for number, name in enumerate(BUFFERS):
        if name not in case["scales"]:
            continue
        width = case["stream_width"] if name.startswith("stream") else case["width"]
        values = uniform(case["seed"] * 16 + number, samples * width)
        if name == "stream" and case["nonnegative"]:
            values = np.maximum(values, np.float32(0))
        made[name] = (values * np.float32(case["scales"][name])).reshape(samples, width)
    for edit in case["edits"]:
        value = np.array([edit["bits"]], dtype=np.uint32).view(np.float32)[0]
        row = made[edit["buffer"]][edit["sample"]]
        if edit["element"] < 0:
            row[:] = value
        else:
            row[edit["element"]] = value
    return made


def norm(vector: np.ndarray) -> np.longdouble:
    return np.sqrt(np.sum(vector.astype(WIDE) ** 2))


def exact_change(x: np.ndarray, f: np.ndarray, rectified: bool) -> np.ndarray:
    """y - x in rational arithmetic: no precision is enough where x is 1e30 and F is not."""
    change = []
    for one, other in zip(x, f):
        y = Fraction(float(one)) + Fraction(float(other))
        change.append(float((max(y, Fraction(0)) if rectified else y) - Fraction(float(one))))
    return np.array(change, dtype=WIDE)


def moments(values: list) -> dict | None:
    if not values:
        return None
    array = np.array(values, dtype=WIDE)
    mean = array.mean()
    return {"n": len(values), "mean": float(mean), "m2": float(((array - mean) ** 2).sum())}


def distribution(values: list) -> dict | None:
    if not values:
        return None
    ordered = sorted(values)
    rank = lambda percent: float(ordered[-(-percent * len(ordered) // 100) - 1])
    return {
        "n": len(values),
        "logs": moments([np.log(value) for value in ordered if value > 0]),
        "p50": rank(50), "p90": rank(90), "p99": rank(99), "max": float(ordered[-1]),
    }


def slot(gap: float) -> int:
    if gap == 0:
        return 96
    place = math.floor((math.log2(gap) + 20) * 4)
    return 97 if place < 0 else 98 if place >= 96 else place


def statistics(case: dict) -> dict:
    made = buffers(case)
    identity = case["kind"] == "plain" or (case["kind"] == "residual" and case["shortcut"] == "identity")
    gaps, ratios, cosines, turns, angles, influences = [], [], [], [], [], []
    norms, gains, taylors, scales = [], [], [], []
    stream_squares, branch_squares, branches, histogram = [], [], [], {}
    undefined = non_finite = dead = nonzero = absorbed = 0
    factors = []
    for rows, dropped in zip(case["micro_batches"], case["dropped"]):
        factors += [WIDE(rows + dropped) / WIDE(case["loss_scale"])] * rows

    def count(place: int) -> None:
        if identity:
            histogram[place] = histogram.get(place, 0) + 1

    for sample, factor in enumerate(factors):
        x32, f32 = made["stream"][sample], made["branch"][sample]
        rows32 = [x32, f32] + ([made["shortcut"][sample]] if "shortcut" in made else [])
        if not all(np.isfinite(row).all() for row in rows32):
            non_finite += 1
            count(100)
            continue
        x, f = x32.astype(WIDE), f32.astype(WIDE)
        if case["kind"] == "plain":
            f = f - x
        if case["kind"] != "concat":
            stream_squares.append((x * x).sum())
            branch_squares.append((f * f).sum())
            branches.append(f)
            dead += int(not f.any())
            nonzero += int(np.count_nonzero(f32))
            if x32.shape == f32.shape:
                absorbed += int(((f32 != 0) & (x32 + f32 == x32)).sum())
        base = made["shortcut"][sample].astype(WIDE) if "shortcut" in made else x
        if not base.any():
            undefined += 1
            count(99)
        elif case["kind"] == "concat":
            ratios.append(np.sqrt((f * f).mean()) / np.sqrt((x * x).mean()))
        else:
            ratios.append(norm(f) / norm(base))
            if f.any():
                cosines.append((base / norm(base) * (f / norm(f))).sum())
            if identity:
                y = base + f
                if case["activation"] == "relu":
                    y = np.maximum(y, 0)
                change = exact_change(base, f, case["activation"] == "relu")
                gaps.append(norm(change) / norm(base))
                count(slot(float(gaps[-1])))
                turning = change - (base * change).sum() / (base * base).sum() * base
                turns.append(norm(turning) / norm(base))
                if y.any():
                    u, v = base / norm(base), y / norm(y)
                    angles.append(2 * np.arctan2(norm(u - v), norm(u + v)) / WIDE(math.pi))
                    influences.append(norm(u - v) ** 2 / 2)
        if "gradient" not in made:
            continue
        g32 = made["gradient"][sample]
        parts = [g32] + ([made["stream_gradient"][sample]] if identity and "stream_gradient" in made else [])
        if not all(np.isfinite(part).all() for part in parts):
            continue
        g = g32.astype(WIDE)
        norms.append(norm(g) * factor)
        taylors.append((g * f).sum() * factor)
        scales.append(norm(g) * norm(f) * factor)
        if len(parts) == 2 and g.any():
            gains.append(norm(parts[1].astype(WIDE) - g) / norm(g))

    dense = case["kind"] == "concat"
    pooled = lambda squares, width: {
        "n": len(squares) * width, "value": float(np.sqrt(sum(squares) / (len(squares) * width)))
    } if squares else None
    constant = None
    if len(branches) >= 8 and not dense and any(branch.any() for branch in branches):
        stack = np.stack(branches)
        variance = ((stack - stack.mean(axis=0)) ** 2).sum() / (len(branches) - 1)
        constant = {"n": len(branches), "value": float(1 - variance / (stack**2).sum(axis=1).mean())}
    counts_absorbed = case["kind"] == "residual" and identity and nonzero
    return {
        "samples": sum(case["micro_batches"]) + sum(case["dropped"]),
        "micro_batches": len(case["micro_batches"]),
        "dropped": sum(case["dropped"]), "undefined": undefined, "non_finite": non_finite,
        "identity_gap": distribution(gaps), "residual_ratio": distribution(ratios),
        "histogram": sorted([place, number] for place, number in histogram.items()),
        "cosine": moments(cosines), "perpendicular_ratio": moments(turns),
        "angular_distance": moments(angles), "block_influence": moments(influences),
        "stream_rms": pooled(stream_squares, case["stream_width"]),
        "branch_rms": pooled(branch_squares, case["width"]),
        "output_grad_norm": None if dense else moments(norms), "branch_gain": moments(gains),
        "taylor_importance": moments([abs(value) for value in taylors]),
        "taylor_signed_mean": float(sum(taylors) / len(taylors)) if taylors else None,
        "taylor_scale": float(sum(scales) / len(scales)) if scales else None,
        "constant_fraction": constant,
        "dead_fraction": {"n": len(branches), "value": dead / len(branches)} if branches else None,
        "absorbed_fraction": {"n": nonzero, "value": absorbed / nonzero} if counts_absorbed else None,
    }


def bits(value: float) -> int:
    return int(np.array([value], dtype=np.float32).view(np.uint32)[0])


def edit(buffer: str, sample: int, value: float, element: int = -1) -> dict:
    return {"buffer": buffer, "sample": sample, "element": element, "bits": bits(value)}


def case(name: str, **given) -> dict:
    made = {
        "name": name, "kind": "residual", "shortcut": "identity", "activation": "identity",
        "width": 37, "micro_batches": [24], "dropped": None, "loss_scale": 1.0, "nonnegative": False,
        "scales": {"stream": 1.0, "branch": 0.3, "gradient": 0.01, "stream_gradient": 0.02},
        "edits": [],
    } | given
    made["stream_width"] = given.get("stream_width", made["width"])
    made["dropped"] = made["dropped"] or [0] * len(made["micro_batches"])
    made["seed"] = sum(name.encode()) + 1000 * made["width"]
    return made


INF, NAN = float("inf"), float("nan")
CASES = [
    case("pre-activation"),
    case("post-activation ReLU", activation="relu", nonnegative=True),
    case("ReLU on a stream with negative elements", activation="relu"),
    case("wide enough to fold", width=2503, micro_batches=[9], activation="relu", nonnegative=True),
    case("one sample", micro_batches=[1]),
    case("one element", width=1),
    case("micro-batches with dropped samples and a loss scale",
         micro_batches=[7, 0, 12, 5], dropped=[1, 8, 0, 3], loss_scale=1024.0),
    case("ratio 1e-4", scales={"stream": 1.0, "branch": 1e-4, "gradient": 1.0, "stream_gradient": 1.0}),
    case("ratio 1e-6", scales={"stream": 1.0, "branch": 1e-6}),
    case("ratio 1e-6 under ReLU", activation="relu", nonnegative=True,
         scales={"stream": 1.0, "branch": 1e-6}),
    case("ratio 1e-9, partly absorbed", scales={"stream": 1.0, "branch": 1e-9}),
    case("large values", scales={"stream": 1e25, "branch": 3e24, "gradient": 1e20, "stream_gradient": 1e22}),
    case("tiny values", activation="relu",
         scales={"stream": 1e-30, "branch": 2e-31, "gradient": 1e-30, "stream_gradient": 2e-30}),
    case("zeros", edits=[edit("stream", 0, 0), edit("branch", 1, 0), edit("gradient", 2, 0),
                         edit("stream", 3, 0), edit("branch", 3, 0)]),
    case("NaN and infinities", edits=[
        edit("stream", 0, NAN, 5), edit("branch", 1, INF, 36), edit("stream", 2, -INF, 0),
        edit("gradient", 3, NAN, 1), edit("stream_gradient", 4, INF, 2), edit("branch", 5, NAN, 3)]),
    case("one element of 1e30 among ones", activation="relu", edits=[edit("stream", 3, 1e30, 4)]),
    case("everything erased by the ReLU", activation="relu", nonnegative=True,
         edits=[edit("branch", sample, -2) for sample in range(10)]),
    case("constant branch", edits=[edit("branch", sample, 0.25) for sample in range(24)]),
    case("projection", shortcut="projection", stream_width=20,
         scales={"stream": 1.0, "branch": 0.5, "shortcut": 0.8, "gradient": 0.01},
         edits=[edit("shortcut", 0, 0), edit("shortcut", 1, NAN, 2), edit("stream", 2, INF, 3)]),
    case("plain", kind="plain", shortcut="none",
         scales={"stream": 1.0, "branch": 1.1, "gradient": 0.01, "stream_gradient": 0.02}),
    case("plain with infinities and an identical sample", kind="plain", shortcut="none",
         scales={"stream": 1.0, "branch": 0.9, "gradient": 0.01},
         edits=[edit("branch", 2, INF, 0), edit("stream", 5, 0.5), edit("branch", 5, 0.5)]),
    case("concat", kind="concat", shortcut="none", stream_width=64, width=12,
         scales={"stream": 0.7, "branch": 0.4, "gradient": 0.01}, edits=[edit("stream", 1, 0)]),
]


def main() -> None:
    fixture = [dict(one, expected=statistics(one)) for one in CASES]
    folder = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(one, allow_nan=False) for one in fixture)
    (folder / "statistics_oracle.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

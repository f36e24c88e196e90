"""Writes ../Fixtures/rank_oracle.json: what NumPy and SciPy say of rank correlations and exact tails.

Independent of ProbeAnalysis on purpose: ranks come from SciPy, partial correlations from regressing
ranks on ranks and correlating what is left, intervals from the normal quantile of SciPy, slopes from
least squares with a column of ones for each stage.

    python rank_oracle.py            (numpy 2, scipy 1.13 or later)
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats


def partial(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """Pearson's correlation of the residuals of the ranks of x and y on those of z."""
    a, b, c = (stats.rankdata(v) for v in (x, y, z))
    design = np.column_stack([np.ones(len(c)), c])  # (n, 2)
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b)]
    return float(np.corrcoef(*left)[0, 1])


def correlations(rng: np.random.Generator) -> list[dict]:
    rows = []
    for n in (4, 5, 9, 27, 54, 200):
        for levels in (0, 3, 8):  # 0: no ties
            z = np.arange(n, dtype=float)
            x = 0.05 * z + rng.standard_normal(n)
            y = x - 0.1 * z + rng.standard_normal(n)
            if levels:
                x, y = (np.round(v * levels / 4) for v in (x, y))
            if len(set(x)) < 2 or len(set(y)) < 2:
                continue
            rho = float(stats.spearmanr(x, y).statistic)
            most = 1 - 6 / (n**3 - n)
            centre = np.arctanh(np.clip(rho, -most, most))
            width = stats.norm.ppf(0.95) * np.sqrt((1 + np.clip(rho, -most, most) ** 2 / 2) / (n - 3))
            rows.append({
                "x": x.tolist(), "y": y.tolist(), "z": z.tolist(),
                "ranks": stats.rankdata(x).tolist(), "spearman": rho, "partial": partial(x, y, z),
                "lower": min(rho, float(np.tanh(centre - width))),
                "upper": max(rho, float(np.tanh(centre + width))),
            })
    return rows


def slopes(rng: np.random.Generator) -> list[dict]:
    rows = []
    for stages in ([0] * 8, [0, 0, 0, 1, 1, 1, 1, 2], [0, 1, 1, 2, 3, 3, 3, 3, 3, 4]):
        x = np.arange(len(stages), dtype=float)
        levels = np.exp(rng.standard_normal(len(stages)) - 0.4 * x + 2.0 * np.array(stages))
        ones = np.equal.outer(stages, sorted(set(stages))).astype(float)  # (blocks, stages)
        fit = np.linalg.lstsq(np.column_stack([x, ones]), np.log(levels), rcond=None)[0]
        rows.append({"stages": stages, "levels": levels.tolist(), "slope": float(fit[0])})
    return rows


def main() -> None:
    rng = np.random.default_rng(20261128)
    values = {"correlations": correlations(rng), "slopes": slopes(rng)}
    path = Path(__file__).resolve().parent.parent / "Fixtures" / "rank_oracle.json"
    path.write_text(json.dumps(values, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

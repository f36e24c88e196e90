"""Writes ../Fixtures/verdict_oracle.json: what NumPy and SciPy say of the mathematics of verdicts.

Independent of ProbeAnalysis on purpose: distributions come from SciPy, Holm from the closed
testing principle over all subsets, the AR(1) interval from dense covariance matrices.

    python verdict_oracle.py            (numpy 2, scipy 1.13 or later)
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import optimize, stats

LEAST_INNOVATION = 1 / 80
NODES = 24


def student() -> list[dict]:
    rows = []
    for degrees in (1, 1.4, 2, 3.7, 5, 19, 59.5, 199, 2000, 10_000):
        law = stats.t(degrees)
        ts = (-60.0, -8.0, -2.5, -1.0, -1e-3, 0.0, 0.3, 1.7, 6.0)
        ps = (1e-9, 1e-4, 0.0019, 0.025, 0.05, 0.3, 0.6, 0.95, 0.999)
        rows.append({
            "degrees": degrees,
            "cumulative": [[t, float(law.cdf(t))] for t in ts],
            "density": [[t, float(law.pdf(t))] for t in ts],
            "quantile": [[p, float(law.ppf(p))] for p in ps],
        })
    return rows


def normal() -> list[list[float]]:
    return [[p, float(stats.norm.ppf(p))] for p in (1e-12, 1e-4, 0.05, 0.4, 0.6, 0.95, 0.975, 0.9999)]


def wilson() -> list[dict]:
    rows = []
    for successes, trials in ((0, 10), (5, 10), (51, 51), (52, 52), (960, 1000), (1999, 2000)):
        for confidence in (0.9, 0.95, 0.99):
            # A one-sided bound is the end of a two-sided interval with twice the error.
            interval = stats.binomtest(successes, trials).proportion_ci(
                confidence_level=2 * confidence - 1, method="wilson")
            rows.append({"successes": successes, "trials": trials, "confidence": confidence,
                         "lower": float(interval.low)})
    return rows


def holm(p: list[float]) -> list[float]:
    """Closed testing with Bonferroni: the greatest min(1, |S| min p_S) over subsets S with i."""
    indices = range(len(p))
    subsets = [s for size in range(1, len(p) + 1) for s in combinations(indices, size)]
    return [max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets if i in s) for i in indices]


def holm_rows(rng: np.random.Generator) -> list[dict]:
    lists = [[0.03], [0.01, 0.04], [0.04, 0.01, 0.03, 0.005], [0.02, 0.02, 0.02], [0.0, 1.0, 0.5]]
    lists += [[float(v) for v in rng.uniform(0, 1, 8) ** 3] for _ in range(4)]
    return [{"p": p, "adjusted": holm(p)} for p in lists]


class Posterior:
    """The mean of an AR(1) series as a mixture of scaled t distributions, one for each rho."""

    def __init__(self, z: np.ndarray):
        n = len(z)
        ones = np.ones(n)
        lags = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        innovations = LEAST_INNOVATION ** ((np.arange(NODES) + 0.5) / NODES)
        weights, self.centres, self.scales = [], [], []
        for rho in 1 - innovations:
            covariance = rho**lags  # (n, n)
            inverse = np.linalg.inv(covariance)
            precision = ones @ inverse @ ones
            centre = ones @ inverse @ z / precision
            residual = (z - centre) @ inverse @ (z - centre)
            logdet = np.linalg.slogdet(covariance)[1]
            weights.append(-0.5 * logdet - 0.5 * np.log(precision) - (n - 1) / 2 * np.log(residual))
            self.centres.append(centre)
            self.scales.append(np.sqrt(residual / (n - 1) / precision))
        weights = np.exp(np.array(weights) - max(weights))
        self.weights = weights / weights.sum()
        self.rho = float(self.weights @ (1 - innovations))
        self.law = stats.t(n - 1)
        self.centres, self.scales = np.array(self.centres), np.array(self.scales)

    def at_most(self, x: float) -> float:
        return float(self.weights @ self.law.cdf((x - self.centres) / self.scales))

    def at_least(self, x: float) -> float:
        return float(self.weights @ self.law.sf((x - self.centres) / self.scales))

    def quantile(self, p: float) -> float:
        reach = 1e3 * self.scales.max() + np.ptp(self.centres)
        middle = float(self.centres.mean())
        return float(optimize.brentq(lambda x: self.at_most(x) - p, middle - reach, middle + reach,
                                     xtol=1e-14, rtol=1e-14))


def drift(z: np.ndarray) -> tuple[float, float]:
    n = len(z)
    fit = stats.linregress(np.arange(n), z)
    residuals = z - fit.intercept - fit.slope * np.arange(n)
    lag = residuals[1:] @ residuals[:-1] / (residuals @ residuals)
    rho = min(max(lag + (1 + 4 * lag) / n, 0), 0.97)
    return fit.slope * (n - 1), fit.stderr * (n - 1) * np.sqrt((1 + rho) / (1 - rho))


def series(rng: np.random.Generator) -> list[dict]:
    rows = []
    for n in (2, 5, 20, 60, 150):
        for rho in (0.0, 0.6, 0.95):
            for slope in (0.0, 0.8):
                noise = rng.standard_normal(n)
                z = np.empty(n)
                z[0] = noise[0]
                for i in range(1, n):
                    z[i] = rho * z[i - 1] + np.sqrt(1 - rho * rho) * noise[i]
                z = np.round(np.log(0.05) + 0.1 * z + slope * np.linspace(-0.5, 0.5, n), 6)
                law = Posterior(z)
                row = {"values": z.tolist(), "mean": float(z.mean()), "autocorrelation": law.rho,
                       "lower": law.quantile(0.05), "upper": law.quantile(0.95),
                       "upper99": law.quantile(0.99),
                       "pAtLeast": law.at_least(float(np.log(0.07)))}
                if n >= 5:
                    row["rise"], row["riseError"] = map(float, drift(z))
                rows.append(row)
    return rows


def main() -> None:
    rng = np.random.default_rng(20240527)
    values = {"student": student(), "normal": normal(), "wilson": wilson(),
              "holm": holm_rows(rng), "series": series(rng)}
    path = Path(__file__).resolve().parent.parent / "Fixtures" / "verdict_oracle.json"
    path.write_text(json.dumps(values, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

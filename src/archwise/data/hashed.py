"""Categories of more levels than get a code each: the frequent keep their own, the others share buckets by hash.

A bucket tells little of a single level, so the frequency of the level stands beside as a number. The hash is BLAKE2b
of the name in UTF-8: it has no seed, and is the same on every machine and in every version.

Source: Weinberger, Dasgupta, Langford, Smola & Attenberg 2009, for the buckets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.scale import apply_scale, fit_scale
from archwise.records import Array, Batch, Json, Need

N_OWN = 3_072  # levels with a code of their own
N_BUCKETS = 1_024  # for all others
MOST_KNOWN = 131_072  # levels that are told from unseen ones; ten bytes are kept of each
_FEW = 64  # cells that are hashed one by one rather than level by level


def fit_hashed(
    levels: Sequence[str], counts: Sequence[int], *, n_missing: int, n_rare: int, need: Need
) -> dict[str, Json]:
    """Give codes and frequencies to levels.

    Args:
        levels, counts: with training rows enough, the most frequent first.
        n_missing, n_rare: training rows without a level, and of levels too rare to be here.
        need: of the architecture; the logarithm of the frequency is scaled as it asks.

    Returns:
        levels: none by name. hashes: (L,) rising uint32 hashes of levels. own: (L,) uint16, from 0 in falling
        frequency, and from N_OWN on the bucket. often: (L,) float32 scaled log frequency. often_rare, often_missing:
        the same of a level without a hash here, and of a missing cell.
    """
    n_rare += sum(counts[MOST_KNOWN:])
    known = np.array(counts[:MOST_KNOWN])
    hashes, first = np.unique(hash_levels(levels[:MOST_KNOWN]), return_index=True)
    own = np.where(first < N_OWN, first, N_OWN + hashes % N_BUCKETS)
    logs, rest = np.log1p(known), np.log1p([0.0, n_missing])
    everywhere = np.concatenate([np.repeat(logs, known), np.repeat(rest, [n_rare, n_missing])])
    scale = fit_scale(everywhere, need)
    often = apply_scale(scale, np.concatenate([logs[first], rest]))[:, 0]
    return {
        "levels": [],
        "hashes": hashes,
        "own": own.astype(np.uint16),
        "often": often[:-2],
        "often_rare": float(often[-2]),
        "often_missing": float(often[-1]),
    }


def apply_hashed(state: Mapping[str, Json], typed: pl.Series) -> tuple[Array, Batch]:
    """Look the levels up.

    Args:
        state: as fitted.
        typed: (N,) String, null for missing.

    Returns:
        (N,) int64 place of each level, from 0, -1 where it is not known, and -2 where it is missing; and the
        `numbers`, (N, 1) float32 scaled log frequency.
    """
    if len(typed) <= _FEW:
        places = _places(state, ["" if level is None else level for level in typed.to_list()])
    else:
        distinct = typed.drop_nulls().unique()
        of_level = pl.Series(_places(state, distinct.to_list()), dtype=pl.Int64)
        places = typed.replace_strict(distinct, of_level, default=-1, return_dtype=pl.Int64).to_numpy()
    is_missing = typed.is_null().to_numpy()
    often = np.where(places < 0, np.float32(state["often_rare"]), state["often"][places])
    often = np.where(is_missing, np.float32(state["often_missing"]), often)
    own = np.where(places < 0, -1, state["own"][places].astype(np.int64))
    return np.where(is_missing, -2, own), {"numbers": often[:, None]}


def hash_levels(levels: Sequence[str]) -> Array:
    """(L,) uint32, the first four bytes of BLAKE2b of each name, the lowest first."""
    digests = b"".join(hashlib.blake2b(level.encode(), digest_size=4).digest() for level in levels)
    return np.frombuffer(digests, dtype="<u4").astype(np.uint32)


def _places(state: Mapping[str, Json], levels: Sequence[str]) -> Array:
    """(L,) int64 position of each level among the hashes, -1 where it has none."""
    hashes, asked = state["hashes"], hash_levels(levels)
    found = np.minimum(np.searchsorted(hashes, asked), len(hashes) - 1)
    places: Array = np.where(hashes[found] == asked, found, -1)
    return places

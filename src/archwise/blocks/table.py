"""The inputs of a table, numbers and codes, as one vector a row.

A code is the number of a category's level in training; code 0 is a level that training did not see. It is zero in
every form here, so that an unseen level is neutral: it adds nothing to what the other columns say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate

import torch
from torch import nn

from archwise.records import Signature

_FIRST_LEVEL = 2  # codes below it are an unseen and a missing level


class OneHotCodes(nn.Module):
    """Each code as one unit for each seen level, one of them 1.

    Args:
        levels: how many codes each column may have, code 0 with them.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        units = [(column, code) for column, n_codes in enumerate(levels) for code in range(1, n_codes)]
        self.columns: torch.Tensor
        self.codes: torch.Tensor
        self.register_buffer(
            "columns", torch.tensor([column for column, _ in units], dtype=torch.int64), persistent=False
        )
        self.register_buffer("codes", torch.tensor([code for _, code in units], dtype=torch.int64), persistent=False)
        self.width = len(units)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Map codes (B, Dc) to (B, width) of zeros and ones."""
        return (codes.index_select(1, self.columns) == self.codes).float()


def embedding_width(n_levels: int) -> int:
    """Width of a category's vector: the least power of two that is not below the root of its levels, 2 to 32.

    Few widths, so that columns of one width share one look-up.
    """
    width = 2
    while width < 32 and width * width < n_levels:
        width *= 2
    return width


class CodeEmbedding(nn.Module):
    """Each code as a learnt vector; columns of one width share one table.

    Args:
        levels: how many codes each column may have, code 0 with them.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        widths = [embedding_width(n_codes) for n_codes in levels]
        self.tables = nn.ModuleList()
        self.width = sum(widths)
        for width in sorted(set(widths)):
            columns = [column for column, own in enumerate(widths) if own == width]
            self.tables.append(_SharedTable(levels, columns, width, spread=width**-0.5))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Map codes (B, Dc) to (B, width)."""
        return torch.cat([table(codes) for table in self.tables], dim=1)


class _SharedTable(nn.Module):
    """The vectors of all columns of one width, one below the other; spread: of their numbers at the start."""

    def __init__(self, levels: tuple[int, ...], columns: list[int], width: int, *, spread: float) -> None:
        super().__init__()
        n_codes = [levels[column] for column in columns]
        starts = torch.tensor([0, *accumulate(n_codes)][:-1], dtype=torch.int64)
        self.columns: torch.Tensor
        self.starts: torch.Tensor
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.register_buffer("starts", starts, persistent=False)
        self.vectors = nn.Embedding(sum(n_codes), width)
        nn.init.normal_(self.vectors.weight, std=spread)
        with torch.no_grad():
            self.vectors.weight[starts] = 0.0

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.vectors(codes.index_select(1, self.columns) + self.starts)
        return vectors.flatten(1)


class MixedCodes(nn.Module):
    """Few levels as units, many as learnt vectors.

    A column of two levels is one unit, 1 or -1; of at most `most_units` levels one unit for each, missing with them;
    of more a vector.

    Args:
        levels: how many codes each column may have: code 0 unseen, code 1 missing, then the levels.
        most_units: levels of a column that are still units. width: of a vector.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.1 and appendix A.
    """

    def __init__(self, levels: tuple[int, ...], *, most_units: int = 8, width: int = 8) -> None:
        super().__init__()
        n_levels = [n_codes - _FIRST_LEVEL for n_codes in levels]
        kinds = ["sign" if n == 2 else "unit" if n <= most_units else "vector" for n in n_levels]
        self.parts = nn.ModuleList()
        for kind, make in (
            ("sign", lambda own: _Signs()),
            ("unit", OneHotCodes),
            ("vector", lambda own: _SharedTable(own, list(range(len(own))), width, spread=1.0)),
        ):
            columns = [column for column, its in enumerate(kinds) if its == kind]
            if columns:
                self.parts.append(_OfColumns(columns, make(tuple(levels[column] for column in columns))))
        self.width = sum(
            {"sign": 1, "unit": levels[column] - 1, "vector": width}[kind] for column, kind in enumerate(kinds)
        )

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Map codes (B, Dc) to (B, width)."""
        return torch.cat([part(codes) for part in self.parts], dim=1)


class _OfColumns(nn.Module):
    """Some columns of the codes through a module."""

    def __init__(self, columns: list[int], inner: nn.Module) -> None:
        super().__init__()
        self.columns: torch.Tensor
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.inner = inner

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.inner(codes.index_select(1, self.columns))
        return vectors


class _Signs(nn.Module):
    """Two levels as 1 and -1; unseen and missing as 0."""

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return (codes == _FIRST_LEVEL).float() - (codes == _FIRST_LEVEL + 1).float()


class TableInputs(nn.Module):
    """All inputs of a table, joined.

    Args:
        signature: its inputs `numbers` (B, Dn) float32 and `codes` (B, Dc) int64 are read, either or both.
        codes: what the codes go through.
        numbers: makes of their count what the numbers go through, None for as they are.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        codes: Callable[[tuple[int, ...]], nn.Module],
        numbers: Callable[[int], nn.Module] | None,
    ) -> None:
        super().__init__()
        of_codes, of_numbers = signature.input("codes"), signature.input("numbers")
        embedding = numbers(of_numbers.width) if numbers is not None and of_numbers is not None else None  # drawn first
        self.codes = codes(of_codes.levels) if of_codes is not None else None
        self.numbers = embedding
        self.reads_numbers = of_numbers is not None
        plain_width = of_numbers.width if of_numbers is not None else 0
        self.width: int = plain_width if self.numbers is None else int(self.numbers.width)  # type: ignore[arg-type]
        self.width += int(self.codes.width) if self.codes is not None else 0  # type: ignore[arg-type]

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to vectors (B, width)."""
        parts = []
        if self.reads_numbers:
            parts.append(batch["numbers"] if self.numbers is None else self.numbers(batch["numbers"]))
        if self.codes is not None:
            parts.append(self.codes(batch["codes"]))
        return torch.cat(parts, dim=1)

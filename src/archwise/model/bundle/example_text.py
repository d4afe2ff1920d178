"""The part of an example that makes the inputs of a text: with the library tokenizers, or of tags by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from archwise.data.prepare import BEFORE, PreparedColumn
from archwise.data.terms import LETTERS, MOST_LETTER_WORDS
from archwise.data.word_form import FIRST, UNKNOWN
from archwise.data.words import MOST_LETTERS, PADDING, word_cutter
from archwise.model.bundle.piece import Piece
from archwise.records import Json

TOKENIZER = "tokenizer.json"
_OPEN = f"Tokenizer.from_file(str(here / {TOKENIZER!r}))"
_FORMS = """
def plain(word):
    return "".join("0" if letter.isdigit() else letter for letter in word.lower())


def shape(word):
    sorts = ("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    return "".join(sort * min(4, sum(1 for _ in run)) for sort, run in groupby(sorts))


# What is looked up of a word: itself, and what it looks like.
looks = {
    "word": plain,
    "begin": lambda word: plain(word[:1]),
    "prefix": lambda word: plain(word[:3]),
    "ending": lambda word: plain(word[-2:]),
    "suffix": lambda word: plain(word[-3:]),
    "shape": shape,
    "outline": lambda word: "".join(sort for sort, _ in groupby(shape(word))),
}"""


def text_piece(column: PreparedColumn, inputs: Mapping[str, str]) -> Piece | None:
    """How a text becomes what the graph takes; None where the column is no text, or is read in another way.

    Args:
        inputs: what archwise prepares of the column -> name of the input.
    """
    make: Callable[[PreparedColumn], Piece] | None = None
    if "tokenizer" in column.state:
        make = _tokens
    elif column.state.get("form") == "terms":
        make = _terms
    elif "levels" in column.state and "forms" in inputs:
        make = _words
    if make is None:
        return None
    made = make(column)
    return Piece(made.before, {given: made.cells[name] for name, given in inputs.items()}, made.files, made.imports)


def _given(column: PreparedColumn) -> list[str]:
    columns = (*column.state.get(BEFORE, ()), column.name)
    told = [f"# Of one row {', then '.join(columns)}, with a blank between."] if len(columns) > 1 else []
    return [*told, 'text = sys.argv[1] if len(sys.argv) > 1 else "a text to be answered"']


def _tokens(column: PreparedColumn) -> Piece:
    """Numbers of words, or of pieces of them."""
    padding, state = int(column.state.get("padding", PADDING)), column.state
    swapped = f"[{{0: {padding}, {padding}: 0}}.get(number, number) for number in numbers]" if padding else "numbers"
    before = [
        *_given(column),
        f"cutter = {_OPEN}  # cuts a text into numbers; in a batch 0 stands behind the end of a shorter one",
        "cutter.encode_special_tokens = True  # what a text says is never read as a special token",
        f"numbers = cutter.encode(text[:{MOST_LETTERS}]).ids[:{int(state['longest'])}]",
        f"tokens = np.array([{swapped} or [0]], np.int64)",
    ]
    files = {TOKENIZER: str(state["tokenizer"]).encode()}
    return Piece(before, {"tokens": "tokens"}, files, ("sys", "tokenizers"))


def _terms(column: PreparedColumn) -> Piece:
    """Terms and their weights, as `apply_terms` finds them."""
    state, longest = column.state, int(column.state["longest"])
    if state["unit"] == "letter":
        shortest, longest_piece = LETTERS
        pieces = [
            f'marked = [f" {{word}} " for word in words[:{MOST_LETTER_WORDS}]]',
            f"lengths = range({shortest}, {longest_piece + 1})",
            "ends = [(word, n, max(1, len(word) - n + 1)) for word in marked for n in lengths]",
            "pieces = [word[at : at + n] for word, n, end in ends for at in range(end)]",
        ]
    else:
        pieces = ['pieces = [*words, *(f"{left} {right}" for left, right in pairwise(words))]']
    before = [
        *_given(column),
        f"cutter = {_OPEN}  # cuts a text into words",
        f"normal = cutter.normalizer.normalize_str(text[:{MOST_LETTERS}])",
        "words = [word for word, _ in cutter.pre_tokenizer.pre_tokenize_str(normal)]",
        *pieces,
        'held = json.loads((here / "terms.json").read_text(encoding="utf-8"))  # the terms, and how rare each is',
        'known = {term: number for number, term in enumerate(held["terms"], 1)}',
        "counts = Counter(known[piece] for piece in pieces if piece in known)",
        "numbers, times = np.array(list(counts), np.int64), np.array(list(counts.values()), np.float64)",
        'weights = (1.0 + np.log(times)) * np.array(held["idf"])[numbers - 1]',
        "weights /= np.sqrt((weights**2).sum()) or 1.0",
        f"kept = np.lexsort((numbers, -weights))[:{longest}]",
        f"terms, term_weights = np.zeros((1, {longest}), np.int64), np.zeros((1, {longest}), np.float32)",
        "terms[0, : len(kept)], term_weights[0, : len(kept)] = numbers[kept], weights[kept]",
    ]
    held: dict[str, Json] = {"terms": list(state["terms"]), "idf": [float(each) for each in state["idf"]]}
    files = {"terms.json": json.dumps(held, ensure_ascii=False).encode(), TOKENIZER: word_cutter().encode()}
    cells = {"terms": "terms", "term_weights": "term_weights"}
    imports = ("json", "sys", "tokenizers", "Counter", *(("pairwise",) if state["unit"] != "letter" else ()))
    return Piece(before, cells, files, imports)


def _words(column: PreparedColumn) -> Piece:
    """Numbers of words and of their forms, as `number_words` finds them."""
    before = [
        *_FORMS.splitlines(),
        'text = sys.argv[1] if len(sys.argv) > 1 else "a text to be answered"',
        f"words = text.split()[:{int(column.state['longest'])}]  # in a batch 0 stands behind the end of a shorter one",
        'known = json.loads((here / "words.json").read_text(encoding="utf-8"))  # what is looked up -> its numbers',
        "looked = [(known[name], make) for name, make in looks.items() if name in known]",
        f"numbers = [[held.get(make(word), {UNKNOWN}) for held, make in looked] for word in words]",
        "numbers = np.array(numbers or [[0] * len(looked)], np.int64)[None]",
    ]
    numbers = {
        name: {level: FIRST + place for place, level in enumerate(levels)}
        for name, levels in column.state["levels"].items()
    }
    files = {"words.json": json.dumps(numbers, ensure_ascii=False).encode()}
    cells = {"tokens": "numbers[:, :, 0]", "forms": "numbers[:, :, 1:]"}
    return Piece(before, cells, files, ("json", "sys", "groupby"))

"""A published encoder of texts, such as BERT or MiniLM: what billions of words taught, with a head of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from archwise.architectures.backbone import build_transfer, n_thawed, opening_space, ways_to_enter
from archwise.architectures.encoder_weights import find_encoder_weights
from archwise.architectures.sequence_plan import judge_sequences, sequence_facts
from archwise.data.encoder import CONFIG, FIRST_FOUND, find_encoder, published_pooling, read_encoder
from archwise.records import (
    Architecture,
    Inherited,
    Need,
    Plan,
    Profile,
    Scalar,
    Setting,
    Signature,
    Suits,
    TextNeed,
)

if TYPE_CHECKING:
    from torch import nn

MANY = 20_000  # texts, from which a network learns nearly as much from nothing
_BATCH, _STEPS, _EPOCHS = 32, 1_500, (3, 10)

SPACE = (
    Setting(
        "encoder",
        FIRST_FOUND,
        "folder of an encoder, or its name in the folder of ARCHWISE_WEIGHTS or on the hub",
        searched=False,
    ),
    Setting("pooling", "published", "one vector of all tokens", choices=("published", "mean", "cls"), searched=False),
    Setting("longest", 0, "tokens of a text that are read; 0 for nearly all", low=0, high=4096, searched=False),
    *opening_space(thaw=3, most_thawed=24, rate=0.05, falls=0.7, dropout=0.1),
)


def need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for the tokens that the encoder's own tokenizer makes."""
    return Need("standard", text=_form(settings))


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body, (B, T) tokens to (B, width) features, with random weights."""
    from archwise.blocks.encoder import EncoderStages, TokenNumbers
    from archwise.blocks.pretrained import TRANSFORMERS
    from archwise.blocks.transfer import Backbone

    encoder = read_encoder(find_encoder(_name(settings)))
    stages = EncoderStages(encoder.padding, encoder.first_place, _pooling(settings))
    return build_transfer(TokenNumbers(signature), Backbone(TRANSFORMERS, str(encoder.folder), stages), settings)


def inherits(settings: Mapping[str, Scalar], asked: bool) -> Inherited:
    """Find the weights; the one that nobody names is small, so it is fetched unasked as well."""
    del asked
    found = find_encoder_weights(_name(settings))
    if found.why:
        return found
    folder = find_encoder(_name(settings))
    said = hashlib.sha256((folder / CONFIG).read_bytes()).hexdigest()
    pooling = "" if n_thawed(settings) else f"-{_pooling(settings)}"
    trunk = f"text-encoder-{found.sha256[:16]}-{said[:8]}-thaw{n_thawed(settings)}{pooling}-{_form(settings).key}"
    return replace(found, trunk=trunk, reads="tokens")


def suits(profile: Profile) -> Suits:
    """Judge the data by how many texts there are: what was learnt elsewhere is worth most where there are few."""
    if sequence_facts(profile, kinds=("text", "words")) is None:
        return Suits(0.0, f"it reads texts; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one")
    judged = judge_sequences(
        profile,
        many=(0.7, "what it learnt of language still helps beside what they teach"),
        some=(0.8, "few, so that what it learnt of language from billions of words is worth much"),
        few=(0.85, "very few, so that what it learnt of language from billions of words is worth most"),
    )
    if profile.n_rows >= MANY:
        return Suits(0.5, f"{judged.because}; they are many, and networks that begin from nothing come near")
    return judged


def plan(profile: Profile) -> Plan:
    """Plan its training: short, for it begins near its end, with the mean of the weights over the last steps."""
    steps_an_epoch = max(1, profile.n_rows // _BATCH)
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], round(_STEPS / steps_an_epoch)))
    return Plan(epochs=epochs, batch=_BATCH, rate=1e-3, decay=0.01, patience=epochs, average=0.95)


def _form(settings: Mapping[str, Scalar]) -> TextNeed:
    return TextNeed("tokens", "subword", 0, int(settings["longest"]), encoder=_name(settings))


def _name(settings: Mapping[str, Scalar]) -> str:
    return str(settings["encoder"])


def _pooling(settings: Mapping[str, Scalar]) -> str:
    named = str(settings["pooling"])
    return published_pooling(find_encoder(_name(settings))) if named == "published" else named


ARCHITECTURE = Architecture(
    name="text-encoder",
    family="transfer",
    summary="an encoder of texts that was trained on billions of words, such as BERT or MiniLM",
    source="Devlin et al. 2019 (BERT); Reimers & Gurevych 2019 for one vector of a sentence; Wang et al. 2020 (MiniLM)",
    reads=("text",),
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=need,
    build=build,
    plan=plan,
    variants=ways_to_enter,
    inherits=inherits,
)

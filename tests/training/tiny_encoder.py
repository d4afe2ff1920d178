"""Small encoders with random weights, in the folder form of the hub: their networks and their own tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from archwise.blocks.vision_operators import define_missing_operators

define_missing_operators()

TEXTS = [
    "a fine and moving film with a warm heart", "the plot is dull and the acting is worse",
    "I loved every minute of this lovely picture", "tedious, loud and far too long for its own good",
    "great fun for the whole family", "a waste of time and money", "bright, clever and full of joy",
    "boring from the first to the last scene",
]  # fmt: skip
KINDS = ("bert", "distilbert", "roberta")
_SIZES = {"vocab_size": 220, "max_position_embeddings": 40, "initializer_range": 0.1}


def make_encoder(folder: Path, kind: str = "bert", *, licence: str = "apache-2.0", seed: int = 0) -> Path:
    """Write an encoder of two layers of 32 numbers: config.json, tokenizer.json, model.safetensors, README.md."""
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    if kind == "distilbert":
        config = transformers.DistilBertConfig(n_layers=2, dim=32, hidden_dim=64, n_heads=4, **_SIZES)
    else:
        make = {"bert": transformers.BertConfig, "roberta": transformers.RobertaConfig}[kind]
        config = make(
            num_hidden_layers=2, hidden_size=32, intermediate_size=64, num_attention_heads=4, **_SIZES,
            **({"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2} if kind == "roberta" else {}),
        )  # fmt: skip
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    _tokenizer(kind).save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text(f"---\nlanguage: en\nlicense: {licence}\n---\nA small one.\n")
    return folder


def _tokenizer(kind: str):  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    if kind == "roberta":
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        made = Tokenizer(models.BPE(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=220, special_tokens=special, show_progress=False)
        first, last = ("<s>", 0), ("</s>", 2)
    else:
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=special, show_progress=False)
        first, last = ("[CLS]", 2), ("[SEP]", 3)
    made.train_from_iterator(TEXTS * 3, trainer)
    made.post_processor = processors.TemplateProcessing(single=f"{first[0]} $A {last[0]}", special_tokens=[first, last])
    made.enable_padding(length=32)  # as many published ones do, and cut at what a demonstration needs
    made.enable_truncation(max_length=12)
    return made


def change(folder: Path, **said: object) -> None:
    """Change what the configuration of an encoder says; None takes it out."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **said}
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))

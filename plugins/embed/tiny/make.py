"""Makes the models and the tokenizer beside it, with the Python packages onnx and numpy: a table of ten vectors, gathered by `input_ids`.
Those of `dynamic.onnx` are quantised by the scale of all that are gathered at once."""

import json
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "morning", "night", "##s", "人", "."]
TABLE = [[0, 0], [1, -1], [0, 0], [0, 0], [1, 0], [0, 1], [0, -1], [0.5, 0.5], [2, 3], [0, 0]]

table = numpy_helper.from_array(numpy.array(TABLE, dtype=numpy.float32), "table")
ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", 2])
gather = helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])
dynamic = [
    helper.make_node("Gather", ["table", "input_ids"], ["exact"]),
    helper.make_node("DynamicQuantizeLinear", ["exact"], ["quantised", "scale", "zero"]),
    helper.make_node("DequantizeLinear", ["quantised", "scale", "zero"], ["last_hidden_state"]),
]
for name, nodes in (("model", [gather]), ("dynamic", dynamic)):
    graph = helper.make_graph(nodes, "tiny", [ids], [states], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
    onnx.save(model, HERE / f"{name}.onnx")

tokenizer = {
    "version": "1.0",
    "truncation": {"max_length": 8},
    "added_tokens": [],
    "normalizer": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {word: id for id, word in enumerate(VOCABULARY)},
    },
}
(HERE / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))

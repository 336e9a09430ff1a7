"""llama.cpp's OpenAI-compatible server, with a language model that knows nothing: random weights.

Run by `llm_server_check.py` in an environment with `xllamacpp` and `gguf`; takes the path for the model file,
prints the server's address and serves until it is killed.
"""

import sys
import time

import gguf  # pyright: ignore[reportMissingImports]
import numpy as np
import xllamacpp  # pyright: ignore[reportMissingImports]

WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 4, 8192
SLOTS = 4
SPECIAL = [b"<unk>", b"<s>", b"</s>"]
QUOTE = len(SPECIAL) + ord('"')
TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"


def write_model(path: str, seed: int = 3) -> None:
    """Write a random llama whose tokens are the 256 bytes, as GGUF, 0.5 MB."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    add_tokenizer(writer)
    for name, tensor in tensors(np.random.default_rng(seed)).items():
        writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: "gguf.GGUFWriter") -> None:
    """Add a byte tokenizer and a chat template that only joins the messages."""
    kinds = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*SPECIAL, *(f"<0x{byte:02X}>".encode() for byte in range(256))])
    writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256])
    writer.add_token_scores([0.0] * (len(SPECIAL) + 256))
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)


def tensors(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return normal weights by name. Quotes are eight times as loud as other bytes, so that strings end."""

    def normal(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    tokens, ones = len(SPECIAL) + 256, np.ones(WIDTH, np.float32)
    found = {"token_embd": normal(tokens, WIDTH), "output_norm": ones, "output": normal(tokens, WIDTH)}
    found["output"][QUOTE] *= 8
    for layer in range(LAYERS):
        block = {name: normal(WIDTH, WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
        block |= {"attn_norm": ones, "ffn_norm": ones, "ffn_down": normal(WIDTH, 2 * WIDTH)}
        block |= {name: normal(2 * WIDTH, WIDTH) for name in ("ffn_gate", "ffn_up")}
        found |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    return found


def main(path: str) -> None:
    """Make the model and serve it."""
    write_model(path)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more would wait for each other
    params.n_ctx, params.n_parallel = SLOTS * CONTEXT, SLOTS
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])

"""A tiny corpus of sound: strings of two tones, which are written `a` and `b`."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 8_000
HERTZ = {"a": 500.0, "b": 1500.0}


def tones(text: str, rate: int = RATE, *, seed: int = 0) -> np.ndarray:
    """A tone of 0.1 s for each letter and silence for a blank, over noise, float32 (L,)."""
    rng = np.random.default_rng((seed, *text.encode()))
    time = np.arange(rate // 10) / rate
    parts = [0.3 * np.sin(2 * np.pi * HERTZ.get(c, 0) * time + rng.uniform(0, 6)) for c in text]
    wave = np.concatenate(parts)
    return (wave + rng.normal(0, 0.01, len(wave))).astype(np.float32)


def save(path: Path, text: str, rate: int = RATE, **options: int) -> Path:
    """A sound file of the tones of a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tones(text, rate, **options), rate, subtype="PCM_16")
    return path


def corpus(
    folder: Path, texts: tuple[str, ...] = ("a", "b", "a b", "b a b"), size: int = 8
) -> list[str]:
    """Files for data=audio_files, and the overrides that name them."""
    words = ["data=audio_files", f"data.sample_rate={RATE}"]
    for number, split in enumerate(("train", "val", "test")):
        rows = []
        for at in range(size):
            text = texts[at % len(texts)]
            save(folder / "wavs" / f"{split}{at}.wav", text, seed=100 * number + at)
            rows.append(f"wavs/{split}{at}.wav\t{text}\n")
        (folder / f"{split}.tsv").write_text("".join(rows))
        words.append(f"data.{split}={folder / split}.tsv")
    return words

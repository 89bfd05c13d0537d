"""Features of sound: those of Kaldi, for any rate; what is stored of them."""

from dataclasses import replace

import kaldi_native_fbank
import numpy as np
import pytest
import torch

from rnnlab.data.audio import LogMel, mel_filters, pad_features, resampled
from rnnlab.data.audio_examples import Masks
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError


def voice(rate, seconds=0.7, seed=0):
    """Noise that changes its colour and loudness, with a constant offset."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    tones = sum(np.sin(2 * np.pi * f * time * (1 + time)) for f in (110, 440, 1700, rate / 3))
    wave = rng.normal(0, 0.05, len(time)) + 0.02 + 0.1 * tones * np.sin(5 * time) ** 2
    return wave.astype(np.float32)


def kaldi(wave, rate, audio):
    """The library with all its options written down."""
    options = kaldi_native_fbank.FbankOptions()
    frames, mels = options.frame_opts, options.mel_opts
    frames.samp_freq = rate
    frames.frame_length_ms, frames.frame_shift_ms = audio.window_ms, audio.hop_ms
    frames.dither, frames.preemph_coeff, frames.remove_dc_offset = 0, 0.97, True
    frames.window_type, frames.round_to_power_of_two, frames.snip_edges = "povey", True, True
    mels.num_bins, mels.low_freq, mels.high_freq, mels.htk_mode = audio.num_mels, 20, 0, False
    options.use_energy, options.use_log_fbank, options.use_power = False, True, True
    maker = kaldi_native_fbank.OnlineFbank(options)
    maker.accept_waveform(rate, (wave * 2**15).tolist())
    maker.input_finished()
    return np.stack([maker.get_frame(i) for i in range(maker.num_frames_ready)])


@pytest.mark.parametrize(
    "audio",
    [
        LogMel(8_000),
        LogMel(16_000, 80),
        LogMel(22_050, 23, window_ms=30.0, hop_ms=7.5),
        LogMel(44_100, 64, window_ms=20.0),
    ],
)
def test_log_mels_are_kaldis(audio):
    rate = audio.sample_rate
    wave = voice(rate)
    found, expected = audio.log_mels(wave, rate), kaldi(wave, rate, audio)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-3)
    assert (found > 0).mean() > 0.9  # it is the energies that are compared, not the floor


def test_silence_is_the_floor():
    assert not LogMel(16_000).log_mels(np.zeros(800, np.float32), 16_000).any()


def test_triangles_add_up_between_the_first_and_the_last_peak():
    weights = mel_filters(40, 512, 16_000)
    assert weights.shape == (40, 257)
    sums = weights.sum(dim=0)
    first, last = int(weights[0].argmax()) + 1, int(weights[-1].argmax())
    torch.testing.assert_close(sums[first:last], torch.ones_like(sums[first:last]))


def test_another_rate_gives_the_same_features():
    """A tone that both rates can hold; apart from the edges of the recording."""
    time = {rate: np.arange(rate) / rate for rate in (8_000, 16_000, 44_100)}
    waves = {
        rate: (0.3 * np.sin(2 * np.pi * 500 * t)).astype(np.float32) for rate, t in time.items()
    }
    audio = LogMel(8_000)
    expected = audio.log_mels(waves[8_000], 8_000)
    peak = expected.mean(axis=0).argmax()
    for rate, wave in waves.items():
        assert abs(len(resampled(wave, rate, 8_000)) - 8_000) <= 1
        found = audio.log_mels(wave, rate)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found[3:-3, peak], expected[3:-3, peak], atol=0.02)


def test_a_recording_shorter_than_a_frame_is_refused():
    assert len(LogMel(8_000).log_mels(np.ones(200, np.float32), 8_000)) == 1
    with pytest.raises(DataError, match=r"^0.025 s, shorter than a frame of 25 ms$"):
        LogMel(8_000).log_mels(np.ones(199, np.float32), 8_000)


def test_normalization_by_the_training_data_or_by_the_recording():
    log_mels = LogMel(8_000, 5).log_mels(voice(8_000), 8_000)
    whole = LogMel(8_000, 5, normalization="utterance").normalize(log_mels)
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(whole.std(axis=0), 1, atol=1e-5)
    fixed = LogMel(8_000, 5, mean=(1.0,) * 5, std=(2.0, 2.0, 2.0, 2.0, 0.0))
    np.testing.assert_allclose(
        fixed.normalize(log_mels)[:, :4], (log_mels[:, :4] - 1) / 2, rtol=1e-5
    )
    assert np.isfinite(fixed.normalize(log_mels)).all()


def test_a_spec_keeps_how_features_are_made():
    audio = LogMel(8_000, 2, normalization="training", mean=(1.0, 2.0), std=(0.5, 0.25))
    spec = Spec(2, Vocab("AB"), "label", audio=audio)
    assert Spec.from_dict(spec.to_dict()) == spec
    state = spec.to_dict()
    for wrong in ({"mean": [1.0]}, {"num_mels": "2"}, {"normalization": "none"}, {"extra": 1}):
        with pytest.raises((TypeError, ValueError)):
            Spec.from_dict(state | {"audio": state["audio"] | wrong})


def test_padding_keeps_the_frames():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 1, 6)]
    inputs, lengths = pad_features(parts)
    assert inputs.shape == (3, 6, 3)
    assert lengths.tolist() == [4, 1, 6]
    for row, part in zip(inputs, parts, strict=True):
        np.testing.assert_array_equal(row[: len(part)], part)
        assert not row[len(part) :].any()


def test_masks_hide_stretches_and_bands_of_what_is_there():
    masks = Masks(time=2, time_frames=10, mel=1, mel_features=3)
    lengths = torch.tensor([100, 40])
    hidden = torch.zeros(2)
    for seed in range(50):
        inputs = torch.ones(2, 100, 8)
        masks.hide(inputs, lengths, np.random.default_rng(seed))
        assert (inputs[1, 40:] == 1).any(dim=1).all()  # padding is no recording
        for row, frames in zip(inputs, lengths.tolist(), strict=True):
            gone = row[:frames] == 0
            stretch, band = gone.all(dim=1), gone.all(dim=0)
            assert torch.equal(gone, stretch[:, None] | band)
            assert stretch.sum() <= 2 * min(10, frames // 5)
            assert band.sum() <= 3
            hidden += torch.stack([stretch.sum() / frames, band.sum() / 8])
    assert (hidden / 100 > 0.04).all()  # means: 0.1 and 0.19
    again = [torch.ones(2, 100, 8) for _ in range(2)]
    for inputs in again:
        masks.hide(inputs, lengths, np.random.default_rng(7))
    assert torch.equal(*again)
    unmasked = torch.ones(2, 100, 8)
    replace(masks, time=0, mel=0).hide(unmasked, lengths, np.random.default_rng(0))
    assert (unmasked == 1).all()

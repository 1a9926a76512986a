"""
Voices as sets of frames
========================

This tutorial recognises speakers from recordings of any length. A recording is a set of short
frames, each described by a few numbers. The distribution of the frames shows who speaks, whatever
is said. A Fisher vector makes one row of each recording, and a linear classifier tells the voices
apart. The tutorial runs in seconds.
"""

# %%
# Five voices
# -----------
# Nothing has to be downloaded: the voices are synthesised. A pulse train passes through the
# resonances of a vowel, which a longer or shorter vocal tract moves down or up; by these resonances
# a listener recognises a speaker. A recording has 3 to 8 vowels in random order, its own pitch, and
# noise as loud as a third of the voice.
import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import dct
from scipy.signal import lfilter, stft
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skvae import FisherVectorEncoder

RATE = 8000  # samples per second
VOWELS = np.array(  # resonances in Hz of a, e, i, o, u
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]]
)
TRACTS = [0.90, 0.95, 1.0, 1.05, 1.1]
rng = np.random.default_rng(0)


def vowel(resonances, pitch):
    """A tenth of a second, or up to twice as much."""
    n = rng.integers(RATE // 10, RATE // 5)
    sound = (np.arange(n) % (RATE / pitch) < 1).astype(float)
    for frequency in resonances * rng.normal(1, 0.02, 3):
        radius = np.exp(-np.pi * 90 / RATE)
        sound = lfilter(
            [1], [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2], sound
        )
    return sound / sound.std()


def recording(tract):
    pitch = rng.uniform(100, 180)
    spoken = VOWELS[rng.integers(0, 5, rng.integers(3, 9))]
    voice = np.concatenate([vowel(tract * resonances, pitch) for resonances in spoken])
    return voice + 0.33 * rng.normal(size=len(voice))


y = np.tile(np.arange(5), 60)
sounds = [recording(TRACTS[label]) for label in y]
lengths = [len(sound) / RATE for sound in sounds]
print(f"{len(sounds)} recordings of {min(lengths):.1f} to {max(lengths):.1f} seconds")

# %%
# Frames
# ------
# Cepstral coefficients are the usual description of speech: the cosine transform of the logarithm
# of the energy in 24 bands, whose width grows with frequency. Audio libraries have functions for
# them; here they take ten lines.
edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 1400), 26) / 2595) - 1)
bins = np.linspace(0, RATE / 2, 129)
bands = [np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(24)]


def cepstra(sound):
    """Of shape (frames, 13); a frame begins every hundredth of a second."""
    _, _, spectrum = stft(sound, RATE, nperseg=200, noverlap=120, nfft=256)
    energies = np.array(bands) @ np.abs(spectrum) ** 2
    return dct(np.log(energies + 1e-8), axis=0, norm="ortho")[1:14].T


X = [cepstra(sound) for sound in sounds]
print(f"sets of {min(map(len, X))} to {max(map(len, X))} frames of {X[0].shape[1]} coefficients")

# %%
# One row for each recording
# --------------------------
# ``X`` is a list of arrays, which the encoder takes as it is. Cross-validation splits recordings,
# so that a mixture never sees the frames that it is tested on. The usual features, for comparison,
# are the mean and the standard deviation of each coefficient.


def summary(X):
    return np.array([[*frames.mean(axis=0), *frames.std(axis=0)] for frames in X])


encoder = FisherVectorEncoder(16, reducer=StandardScaler(), random_state=0)
linear = LogisticRegression(C=10, max_iter=500)
models = {
    "mean and std, linear": make_pipeline(FunctionTransformer(summary), StandardScaler(), linear),
    "mean and std, SVM": make_pipeline(FunctionTransformer(summary), StandardScaler(), SVC(C=10)),
    "Fisher vectors, linear": make_pipeline(encoder, linear),
}
errors = {}
for name, model in models.items():
    errors[name] = 100 * np.mean(cross_val_predict(model, X, y, cv=3) != y)
    print(f"{name:22} error {errors[name]:.1f} %")

# %%
# What came out
# -------------
# Mean and deviation mix what is said with who says it. The mixture divides frames by how they
# sound, without being told the vowels, and the gradient of its means says how this voice makes each
# kind of sound.
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", width_ratios=[1.3, 1])
axes[0].specgram(sounds[0], NFFT=256, Fs=RATE, noverlap=128, cmap="gray_r")
axes[0].set(xlabel="seconds", ylabel="Hz", title="one recording: vowels in noise")
axes[1].barh(list(errors), list(errors.values()), color=["0.6", "0.6", "tab:blue"])
axes[1].invert_yaxis()
axes[1].set(xlabel="recordings of the wrong voice (%)", title="three folds")
plt.show()

# %%
# What to try next
# ----------------
# - Add differences from frame to frame as columns: ``np.gradient(frames, axis=0)`` beside
#   ``frames``.
# - Let ``GridSearchCV`` choose ``n_components`` and ``C``.
# - Ask ``encoder.contributions`` which frames decided (:doc:`/attribution`).
# - Take real recordings: all you need is a function that makes an array of frames from a file.
#
# Where it loses
# --------------
# The order of frames is not seen, so that words, melodies and rhythms are not told apart: windows
# of several frames see a little of it (:doc:`/series`). And where a network that was trained on
# thousands of hours of speech is at hand, its embedding is the better feature; the frames of that
# network may be the descriptors here.

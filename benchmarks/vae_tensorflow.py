"""A TensorFlow 1 graph of the same network, in a process of its own.

``python vae_tensorflow.py ROWS.npy`` trains on those binary rows, as many steps as each line of the
standard input says, and answers with the seconds. Needs ``pip install tensorflow-cpu``.
"""

import sys
from itertools import count

import numpy as np
import tensorflow.compat.v1 as tf
from interleaved import clock

BATCH, LATENT, HIDDEN = 64, 100, 200


def dense(h, n_out, activation=None):
    n_in = int(h.shape[1])
    bound = (6 / (n_in + n_out)) ** 0.5
    weight = tf.Variable(tf.random_uniform([n_in, n_out], -bound, bound))
    out = tf.matmul(h, weight) + tf.Variable(tf.zeros([n_out]))
    return out if activation is None else activation(out)


def train_step(x):
    h = dense(dense(x, HIDDEN, tf.nn.relu), HIDDEN, tf.nn.relu)
    mean, raw_scale = tf.split(dense(h, 2 * LATENT), 2, axis=1)
    std = tf.nn.softplus(raw_scale)
    z = mean + std * tf.random_normal([BATCH, LATENT])
    logits = dense(dense(dense(z, HIDDEN, tf.nn.relu), HIDDEN, tf.nn.relu), x.shape[1])
    nll = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits))
    kl = tf.reduce_sum(0.5 * (std**2 + mean**2 - 1) - tf.log(std))
    return tf.train.RMSPropOptimizer(1e-3).minimize(nll + kl)


def batches(rows):
    rng = np.random.default_rng(0)
    for _ in count():
        order = rng.permutation(len(rows))
        for first in range(0, len(rows) - BATCH + 1, BATCH):
            yield rows[order[first : first + BATCH]]


def main():
    rows = np.load(sys.argv[1])
    tf.disable_eager_execution()
    x = tf.placeholder(tf.float32, [BATCH, rows.shape[1]])
    step = train_step(x)
    one_thread = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    feed = batches(rows)
    with tf.Session(config=one_thread) as session:
        session.run(tf.global_variables_initializer())

        def run(n_steps):
            for _ in range(n_steps):
                session.run(step, {x: next(feed)})

        for line in sys.stdin:
            print(clock(lambda n=int(line): run(n)), flush=True)


if __name__ == "__main__":
    main()

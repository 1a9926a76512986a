"use strict";

// The decoder: a function from a latent point, and perhaps conditions, to the mean of x, as arrays. Every product
// of matrices is ml-matrix's.
const { Matrix } = mlMatrix;

function floats(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  return new Float32Array(bytes.buffer);
}

const LAYERS = {
  relu: () => (x) => x.map((value) => Math.max(value, 0)),

  tanh: () => (x) => x.map((value) => Math.tanh(value)),

  linear({ shape: [nOut, nIn], weight, bias }) {
    const W = Matrix.from1DArray(nOut, nIn, floats(weight));
    const b = Matrix.columnVector(floats(bias));

    return (x) => W.mmul(Matrix.columnVector(x)).add(b).to1DArray();
  },

  // As torch's ConvTranspose2d: each input pixel adds a patch, its channels times the kernels, to
  // the output.
  conv_transpose(layer) {
    const [nIn, height, width] = layer.shape;
    const [nOut, toHeight, toWidth] = layer.to_shape;
    const [kernelHeight, kernelWidth] = layer.kernel;
    const nPatch = nOut * kernelHeight * kernelWidth;
    const kernels = Matrix.from1DArray(nIn, nPatch, floats(layer.weight)).transpose();
    const bias = floats(layer.bias);
    const place = (input, offset, axis) => input * layer.stride[axis] + offset - layer.padding[axis];

    return (x) => {
      const patches = kernels.mmul(Matrix.from1DArray(nIn, height * width, x));
      const y = Array.from({ length: nOut * toHeight * toWidth }, (_, i) =>
        bias[Math.floor(i / (toHeight * toWidth))]);
      for (let patchRow = 0; patchRow < nPatch; patchRow++) {
        const column = patchRow % kernelWidth;
        const row = Math.floor(patchRow / kernelWidth) % kernelHeight;
        const channel = Math.floor(patchRow / (kernelWidth * kernelHeight));
        for (let i = 0; i < height; i++) {
          const toRow = place(i, row, 0);
          if (toRow < 0 || toRow >= toHeight) continue;
          for (let j = 0; j < width; j++) {
            const toColumn = place(j, column, 1);
            if (toColumn < 0 || toColumn >= toWidth) continue;
            y[(channel * toHeight + toRow) * toWidth + toColumn] += patches.get(patchRow, i * width + j);
          }
        }
      }

      return y;
    };
  },

  residual({ layers }) {
    const steps = makeSteps(layers);

    return (x) => through(steps, x).map((value, i) => value + x[i]);
  },

  // Probabilities of categories, which lie next to each other.
  softmax: ({ first, sizes }) => (x) => {
    const shares = Array.from(x);
    let start = first;
    for (const size of sizes) {
      const logits = shares.slice(start, start + size);
      const highest = Math.max(...logits);
      const weights = logits.map((logit) => Math.exp(logit - highest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      weights.forEach((weight, i) => { shares[start + i] = weight / total; });
      start += size;
    }

    return shares;
  },

  channels_last: ({ shape: [nChannels, nPixels] }) => (x) =>
    x.map((_, i) => x[(i % nChannels) * nPixels + Math.floor(i / nChannels)]),
};

const makeSteps = (layers) => layers.map((layer) => LAYERS[layer.kind](layer));
const through = (steps, x) => steps.reduce((h, step) => step(h), x);

// The network sees z and what it is told beside it, as numbers; the page defines meansOf before this.
function makeDecoder({ layers, widths, offset, scale }) {
  const steps = makeSteps(layers);
  const meanOf = widths.flatMap((width, block) => Array(width).fill(meansOf[block]));

  return (z, told) =>
    through(steps, [...z, ...told]).map((x, i) => meanOf[i](x) * scale[i] + offset[i]);
}

/* TensorFlow.js on its backend in plain JavaScript, judged by Softmark:
 *
 *     npm ci
 *     python -m conformance --targets "exec:node softmark.mjs"
 *
 * Each operation is TensorFlow.js's own public function. Softmark's protocol is described in docs/protocol.md.
 */
import { createInterface } from "node:readline";
import * as tf from "@tensorflow/tfjs";

console.log = console.error; // standard output is for answers

class NotProvided extends Error {}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
const REDUCTIONS = { none: tf.Reduction.NONE, sum: tf.Reduction.SUM, mean: tf.Reduction.MEAN };

const OPERATIONS = {
  softmax: (x, { axis }) => tf.softmax(x, lastAxis(x, axis)),
  log_softmax: (x, { axis }) => tf.logSoftmax(x, lastAxis(x, axis)),
  logsumexp: (x, { axis }) => tf.logSumExp(x, axis),
  softmax_cross_entropy: (x, { axis, reduction = "none", label_smoothing = 0 }, labels) => {
    if (axis !== -1 && axis !== x.rank - 1) throw new NotProvided("tf.losses.softmaxCrossEntropy takes no axis");
    return tf.losses.softmaxCrossEntropy(labels, x, undefined, label_smoothing, REDUCTIONS[reduction]);
  },
  exp: (x) => tf.exp(x),
  log: (x) => tf.log(x),
};

/* tf.softmax and tf.logSoftmax have an axis, and say that none but the last is supported yet. */
function lastAxis(x, axis) {
  if (axis >= -x.rank && axis < x.rank && axis !== -1 && axis !== x.rank - 1)
    throw new NotProvided("along a non-last dimension is not yet supported");
  return axis;
}

function toTensor({ format, shape, data }) {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  const values = ARRAYS[format] ? new ARRAYS[format](bytes.buffer) : bytes;
  return tf.tensor(values, shape, format); // which refuses a format that it does not know
}

function toArray(tensor) {
  const values = tensor.dataSync();
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  return { format: tensor.dtype, shape: tensor.shape, data };
}

function compute({ operation, derivative, wrt, arrays, options }) {
  const { x, labels, cotangent } = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [name, toTensor(array)]),
  );
  const run = OPERATIONS[operation];
  if (!derivative) return run(x, options, labels);
  if (wrt === "labels") return tf.grad((given) => run(x, options, given))(labels, cotangent);
  return tf.grad((given) => run(given, options, labels))(x, cotangent);
}

function answer(request) {
  try {
    return { id: request.id, array: tf.tidy(() => toArray(compute(request))) };
  } catch (error) {
    return { id: request.id, [error instanceof NotProvided ? "not_provided" : "error"]: error.message };
  }
}

function hello({ device, mode }) {
  if (device !== "cpu" || mode !== "eager") return { protocol: 1, error: "it runs on the CPU, eager" };
  return {
    protocol: 1,
    name: "tfjs",
    version: tf.version.tfjs,
    formats: ["float32"],
    features: ["vjp", "probability_labels", "class_axis", "reduction", "label_smoothing", "elementary"],
    operations: ["softmax", "log_softmax", "softmax_cross_entropy", "logsumexp"],
  };
}

await tf.setBackend("cpu");
let greeted = false;
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  process.stdout.write(JSON.stringify(greeted ? answer(message) : hello(message)) + "\n");
  greeted = true;
}

/* The faults that Softmark finds in TensorFlow.js 4.22.0, each shown by TensorFlow.js alone: node findings.mjs */
import * as tf from "@tensorflow/tfjs";

const { losses, Reduction } = tf;
const loss = (labels, x) => losses.softmaxCrossEntropy(labels, x, undefined, 0, Reduction.NONE);
const [one, large] = [tf.tensor1d([1, 0, 0]), tf.tensor1d([1e8, 1e8, 1e8])];
const [labels, x] = [tf.tensor1d([0, 1, 0]), tf.tensor1d([1, 2, 3])];
const attempt = (call) => {
  try {
    return call();
  } catch (error) {
    return error.message.split(",")[0];
  }
};
const show = (finding, got, right) =>
  console.log(`${finding}: ${got.dataSync ? Array.from(got.dataSync(), (v) => v.toPrecision(4)) : got}; ${right}`);

await tf.setBackend("cpu");
show("loss of [1e8, 1e8, 1e8]", loss(one, large), "ln 3 = 1.099");
show("its gradient", tf.grad((v) => loss(one, v))(large), "-0.6667,0.3333,0.3333");
show("gradient of a loss by its labels", tf.grad((q) => loss(q, x))(labels), "2.408,1.408,0.4076");
show("logSumExp of [-inf, -inf]", tf.logSumExp(tf.tensor1d([-Infinity, -Infinity])), "-inf");
show("logSumExp of [inf, 0]", tf.logSumExp(tf.tensor1d([Infinity, 0])), "inf");
show("logSumExp of no classes", tf.logSumExp(tf.zeros([1, 0]), -1), "-inf, or an error");
show("logSoftmax of [17, 0, 0]", tf.slice(tf.logSoftmax(tf.tensor1d([17, 0, 0])), 0, 1), "-8.280e-8");
show("logSoftmax of int32 [1, 2]", tf.logSoftmax(tf.tensor1d([1, 2], "int32")), "as softmax, or an error in both");
show("softmax of int32 [1, 2]", attempt(() => tf.softmax(tf.tensor1d([1, 2], "int32"))), "as logSoftmax");

import assert from 'node:assert/strict';
import test from 'node:test';

import { drawn, pure } from './pure.mjs';

const rle = await pure('rle.js');
const { runsOfSpans } = await pure('run_sets.js');

test('runs go down the columns and begin with zeros', () => {
  const { runs } = drawn('#..', '##.');
  assert.deepEqual([...runs], [0, 2, 1, 1, 2]);
});

test('a mask of no pixels has an empty box and no area', () => {
  const { runs, size } = drawn('...', '...');
  assert.deepEqual([...runs], [6]);
  assert.equal(rle.area(runs), 0);
  assert.deepEqual(rle.boundsOf(runs, size), [0, 0, 0, 0]);
});

test('bounds are found when empty runs cut a run into pieces', () => {
  assert.deepEqual(rle.boundsOf([1, 2, 0, 3, 0, 1, 5], [4, 3]), [0, 0, 2, 4]);
  assert.deepEqual(rle.boundsOf([0, 0, 1, 1, 0, 1, 9], [4, 3]), [0, 1, 1, 3]);
  assert.deepEqual(rle.boundsOf([9, 1, 2], [4, 3]), [2, 1, 3, 2]);
});

test('what lies beside the picture is not in the mask', () => {
  const { runs, size } = drawn('##', '##');
  for (const [x, y] of [[-1, 0], [0, -1], [2, 0], [0, 2], [NaN, 0]]) assert.equal(rle.contains(runs, size, x, y), false);
  assert.equal(rle.contains(runs, size, 1.99, 0.5), true);
});

test('long texts are written whole', () => {
  const runs = Int32Array.from({ length: 200_001 }, (_, k) => ((k * 7919) % 5000) + 1);
  assert.deepEqual(rle.decompress(rle.compress(runs)), runs);
});

test('a run too long for any picture is refused', () => {
  assert.throws(() => rle.decompress('oooooo3'), { name: 'RangeError', message: /RLE run 0/ });
});

test('text that is no code, or no whole one, is refused', () => {
  assert.throws(() => rle.decompress('04o'), { name: 'RangeError', message: /end within a number/ });
  assert.throws(() => rle.decompress('0\x7f'), { name: 'RangeError', message: /strange character at 1/ });
  assert.throws(() => rle.decompress('0/'), { name: 'RangeError', message: /strange character at 1/ });
});

test('masks of different pictures are not joined', () => {
  const [small, large] = [drawn('##').runs, drawn('###').runs];
  for (const join of [rle.union, rle.subtract, rle.intersect, rle.sharedArea]) {
    assert.throws(() => join(small, large), { name: 'RangeError', message: 'masks must have one size, got 2 and 3 pixels' });
  }
});

test('empty runs in what is joined leave no trace in the result', () => {
  assert.deepEqual([...rle.union([0, 2, 0, 2], [4])], [0, 4]);
  assert.deepEqual([...rle.intersect([0, 2, 0, 2], [1, 3, 0, 0])], [1, 3]);
  assert.deepEqual([...rle.subtract([0, 4], [0, 2, 0, 2])], [4]);
});

test('spans may touch, overlap and hold nothing', () => {
  assert.deepEqual([...runsOfSpans([1, 3, 4, 7, 8], [3, 5, 6, 7, 9], 10)], [1, 5, 2, 1, 1]);
  assert.deepEqual([...runsOfSpans([], [], 4)], [4]);
  assert.deepEqual([...runsOfSpans([0], [4], 4)], [0, 4]);
});

test('a dab thinner than a pixel paints the pixel it is on, and taking it away undoes it', () => {
  const { runs, size } = drawn('...', '...');
  const dab = rle.stroke(runs, size, [{ x: 1.95, y: 1.05 }], 0.1, true);
  assert.deepEqual([...dab], [...drawn('...', '.#.').runs]);
  assert.deepEqual([...rle.stroke(dab, size, [{ x: 1.95, y: 1.05 }], 0.1, false)], [...runs]);
});

test('a stroke beside the picture changes nothing', () => {
  const { runs, size } = drawn('#..', '..#');
  assert.deepEqual([...rle.stroke(runs, size, [{ x: -40, y: 1 }, { x: -40, y: 30 }], 5, true)], [...runs]);
});

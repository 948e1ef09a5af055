import assert from 'node:assert/strict';
import test from 'node:test';

import { drawn, pure } from './pure.mjs';

const { allAt, select, suppress, topmostAt } = await pure('selection.js');
const { partTree } = await pure('part_tree.js');
const { area, boundsOf } = await pure('rle.js');

const large = drawn('####', '####', '####');
const small = drawn('....', '.##.', '....');
const MASKS = [large.runs, small.runs];
const SIZE = large.size;
const rowOf = (runs, number, iou = 0.9) => [number, iou, 1, ...boundsOf(runs, SIZE), area(runs), 0, 0, 0];
const ROWS = MASKS.map((runs, number) => rowOf(runs, number));
const runsOf = (number) => MASKS[number];

test('thresholds are single precision, as the scores are', () => {
  assert.deepEqual(select([rowOf(large.runs, 0, Math.fround(0.6))], runsOf, { pred_iou_thresh: 0.6 }, SIZE), []);
  assert.deepEqual(select([[0, 1, Math.fround(0.95), 0, 0, 4, 3, 12, 0, 0, 0]], runsOf, { stability_score_thresh: 0.95 }, SIZE), [0]);
});

test('a score that is no number does not pass, and comes last where nothing is asked', () => {
  const rows = [rowOf(large.runs, 0, null), rowOf(small.runs, 1, 0.1)];
  assert.deepEqual(select(rows, runsOf, { pred_iou_thresh: 0.05 }, SIZE), [1]);
  assert.deepEqual(select(rows, runsOf, { pred_iou_thresh: 0 }, SIZE), [1, 0]);
});

test('of equal scores the earlier wins', () => {
  assert.deepEqual(suppress([[0, 0, 9, 9], [0, 0, 9, 9], [50, 0, 59, 9]], [0.5, 0.5, 0.9], 0.7), [2, 0]);
});

test('candidates whose runs are not there yet are nobody\'s part', () => {
  const settings = { wholes_only: true };
  assert.deepEqual(select(ROWS, runsOf, settings, SIZE), [0]);
  assert.deepEqual(select(ROWS, (number) => (number === 0 ? undefined : MASKS[number]), settings, SIZE), [0, 1]);
});

test('the smallest of the shown masks is on top', () => {
  assert.equal(topmostAt([0, 1], ROWS, runsOf, SIZE, 1.7, 1.2), 1);
  assert.equal(topmostAt([0, 1], ROWS, runsOf, SIZE, 0, 0), 0);
  assert.equal(topmostAt([1], ROWS, runsOf, SIZE, 0, 0), null);
  assert.deepEqual(allAt([0, 1], ROWS, runsOf, SIZE, 1, 1), [1, 0]);
});

test('empty masks are wholes without parts', () => {
  const empty = drawn('....', '....', '....');
  assert.deepEqual(partTree([empty.runs, ...MASKS], SIZE), { parents: [null, null, 1], levels: [0, 0, 1] });
});

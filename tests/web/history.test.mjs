import assert from 'node:assert/strict';
import test from 'node:test';

import { pure } from './pure.mjs';

const { begin, canRedo, canUndo, push, redo, undo } = await pure('history.js');

test('undo and redo go back and forth over the same values', () => {
  const [a, b, c] = [{}, {}, {}];
  const all = push(push(begin(a), b, 'click'), c, 'keep');
  const once = undo(all);
  assert.equal(once.now, b);
  assert.equal(once.label, 'click');
  const twice = undo(once);
  assert.equal(twice.now, a);
  assert.equal(canUndo(twice), false);
  assert.equal(undo(twice), twice);
  assert.deepEqual(redo(redo(twice)), all);
  assert.equal(canRedo(all), false);
  assert.equal(redo(all), all);
});

test('what was undone is forgotten when something else is done', () => {
  const gone = push(undo(push(begin(1), 2)), 3);
  assert.equal(canRedo(gone), false);
  assert.equal(undo(gone).now, 1);
});

test('a value that has not changed is no step', () => {
  const history = push(begin(1), 2);
  assert.equal(push(history, 2), history);
});

test('the oldest steps are forgotten beyond the limit', () => {
  let history = begin(0);
  for (let value = 1; value <= 600; value += 1) history = push(history, value);
  let steps = 0;
  for (; canUndo(history); steps += 1) history = undo(history);
  assert.equal(steps, 500);
  assert.equal(history.now, 100);
});

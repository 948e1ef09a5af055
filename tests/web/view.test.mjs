import assert from 'node:assert/strict';
import test from 'node:test';

import { pure } from './pure.mjs';

const view = await pure('view.js');
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('a picture is fitted in the middle with its margin, and enlarged twice at most', () => {
  assert.deepEqual(view.fit({ width: 4000, height: 2000 }, { width: 848, height: 648 }), { scale: 0.2, x: 24, y: 124 });
  assert.deepEqual(view.fit({ width: 10, height: 10 }, { width: 848, height: 648 }), { scale: 2, x: 414, y: 314 });
});

test('a stage smaller than its margins still shows the picture', () => {
  const { scale } = view.fit({ width: 100, height: 100 }, { width: 30, height: 30 });
  assert.equal(scale, 0.15);
});

test('zooming keeps the point under the pointer, and its limits', () => {
  const before = { scale: 0.7, x: 13, y: -20 };
  const at = view.toPicture(before, 200, 150);
  for (const factor of [1.3, 0.2, 1000, 1e-6]) {
    const after = view.zoomAt(before, factor, 200, 150);
    const back = view.toScreen(after, at.x, at.y);
    near(back.x, 200);
    near(back.y, 150);
    assert.ok(after.scale >= 0.1 && after.scale <= 32);
  }
});

test('a picture fitted below the least zoom is not made larger by zooming out', () => {
  const tiny = { scale: 0.02, x: 0, y: 0 };
  assert.equal(view.zoomAt(tiny, 0.5, 0, 0).scale, 0.02);
  assert.equal(view.zoomAt(tiny, 2, 0, 0).scale, 0.04);
});

test('panning cannot lose the picture', () => {
  const held = view.keepInSight(view.pan({ scale: 1, x: 0, y: 0 }, 5000, -5000), { width: 200, height: 100 }, { width: 600, height: 400 });
  assert.deepEqual(held, { scale: 1, x: 552, y: -52 });
});

test('a pixel is the floor of its place, and nothing beside the picture', () => {
  const shown = { scale: 4, x: 10, y: 10 };
  const size = { width: 5, height: 5 };
  assert.deepEqual(view.pixelAt(shown, 13.9, 14, size), { x: 0, y: 1 });
  assert.equal(view.pixelAt(shown, 9.99, 14, size), null);
  assert.equal(view.pixelAt(shown, 30, 14, size), null);
});

test('the window is what the stage shows', () => {
  assert.deepEqual(view.windowOf({ scale: 2, x: 10, y: -4 }, { width: 20, height: 10 }), { x0: -5, y0: 2, x1: 5, y1: 7 });
});

test('a box is the same whichever way it is drawn, and clipped to the picture', () => {
  const [a, b] = [{ x: 7, y: -3 }, { x: 2, y: 9 }];
  assert.deepEqual(view.boxFrom(a, b), [2, -3, 7, 9]);
  assert.deepEqual(view.boxFrom(b, a), [2, -3, 7, 9]);
  assert.deepEqual(view.clipBox([2, -3, 7, 9], { width: 5, height: 20 }), [2, 0, 5, 9]);
});

test('there are eight handles; the nearest within reach is taken, a corner before a side', () => {
  const box = [10, 10, 30, 50];
  assert.deepEqual(view.handlesOf(box).map(({ name }) => name).sort(), ['e', 'n', 'ne', 'nw', 's', 'se', 'sw', 'w']);
  assert.equal(view.handleAt(box, { x: 31, y: 49 }, 5), 'se');
  assert.equal(view.handleAt(box, { x: 20, y: 12 }, 5), 'n');
  assert.equal(view.handleAt(box, { x: 20, y: 30 }, 5), null);
  assert.equal(view.handleAt([10, 10, 10, 10], { x: 10, y: 10 }, 5), 'nw');
});

test('handles move their sides alone, and the box turns over past the other side', () => {
  const box = [10, 10, 30, 50];
  assert.deepEqual(view.moveHandle(box, 'n', { x: 99, y: 20 }), [10, 20, 30, 50]);
  assert.deepEqual(view.moveHandle(box, 'se', { x: 35, y: 45 }), [10, 10, 35, 45]);
  assert.deepEqual(view.moveHandle(box, 'w', { x: 40, y: 0 }), [30, 10, 40, 50]);
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { pure } from './pure.mjs';

const { PALETTE, assignColours, colourOf } = await pure('colours.js');

const row = (number, x0, y0, x1, y1) => [number, 0.9, 0.9, x0, y0, x1, y1, (x1 - x0) * (y1 - y0), 0, 0, 0];
const grid = Array.from({ length: 100 }, (_, k) => row(k, (k % 10) * 10, Math.floor(k / 10) * 10, (k % 10) * 10 + 10, Math.floor(k / 10) * 10 + 10));
const all = grid.map(([number]) => number);

test('the first colour is the blue of the current object, and no two are alike', () => {
  assert.deepEqual(PALETTE[0], [0, 114, 189]);
  const seen = Array.from({ length: 60 }, (_, k) => colourOf(k));
  assert.equal(new Set(seen.map(String)).size, 60);
  for (const channel of seen.flat()) assert.ok(Number.isInteger(channel) && channel >= 0 && channel <= 255);
});

test('later colours go round the hues as in Python', () => {
  assert.deepEqual(colourOf(8), [255, 136, 25]);
  assert.deepEqual(colourOf(10), [37, 191, 19]);
});

// Machado, Oliveira and Fernandes (2009), severity 1, on linear light.
const EYES = {
  usual: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
};
const XYZ = [0.4339, 0.3762, 0.1899, 0.2126, 0.7152, 0.0722, 0.0177, 0.1095, 0.8728];
const times = (m, v) => [0, 3, 6].map((k) => m[k] * v[0] + m[k + 1] * v[1] + m[k + 2] * v[2]);

/** Give the colour in CIE L*a*b*, white D65, as these eyes have it. */
function labOf(rgb, eyes) {
  const linear = rgb.map((value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const seen = times(eyes, linear).map((value) => Math.min(Math.max(value, 0), 1));
  const [x, y, z] = times(XYZ, seen).map((value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

for (const [kind, eyes] of Object.entries(EYES)) {
  test(`${kind} eyes tell the colours of the palette apart`, () => {
    const seen = PALETTE.map((rgb) => labOf(rgb, eyes));
    seen.forEach((one, i) => {
      for (let j = 0; j < i; j += 1) {
        const distance = Math.hypot(...one.map((value, k) => value - seen[j][k]));
        assert.ok(distance > 20, `${PALETTE[i]} and ${PALETTE[j]} are ${distance.toFixed(1)} apart`);
      }
    });
  });
}

test('masks whose boxes meet differ in colour', () => {
  const chosen = assignColours(grid, all);
  for (const [number] of grid) {
    for (const other of [number + 1, number + 10, number + 11]) {
      if (other < 100 && other % 10 >= number % 10) assert.notEqual(chosen.get(number), chosen.get(other));
    }
  }
});

test('colours do not hang on the order of the list', () => {
  assert.deepEqual([...assignColours(grid, [...all].reverse())].sort(), [...assignColours(grid, all)].sort());
});

test('what had a colour keeps it when others come', () => {
  const before = assignColours(grid, all.slice(40));
  const after = assignColours(grid, all, before);
  for (const [number, index] of before) assert.equal(after.get(number), index);
  assert.equal(after.size, 100);
});

test('most masks keep their colour when others go', () => {
  const some = all.filter((number) => number % 7 !== 0);
  const [before, after] = [assignColours(grid, all), assignColours(grid, some)];
  const same = some.filter((number) => before.get(number) === after.get(number));
  assert.ok(same.length > 0.6 * some.length, `${same.length} of ${some.length}`);
});

test('neighbours that were never shown together differ once they are', () => {
  const [left, right] = [row(0, 0, 0, 10, 10), row(1, 10, 0, 20, 10)];
  const after = assignColours([left, right], [0, 1], new Map([[0, 3], [1, 3]]));
  assert.equal(after.get(0), 3);
  assert.notEqual(after.get(1), 3);
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { asLines, drawn, maskWhere, pixelOf, pure } from './pure.mjs';

const { composite, draw, drawOnto, paint, sample } = await pure('raster.js');
const { PALETTE } = await pure('colours.js');

const whole = ([height, width]) => ({ x0: 0, y0: 0, x1: width, y1: height });
const LIGHT = [255, 255, 255, 255];
const BLUE = [0, 114, 189];
const tone = (pixel) => {
  if (pixel[3] === 0) return '.';
  if (pixel[3] < 255) return 'f';
  return pixel[0] === 255 ? 'w' : 'd';
};
const tones = (rgba, width) => {
  const all = Array.from({ length: rgba.length / 4 }, (_, at) => tone([...rgba.slice(4 * at, 4 * at + 4)])).join('');
  return all.match(new RegExp(`.{${width}}`, 'g'));
};

test('enlarged pixels are sharp squares', () => {
  const { runs, size } = drawn('#.', '.#');
  assert.deepEqual(asLines(sample(runs, size, whole(size), 6, 4), 6), ['###...', '###...', '...###', '...###']);
});

test('a window between pixels and past the edge shows nothing beside the picture', () => {
  const { runs, size } = drawn('##', '##');
  const inside = sample(runs, size, { x0: -0.75, y0: -1, x1: 2.25, y1: 3 }, 6, 4);
  assert.deepEqual(asLines(inside, 6), ['......', '.####.', '.####.', '......']);
});

test('the outline is light with dark on both sides, and its width is that of the screen', () => {
  for (const enlarged of [1, 10]) {
    const { runs, size } = maskWhere(40, 40, (x) => x >= 20);
    const side = 20 / enlarged;
    const window = { x0: 20 - side / 2, y0: 10, x1: 20 + side / 2, y1: 10 + side };
    const rows = tones(draw(runs, size, window, 20, 20, {}), 20);
    for (const row of rows) assert.equal(row, '........dwwdffffffff');
  }
});

test('with two output pixels for one of the screen the outline is twice as thick', () => {
  const { runs, size } = maskWhere(40, 40, (x) => x >= 20);
  const [row] = tones(draw(runs, size, { x0: 10, y0: 10, x1: 30, y1: 11 }, 20, 1, { pixelRatio: 2 }), 20);
  assert.equal(row, '......ddwwwwddffffff');
});

test('the outline follows the picture\'s edge where that is in sight, and not the window\'s', () => {
  const { runs, size } = maskWhere(30, 30, () => true);
  const out = tones(draw(runs, size, { x0: -10, y0: 5, x1: 20, y1: 25 }, 30, 20, {}), 30);
  for (const row of out) assert.equal(row, '........dwwdffffffffffffffffff');
});

test('slanted outlines have both tones all along', () => {
  const { runs, size } = maskWhere(100, 100, (x, y) => x + y >= 100);
  for (const pixelRatio of [1, 2, 3]) {
    const rows = tones(draw(runs, size, whole(size), 100, 100, { pixelRatio }), 100);
    for (const row of rows.slice(20, 80)) {
      assert.match(row, /^\.*d+w+d+f*$/);
      // Slanted lines run longer through a row, so they are as thick as upright ones with more of it.
      assert.ok(row.match(/w+/)[0].length >= 2 * pixelRatio && row.match(/d+/)[0].length > pixelRatio, row);
    }
  }
});

test('outline only leaves the inside clear', () => {
  const { runs, size } = maskWhere(40, 40, (x, y) => x > 9 && x < 30 && y > 9 && y < 30);
  const rows = tones(draw(runs, size, whole(size), 40, 40, { outlineOnly: true }), 40);
  assert.equal(rows[20], '........dwwd................dwwd........');
});

test('the inside has the colour and opacity asked for', () => {
  const { runs, size } = maskWhere(40, 40, () => true);
  const rgba = draw(runs, size, whole(size), 40, 40, { rgb: BLUE, opacity: 0.4 });
  for (const at of [0, 17, 39]) assert.deepEqual(pixelOf(rgba, 40, at, at), [...BLUE, 102]);
});

test('widths that fill no whole words are painted to their last pixel and not beyond', () => {
  for (const width of [1, 31, 32, 33, 63, 64, 65, 100]) {
    const { runs, size } = maskWhere(width, 5, (x) => x % 3 !== 1);
    const inside = sample(runs, size, whole(size), width, 5);
    assert.equal(asLines(inside, width)[2], Array.from({ length: width }, (_, x) => (x % 3 === 1 ? '.' : '#')).join(''));
    assert.deepEqual(paint(inside, width, 5, {}), draw(runs, size, whole(size), width, 5, {}));
  }
});

test('a border at the end of a word of pixels is outlined on both sides', () => {
  for (const edge of [31, 32, 33, 64]) {
    const { runs, size } = maskWhere(100, 6, (x) => x >= edge);
    const row = tones(draw(runs, size, whole(size), 100, 6, {}), 100)[3];
    assert.equal(row, `${'.'.repeat(edge - 2)}dwwd${'f'.repeat(98 - edge)}`);
  }
});

test('an outline at the right edge does not go on at the left one', () => {
  for (const width of [40, 64, 65]) {
    const { runs, size } = maskWhere(width, 6, (x) => x >= width - 1);
    for (const row of tones(draw(runs, size, whole(size), width, 6, {}), width)) assert.equal(row, `${'.'.repeat(width - 3)}dww`);
  }
});

test('drawing over an image leaves what the mask does not touch', () => {
  const { runs, size } = maskWhere(40, 40, (x) => x < 10);
  const rgba = new Uint8ClampedArray(4 * 40 * 40).fill(77);
  drawOnto(rgba, runs, size, whole(size), 40, 40, { rgb: BLUE });
  assert.deepEqual(pixelOf(rgba, 40, 39, 20), [77, 77, 77, 77]);
  assert.deepEqual(pixelOf(rgba, 40, 0, 20), [...BLUE, 102]);
});

const shareOfGaps = (row) => [...row].filter((mark) => mark === '.').length / row.length;

test('dashes have gaps at every slant', () => {
  for (const turn of [0, 20, 45, 60, 90, 135, 160]) {
    const [a, b] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
    const { runs, size } = maskWhere(200, 200, (x, y) => a * (x - 100) + b * (y - 100) > 0);
    const rgba = draw(runs, size, whole(size), 200, 200, { outlineOnly: true, dashed: true });
    const along = Array.from({ length: 121 }, (_, k) => {
      const [x, y] = [Math.round(100 - b * (k - 60)), Math.round(100 + a * (k - 60))];
      return tone(pixelOf(rgba, 200, x, y)) === '.' ? '.' : '#';
    }).join('');
    assert.ok(along.match(/#\.+#/g).length >= 4, `${turn}: ${along}`);
    assert.ok(shareOfGaps(along) > 0.15 && shareOfGaps(along) < 0.6, `${turn}: ${along}`);
  }
});

test('every border of a dashed mask is walked, holes and islands too', () => {
  const near = (x, y, cx, cy, r) => (x - cx) ** 2 + (y - cy) ** 2 < r * r;
  const { runs, size } = maskWhere(100, 60, (x, y) => near(x, y, 30, 30, 20) !== near(x, y, 30, 30, 8) || near(x, y, 75, 30, 9));
  const rgba = draw(runs, size, whole(size), 100, 60, { outlineOnly: true, dashed: true });
  for (const [cx, r] of [[30, 20], [30, 8], [75, 9]]) {
    const around = Array.from({ length: 72 }, (_, k) => tone(pixelOf(rgba, 100,
      Math.round(cx + r * Math.cos((k * Math.PI) / 36) - 0.5), Math.round(30 + r * Math.sin((k * Math.PI) / 36) - 0.5))));
    assert.ok(around.includes('w') && around.includes('.'), `${cx} ${r}: ${around.join('')}`);
  }
});

test('hatchings differ from each other and leave some of the inside plain', () => {
  const { runs, size } = maskWhere(60, 60, () => true);
  const seen = new Set();
  for (let pattern = 0; pattern < 6; pattern += 1) {
    const rgba = draw(runs, size, whole(size), 60, 60, { opacity: 0.3, pattern });
    const strong = rgba.filter((_, at) => at % 4 === 3).map((alpha) => Number(alpha > 77));
    const share = strong.reduce((sum, one) => sum + one, 0) / strong.length;
    assert.ok(share > 0.1 && share < 0.5, `${pattern}: ${share}`);
    seen.add(strong.join(''));
  }
  assert.equal(seen.size, 6);
});

test('hatching goes with its anchor, also to places before the first pixel', () => {
  const { runs, size } = maskWhere(60, 60, () => true);
  const at = (anchor, pattern) => draw(runs, size, whole(size), 60, 60, { opacity: 0.3, pattern, anchor });
  for (let pattern = 0; pattern < 6; pattern += 1) {
    const [still, moved, before] = [{ x: 0, y: 0 }, { x: 13, y: 24 }, { x: -17, y: -13 }].map((anchor) => at(anchor, pattern));
    for (const [x, y] of [[20, 20], [25, 21], [31, 28], [22, 20]]) {
      assert.deepEqual(pixelOf(moved, 60, x + 13, y + 24), pixelOf(still, 60, x, y), `${pattern}`);
      assert.deepEqual(pixelOf(before, 60, x - 17, y - 13), pixelOf(still, 60, x, y), `${pattern}`);
    }
    assert.notDeepEqual(moved, still);
  }
});

// --- seen on every picture --------------------------------------------------------------------

const luminance = (rgb) => {
  const [r, g, b] = rgb.map((value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
};
const over = (pixel, ground) => ground.map((value, k) => value + ((pixel[k] - value) * pixel[3]) / 255);
const GROUNDS = { white: [255, 255, 255], black: [0, 0, 0], grey: [128, 128, 128], red: [255, 0, 0], green: [0, 255, 0], blue: BLUE };

for (const [name, ground] of Object.entries(GROUNDS)) {
  test(`the outline is seen on a ${name} picture, inside and outside, in every colour`, () => {
    const { runs, size } = maskWhere(40, 40, (x) => x >= 20);
    for (const rgb of PALETTE) {
      const rgba = draw(runs, size, whole(size), 40, 40, { rgb });
      const [outside, dark, light, , inner, inside] = [10, 18, 19, 20, 21, 35].map((x) => over(pixelOf(rgba, 40, x, 20), ground));
      assert.ok(contrast(light, dark) > 7);
      assert.ok(Math.max(contrast(outside, dark), contrast(outside, light)) >= 3);
      assert.ok(Math.max(contrast(inside, inner), contrast(inside, light)) >= 3);
    }
  });
}

// --- many masks -------------------------------------------------------------------------------

const square = (x0, y0, x1, y1) => maskWhere(80, 60, (x, y) => x >= x0 && x < x1 && y >= y0 && y < y1).runs;
const SIZE = [60, 80];
const RED = [200, 0, 0];

test('small masks lie on large ones, whatever their order', () => {
  const large = { runs: square(5, 5, 75, 55), rgb: BLUE };
  const small = { runs: square(30, 20, 50, 40), rgb: RED };
  for (const masks of [[large, small], [small, large]]) {
    const rgba = composite(masks, SIZE, whole(SIZE), 80, 60, { opacity: 0.5 });
    assert.deepEqual(pixelOf(rgba, 80, 40, 30), [...RED, 128]);
    assert.deepEqual(pixelOf(rgba, 80, 15, 30), [...BLUE, 128]);
    assert.deepEqual(pixelOf(rgba, 80, 1, 1), [0, 0, 0, 0]);
    assert.deepEqual(pixelOf(rgba, 80, 30, 30), LIGHT);
  }
});

test('one mask looks alone as it does among few', () => {
  const near = (x, y) => (x - 40) ** 2 + (y - 30) ** 2 < 400 && (x - 45) ** 2 + (y - 30) ** 2 > 60;
  const { runs } = maskWhere(80, 60, near);
  for (const window of [whole(SIZE), { x0: -7, y0: 3.5, x1: 44, y1: 66 }, { x0: 30, y0: 10, x1: 38, y1: 16 }]) {
    for (const options of [{}, { outlineOnly: true }, { pixelRatio: 2, pattern: true }, { opacity: 0.9 }]) {
      const many = composite([{ runs, rgb: BLUE }], SIZE, window, 133, 90, options);
      const alone = draw(runs, SIZE, window, 133, 90, { rgb: BLUE, ...options, pattern: options.pattern ? 0 : false });
      assert.deepEqual(many, alone);
    }
  }
});

test('many masks have thin outlines of both tones', () => {
  const tiles = Array.from({ length: 48 }, (_, k) => {
    const [x, y] = [(k % 8) * 10, Math.floor(k / 8) * 10];
    return { runs: square(x + 1, y + 1, x + 9, y + 9), rgb: BLUE };
  });
  const rows = tones(composite(tiles, SIZE, whole(SIZE), 80, 60, {}), 80);
  assert.equal(rows[5], 'dwffffffwd'.repeat(8));
});

test('masks out of sight and without pixels are passed over', () => {
  const masks = [{ runs: square(0, 0, 5, 5), rgb: RED }, { runs: square(0, 0, 0, 0), rgb: RED }, { runs: square(60, 40, 80, 60), rgb: BLUE }];
  const rgba = composite(masks, SIZE, { x0: 40, y0: 30, x1: 80, y1: 60 }, 80, 60, {});
  assert.deepEqual(pixelOf(rgba, 80, 70, 50), [...BLUE, 102]);
  assert.equal(tones(rgba, 80)[2], '.'.repeat(80));
});

test('a dimmed mask is fainter and a bright one stronger', () => {
  const alphas = ['dim', undefined, 'bright'].map((style) => {
    const rgba = composite([{ runs: square(5, 5, 75, 55), rgb: BLUE, style }], SIZE, whole(SIZE), 80, 60, {});
    return pixelOf(rgba, 80, 40, 30)[3];
  });
  assert.deepEqual(alphas, [46, 102, 166]);
});

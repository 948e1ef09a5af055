// Reads cases from standard input as JSON and writes what the page's modules answer, so that Python
// can hold it against its own. Kept free of judgement: the comparing is done there.
import { readFileSync } from 'node:fs';

import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const pure = (name) => import(pathToFileURL(join(here, '../../src/anymask/serve/static/js/pure', name)));
const rle = await pure('rle.js');
const { sample } = await pure('raster.js');
const { partTree } = await pure('part_tree.js');
const { select, topmostAt } = await pure('selection.js');

const asText = (bytes) => Buffer.from(bytes).toString('base64');

const ANSWERS = {
  mask({ rle: code, plane, points }) {
    const runs = rle.runsOf(code);
    const [height, width] = code.size;
    return {
      runs: [...runs],
      text: rle.rleOf(runs, code.size),
      area: rle.area(runs),
      bounds: rle.boundsOf(runs, code.size),
      plane: asText(rle.decodePlane(runs, height, width)),
      from_plane: rle.compress(rle.encodePlane(Buffer.from(plane, 'base64'), height, width)),
      holds: points.map(([x, y]) => rle.contains(runs, code.size, x, y)),
    };
  },
  pair({ first, second }) {
    const [a, b] = [rle.runsOf(first), rle.runsOf(second)];
    return {
      union: rle.compress(rle.union(a, b)),
      intersect: rle.compress(rle.intersect(a, b)),
      subtract: rle.compress(rle.subtract(a, b)),
      shared: rle.sharedArea(a, b),
    };
  },
  stroke({ rle: code, points, radius, value }) {
    const way = points.map(([x, y]) => ({ x, y }));
    return rle.compress(rle.stroke(rle.runsOf(code), code.size, way, radius, value));
  },
  sample({ rle: code, window: [x0, y0, x1, y1], width, height }) {
    return asText(sample(rle.runsOf(code), code.size, { x0, y0, x1, y1 }, width, height));
  },
  tree({ codes, size }) {
    return partTree(codes.map((code) => rle.runsOf(code)), size);
  },
  select({ rows, codes, settings, size }) {
    return select(rows, (number) => rle.decompress(codes[number]), settings, size);
  },
  topmost({ rows, codes, numbers, size, points }) {
    const runsOf = (number) => rle.decompress(codes[number]);
    return points.map(([x, y]) => topmostAt(numbers, rows, runsOf, size, x, y));
  },
  damaged({ rle: code }) {
    try {
      return rle.runsOf(code).length;
    } catch (error) {
      return `${error.name}: ${error.message}`;
    }
  },
};

const cases = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(cases.map(({ kind, ...fields }) => ANSWERS[kind](fields))));

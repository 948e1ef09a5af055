// Where the page's modules lie, and small pictures for their tests.
const PURE = new URL('../../src/anymask/serve/static/js/pure/', import.meta.url);

export const pure = (name) => import(new URL(name, PURE));

const { encodePlane } = await pure('rle.js');

/** Draw a mask as text: '#' is set; lines are rows. */
export function drawn(...lines) {
  const plane = Uint8Array.from(lines.join(''), (mark) => Number(mark === '#'));
  return { runs: encodePlane(plane, lines.length, lines[0].length), size: [lines.length, lines[0].length] };
}

/** Give the mask of places (x, y) for which a question is answered with yes. */
export function maskWhere(width, height, isInside) {
  const plane = Uint8Array.from({ length: width * height }, (_, at) => Number(isInside(at % width, Math.floor(at / width))));
  return { runs: encodePlane(plane, height, width), size: [height, width] };
}

/** Write 0 and 1, row-major, as lines of text. */
export function asLines(bytes, width) {
  const marks = Array.from(bytes, (byte) => (byte ? '#' : '.')).join('');
  return marks.match(new RegExp(`.{${width}}`, 'g'));
}

/** Give the pixel x, y of an RGBA image. */
export const pixelOf = (rgba, width, x, y) => [...rgba.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];

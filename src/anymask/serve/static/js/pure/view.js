/**
 * Where the picture lies on the stage, and boxes drawn on it. A view {scale, x, y} puts pixel
 * corner (0, 0) of the picture at (x, y) of the stage, each pixel `scale` wide. Points are {x, y},
 * boxes [x0, y0, x1, y1], sizes {width, height}.
 *
 * Exports: fit(size, stage, margin = 24, maxScale = 2) → view · zoomAt(view, factor, x, y, limits) → view
 * pan(view, dx, dy) → view · keepInSight(view, size, stage, least) → view
 * toPicture(view, x, y) → {x, y} · toScreen(view, x, y) → {x, y} · pixelAt(view, x, y, size) → {x, y} | null
 * windowOf(view, stage) → {x0, y0, x1, y1} · boxFrom(a, b) → box · clipBox(box, size) → box
 * handlesOf(box) → [{name, x, y}] · handleAt(box, point, reach) → name | null · moveHandle(box, name, point) → box
 *
 * @typedef {{scale: number, x: number, y: number}} View
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, height: number}} Extent
 * @typedef {[number, number, number, number]} Box
 */

const LIMITS = [0.1, 32];

/**
 * Show the whole picture in the middle of the stage.
 *
 * @param {Extent} size  Of the picture.
 * @param {Extent} stage
 * @param {number} [margin]  Left free on each side.
 * @param {number} [maxScale]  Small pictures are not enlarged beyond it.
 * @returns {View}
 */
export function fit(size, stage, margin = 24, maxScale = 2) {
  // A stage smaller than its margins still shows the picture.
  const room = [stage.width, stage.height].map((side) => Math.max(side - 2 * margin, side / 2, 1));
  const scale = Math.min(room[0] / size.width, room[1] / size.height, maxScale);
  return {
    scale,
    x: (stage.width - size.width * scale) / 2,
    y: (stage.height - size.height * scale) / 2,
  };
}

/**
 * Enlarge or shrink; the point of the picture under (x, y) stays there.
 *
 * @param {View} view
 * @param {number} factor
 * @param {number} x  On the stage.
 * @param {number} y
 * @param {[number, number]} [limits]  Least and most scale. A view beyond them may come back only.
 * @returns {View}
 */
export function zoomAt(view, factor, x, y, limits = LIMITS) {
  const least = Math.min(limits[0], view.scale);
  const most = Math.max(limits[1], view.scale);
  const scale = Math.min(Math.max(view.scale * factor, least), most);
  const grown = scale / view.scale;
  return { scale, x: x - (x - view.x) * grown, y: y - (y - view.y) * grown };
}

/**
 * @param {View} view
 * @param {number} dx
 * @param {number} dy
 * @returns {View}
 */
export function pan(view, dx, dy) {
  return { scale: view.scale, x: view.x + dx, y: view.y + dy };
}

/**
 * Move a view back so that some of the picture is still seen.
 *
 * @param {View} view
 * @param {Extent} size
 * @param {Extent} stage
 * @param {number} [least]  How much of it, pixels of the stage.
 * @returns {View}
 */
export function keepInSight(view, size, stage, least = 48) {
  const held = (at, side, room) => {
    const inner = Math.min(least, side, room);
    return Math.min(Math.max(at, inner - side), room - inner);
  };
  return {
    scale: view.scale,
    x: held(view.x, size.width * view.scale, stage.width),
    y: held(view.y, size.height * view.scale, stage.height),
  };
}

/**
 * @param {View} view
 * @param {number} x  On the stage.
 * @param {number} y
 * @returns {Point} On the picture; whole pixels are its floor.
 */
export function toPicture(view, x, y) {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
}

/**
 * @param {View} view
 * @param {number} x  On the picture.
 * @param {number} y
 * @returns {Point} On the stage.
 */
export function toScreen(view, x, y) {
  return { x: view.x + x * view.scale, y: view.y + y * view.scale };
}

/**
 * Give the pixel of the picture at a place of the stage.
 *
 * @param {View} view
 * @param {number} x
 * @param {number} y
 * @param {Extent} size
 * @returns {Point | null} Null beside the picture.
 */
export function pixelAt(view, x, y, size) {
  const at = toPicture(view, x, y);
  const pixel = { x: Math.floor(at.x), y: Math.floor(at.y) };
  const isInside = pixel.x >= 0 && pixel.y >= 0 && pixel.x < size.width && pixel.y < size.height;
  return isInside ? pixel : null;
}

/**
 * Give the part of the picture's plane that the stage shows, as `raster.sample` takes it.
 *
 * @param {View} view
 * @param {Extent} stage
 * @returns {{x0: number, y0: number, x1: number, y1: number}}
 */
export function windowOf(view, stage) {
  const from = toPicture(view, 0, 0);
  const to = toPicture(view, stage.width, stage.height);
  return { x0: from.x, y0: from.y, x1: to.x, y1: to.y };
}

/**
 * @param {Point} a
 * @param {Point} b
 * @returns {Box} Whichever way it was drawn.
 */
export function boxFrom(a, b) {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

/**
 * @param {Box} box
 * @param {Extent} size
 * @returns {Box}
 */
export function clipBox(box, size) {
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  return [
    within(box[0], size.width), within(box[1], size.height),
    within(box[2], size.width), within(box[3], size.height),
  ];
}

/**
 * @param {Box} box
 * @returns {{name: string, x: number, y: number}[]} Corners first, named by the compass.
 */
export function handlesOf([x0, y0, x1, y1]) {
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const places = { nw: [x0, y0], ne: [x1, y0], se: [x1, y1], sw: [x0, y1], n: [x, y0], e: [x1, y], s: [x, y1], w: [x0, y] };
  return Object.entries(places).map(([name, at]) => ({ name, x: at[0], y: at[1] }));
}

/**
 * Give the handle at a point, the nearest one; of equally near ones a corner.
 *
 * @param {Box} box
 * @param {Point} point  In the frame of the box.
 * @param {number} reach  How far off it may be, in that frame.
 * @returns {string | null}
 */
export function handleAt(box, point, reach) {
  let best = null;
  let least = reach;
  for (const handle of handlesOf(box)) {
    const distance = Math.hypot(handle.x - point.x, handle.y - point.y);
    if (distance < least || (best === null && distance === least)) [best, least] = [handle.name, distance];
  }
  return best;
}

/**
 * Drag a handle; past the other side the box turns over.
 *
 * @param {Box} box
 * @param {string} name
 * @param {Point} point
 * @returns {Box}
 */
export function moveHandle([x0, y0, x1, y1], name, point) {
  const from = { x: name.includes('w') ? point.x : x0, y: name.includes('n') ? point.y : y0 };
  const to = { x: name.includes('e') ? point.x : x1, y: name.includes('s') ? point.y : y1 };
  return boxFrom(from, to);
}

/** Draws what stands above the masks: points, the box and its handles, cross lines, the live size and warnings. */
import { boxFrom, handlesOf } from './pure/view.js';
import { current, picture } from './state.js';

export const POINT_RADIUS = 9;
const HANDLE = 5;
const ADD = 'rgb(0, 128, 60)';
const REMOVE = 'rgb(200, 20, 30)';
const BOX = 'rgb(0, 114, 189)';

/** Line twice, dark under white, so that it is seen on any picture. */
function twoTone(context, trace, width = 2) {
  for (const [colour, extra] of [['rgba(0, 0, 0, 0.75)', 2], ['white', 0]]) {
    context.strokeStyle = colour;
    context.lineWidth = width + extra;
    context.beginPath();
    trace();
    context.stroke();
  }
}

/** A + point is a disc, a − point a square turned on its corner: the shape tells the sign, not the colour alone. */
function drawPoint(context, at, label, isFocused) {
  const r = POINT_RADIUS;
  context.beginPath();
  if (label) context.arc(at.x, at.y, r, 0, 2 * Math.PI);
  else {
    const side = r * 1.25;
    context.moveTo(at.x, at.y - side);
    for (const [dx, dy] of [[side, 0], [0, side], [-side, 0]]) context.lineTo(at.x + dx, at.y + dy);
    context.closePath();
  }
  context.fillStyle = label ? ADD : REMOVE;
  context.strokeStyle = 'rgba(0, 0, 0, 0.75)';
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = 'white';
  context.lineWidth = 2;
  context.fill();
  context.stroke();
  context.beginPath();
  context.moveTo(at.x - 4.5, at.y);
  context.lineTo(at.x + 4.5, at.y);
  if (label) {
    context.moveTo(at.x, at.y - 4.5);
    context.lineTo(at.x, at.y + 4.5);
  }
  context.stroke();
  if (isFocused) twoTone(context, () => context.arc(at.x, at.y, r + 6, 0, 2 * Math.PI));
}

function drawBox(context, [x0, y0, x1, y1], hasHandles) {
  context.setLineDash([]);
  for (const [colour, width] of [['rgba(0, 0, 0, 0.75)', 5], ['white', 3.5], [BOX, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }
  if (!hasHandles) return;
  for (const { x, y } of handlesOf([x0, y0, x1, y1])) {
    context.fillStyle = 'white';
    context.strokeStyle = BOX;
    context.lineWidth = 2;
    context.fillRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
    context.strokeRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
  }
}

function drawTag(context, text, x, y, stage) {
  context.font = '13px system-ui, sans-serif';
  const width = context.measureText(text).width + 16;
  const left = Math.max(Math.min(x + 14, stage.width - width - 4), 4);
  const top = y + 42 > stage.height ? y - 40 : y + 16;
  context.fillStyle = 'rgba(20, 20, 20, 0.88)';
  context.beginPath();
  context.roundRect(left, top, width, 26, 6);
  context.fill();
  context.fillStyle = 'white';
  context.textBaseline = 'middle';
  context.fillText(text, left + 8, top + 13.5);
}

function drawCrossLines(context, at, stage) {
  twoTone(context, () => {
    context.moveTo(0, at.y);
    context.lineTo(stage.width, at.y);
    context.moveTo(at.x, 0);
    context.lineTo(at.x, stage.height);
  }, 1);
}

function drawCrosshair(context, at) {
  twoTone(context, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(at.x + dx * 5, at.y + dy * 5);
      context.lineTo(at.x + dx * 16, at.y + dy * 16);
    }
    context.rect(at.x - 1, at.y - 1, 2, 2);
  });
}

function drawBrush(context, state, place) {
  const at = place(state.pointer);
  const radius = Math.max(state.brushRadius * state.view.scale, 2);
  twoTone(context, () => context.arc(at.x, at.y, radius, 0, 2 * Math.PI), 1.5);
}

/** The line a brush is drawing now, before it is part of the mask. */
function drawStroke(context, { points, value }, state, place) {
  context.lineWidth = Math.max(state.brushRadius * state.view.scale * 2, 2);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.strokeStyle = value ? 'rgba(0, 114, 189, 0.45)' : 'rgba(200, 20, 30, 0.45)';
  context.beginPath();
  points.forEach((point, k) => {
    const at = place(point);
    if (k) context.lineTo(at.x, at.y);
    else context.moveTo(at.x, at.y);
  });
  if (points.length === 1) context.lineTo(place(points[0]).x + 0.01, place(points[0]).y);
  context.stroke();
}

function drawDrafts(context, state, place) {
  const stage = state.stageSize;
  const { draft, pointer } = state;
  if (draft?.kind === 'box') {
    const box = boxFrom(draft.from, draft.to);
    const [a, b] = [place({ x: box[0], y: box[1] }), place({ x: box[2], y: box[3] })];
    drawBox(context, [a.x, a.y, b.x, b.y], false);
    drawTag(context, draft.text, place(draft.to).x, place(draft.to).y, stage);
  }
  if (draft?.kind === 'stroke') drawStroke(context, draft, state, place);
  if (state.brush && pointer) drawBrush(context, state, place);
}

/** A click that waits for the picture to be read: a hollow ring where it was made. */
function drawQueued(context, queued, place) {
  if (queued?.kind === 'click') {
    const at = place({ x: queued.x + 0.5, y: queued.y + 0.5 });
    context.setLineDash([4, 3]);
    twoTone(context, () => context.arc(at.x, at.y, POINT_RADIUS, 0, 2 * Math.PI));
    context.setLineDash([]);
  }
  if (queued?.kind === 'box') {
    const [a, b] = [place({ x: queued.box[0], y: queued.box[1] }), place({ x: queued.box[2], y: queued.box[3] })];
    drawBox(context, [a.x, a.y, b.x, b.y], false);
  }
}

/** Say by the place what cannot be done there, or what came of it. */
function drawWarning(context, { x, y, sentence, isMinus }, place, stage) {
  const at = place({ x: x + 0.5, y: y + 0.5 });
  if (isMinus) drawPoint(context, at, 0, true);
  drawTag(context, `⚠ ${sentence}`, at.x, at.y, stage);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} state
 * @param {number} ratio device pixels a CSS pixel
 */
export function drawMarks(canvas, state, ratio) {
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const entry = picture(state);
  if (!entry?.width) return;
  const { view, stageSize: stage } = state;
  const place = (point) => ({ x: view.x + point.x * view.scale, y: view.y + point.y * view.scale });
  const middle = (point) => place({ x: point.x + 0.5, y: point.y + 0.5 });
  const now = current(state);
  const isInside = state.pointer && state.pointer.x >= 0 && state.pointer.y >= 0 && state.pointer.x <= entry.width && state.pointer.y <= entry.height;
  if (state.tool === 'box' && isInside && !state.brush) drawCrossLines(context, place(state.pointer), stage);
  if (now?.box) {
    const [a, b] = [place({ x: now.box[0], y: now.box[1] }), place({ x: now.box[2], y: now.box[3] })];
    drawBox(context, [a.x, a.y, b.x, b.y], state.tool === 'box');
  }
  drawDrafts(context, state, place);
  if (state.tool === 'hover' || state.tool === 'box') now?.points.forEach((point, k) => drawPoint(context, middle(point), point.label, state.focusedPoint === k));
  drawQueued(context, entry.queued, place);
  if (state.crosshair) drawCrosshair(context, middle(state.crosshair));
  if (state.warning) drawWarning(context, state.warning, place, stage);
}

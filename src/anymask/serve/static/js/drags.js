/** What a pointer that went down is doing: each drag has move, end and, where something must be taken back, cancel. */
import { boxFrom, clipBox, moveHandle, toPicture } from './pure/view.js';
import { current, picture } from './state.js';
import { boxHandleAt, pointAt } from './targets.js';
import { words } from './words.js';

const CLICK_PX = 4;

const isFar = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) >= CLICK_PX;

/** @returns {0|1} what a click with these keys and this button says */
function labelOf(event, state) {
  if (event.shiftKey || event.button === 2) return 0;
  return state.sign;
}

function panning({ store, actions }, event, from) {
  let last = from;
  store.set({ isPanning: true });
  return {
    move(_, at) {
      actions.panBy(at.x - last.x, at.y - last.y);
      last = at;
    },
    end: () => store.set({ isPanning: false }),
  };
}

function brushing({ store, actions }, event, from) {
  const value = store.get().brush === 'add' ? !(event.shiftKey || event.button === 2) : false;
  const points = [];
  const add = (at) => {
    points.push(toPicture(store.get().view, at.x, at.y));
    store.set({ draft: { kind: 'stroke', points: [...points], value } });
  };
  add(from);
  return {
    move(_, at, isFirst) {
      if (!isFirst) add(at);
    },
    end() {
      store.set({ draft: null });
      actions.brushStroke(points, store.get().brushRadius, value);
    },
    cancel: () => store.set({ draft: null }),
  };
}

function draggingPoint({ store, actions, pixelOf }, event, from, i) {
  let hasMoved = false;
  const move = (its, at, live) => {
    const pixel = pixelOf(at);
    if (pixel) actions.movePoint(i, pixel.x, pixel.y, { live, since: its.timeStamp });
  };
  return {
    move(its, at) {
      hasMoved ||= isFar(at, from);
      if (hasMoved) move(its, at, true);
    },
    end(its, at) {
      if (!hasMoved) {
        actions.removePoint(i);
        return;
      }
      const pixel = pixelOf(at);
      const last = current(store.get())?.points[i];
      // Let go beside the picture: the last place inside it counts.
      if (pixel) move(its, at, false);
      else if (last) actions.movePoint(i, last.x, last.y, { live: false });
    },
    cancel: () => actions.cancelDrag(),
  };
}

function draggingHandle({ store, actions }, event, from, handle) {
  const { box } = current(store.get());
  let hasMoved = false;
  const set = (its, at, live) => {
    const to = toPicture(store.get().view, at.x, at.y);
    const entry = picture(store.get());
    const made = clipBox(moveHandle(box, handle, { x: Math.round(to.x), y: Math.round(to.y) }), entry);
    if (made[2] - made[0] >= 1 && made[3] - made[1] >= 1) actions.setBox(made, { live, keepPoints: true, since: its.timeStamp });
  };
  return {
    move(its, at) {
      hasMoved ||= isFar(at, from);
      if (hasMoved) set(its, at, true);
    },
    end(its, at) {
      if (hasMoved) set(its, at, false);
    },
    cancel: () => actions.cancelDrag(),
  };
}

function clicking({ actions, store, pixelOf }, event, from) {
  const label = labelOf(event, store.get());
  const { altKey, timeStamp } = event;
  let isLeft = false;
  return {
    move(_, at) {
      isLeft ||= isFar(at, from);
    },
    end(its) {
      const pixel = pixelOf(from);
      if (isLeft || !pixel) return;
      if (store.get().tool === 'everything') actions.selectAt(pixel.x, pixel.y, { add: its.shiftKey });
      else actions.clickAt(pixel.x, pixel.y, label, { fresh: altKey, since: timeStamp });
    },
  };
}

/** The draft of a box between two places of the stage, clipped to the picture. */
export function draftBox(state, a, b) {
  const box = clipBox(boxFrom(a, b).map(Math.round), picture(state));
  const text = words.stage.size(Math.round(box[2] - box[0]), Math.round(box[3] - box[1]));
  const within = (point) => ({ x: Math.min(Math.max(point.x, 0), picture(state).width), y: Math.min(Math.max(point.y, 0), picture(state).height) });
  return { kind: 'box', from: within(a), to: within(b), text, box };
}

function drawingBox(page, event, from) {
  const { store, actions } = page;
  const click = clicking(page, event, from);
  const start = toPicture(store.get().view, from.x, from.y);
  let isBox = false;
  return {
    move(its, at) {
      click.move(its, at);
      isBox ||= isFar(at, from);
      if (!isBox) return;
      actions.leave();
      store.set({ draft: draftBox(store.get(), start, toPicture(store.get().view, at.x, at.y)) });
    },
    end(its, at) {
      store.set({ draft: null });
      if (!isBox) {
        click.end(its, at);
        return;
      }
      const { box } = draftBox(store.get(), start, toPicture(store.get().view, at.x, at.y));
      actions.setBox(box, { fresh: event.altKey, since: its.timeStamp });
    },
    cancel: () => store.set({ draft: null }),
  };
}

/**
 * @param {object} page the gestures: {store, actions, pixelOf, isSpaceDown}
 * @param {PointerEvent} event
 * @param {{x: number, y: number}} at
 * @returns {{move: Function, end: Function, cancel?: Function}|null}
 */
export function beginDrag(page, event, at) {
  const state = page.store.get();
  if (event.button === 1 || page.isSpaceDown) return panning(page, event, at);
  if (event.button !== 0 && event.button !== 2) return null;
  if (state.brush) return brushing(page, event, at);
  const reach = event.pointerType === 'touch' ? 22 : undefined;
  const handle = boxHandleAt(state, at, reach);
  if (handle && event.button === 0) return draggingHandle(page, event, at, handle);
  const point = pointAt(state, at, reach);
  if (point !== null && event.button === 0) return draggingPoint(page, event, at, point);
  if (state.tool === 'box' && event.button === 0) return drawingBox(page, event, at);
  return clicking(page, event, at);
}

/** Fingers on the stage: a long press removes, two fingers pan and zoom, a second tap on the same place is ignored. */
import { picture } from './state.js';

const LONG_PRESS_MS = 500;
const SAME_TAP_MS = 250;
const SAME_TAP_PX = 16;

export class Touch {
  #fingers = new Map();
  #press = 0;
  #isPinching = false;
  #isTaken = false;
  #lastTap = { time: -Infinity, x: 0, y: 0 };

  /** @param {object} page the gestures */
  constructor(page) {
    this.page = page;
  }

  /** @returns {boolean} whether the event was for two fingers, or is to be ignored */
  down(event, at) {
    this.#fingers.set(event.pointerId, at);
    clearTimeout(this.#press);
    if (this.#fingers.size >= 2) {
      this.page.breakOff();
      this.#isPinching = true;
      return true;
    }
    const since = event.timeStamp - this.#lastTap.time;
    this.#isTaken = since < SAME_TAP_MS && Math.hypot(at.x - this.#lastTap.x, at.y - this.#lastTap.y) < SAME_TAP_PX;
    if (this.#isTaken) return true;
    this.#press = setTimeout(() => this.#longPress(at), LONG_PRESS_MS);
    return false;
  }

  move(event, at) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return true;
    if (Math.hypot(at.x - before.x, at.y - before.y) > 6) clearTimeout(this.#press);
    if (!this.#isPinching) return this.#isTaken;
    const others = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (others) this.#pinch(before, at, others);
    this.#fingers.set(event.pointerId, at);
    return true;
  }

  up(event, at) {
    clearTimeout(this.#press);
    this.#fingers.delete(event.pointerId);
    const isOver = this.#isPinching || this.#isTaken;
    if (this.#fingers.size === 0) this.#isPinching = this.#isTaken = false;
    if (!isOver) this.#lastTap = { time: event.timeStamp, ...at };
    return isOver;
  }

  cancel(event) {
    clearTimeout(this.#press);
    this.#fingers.delete(event.pointerId);
    if (this.#fingers.size === 0) this.#isPinching = this.#isTaken = false;
  }

  #longPress(at) {
    const { page } = this;
    const { tool, brush } = page.store.get();
    const pixel = page.pixelOf(at);
    if (!pixel || brush || !picture(page.store.get())) return;
    page.breakOff();
    this.#isTaken = true;
    navigator.vibrate?.(20);
    if (tool === 'everything') page.actions.selectAt(pixel.x, pixel.y, { add: true });
    else page.actions.clickAt(pixel.x, pixel.y, 0);
  }

  #pinch(before, at, other) {
    const { actions } = this.page;
    const grown = Math.hypot(at.x - other.x, at.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1);
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    actions.panBy((at.x - before.x) / 2, (at.y - before.y) / 2);
    actions.zoomBy(grown, middle);
  }
}

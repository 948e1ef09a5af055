/**
 * Pointers on the stage: hovering, clicking, dragging points, boxes and handles, brushing, panning and zooming.
 *
 * A pointer that goes down begins one drag (drags.js) which gets every move until it goes up; two fingers end it and pinch.
 */
import { beginDrag } from './drags.js';
import { toPicture } from './pure/view.js';
import { current, picture } from './state.js';
import { boxHandleAt, pointAt } from './targets.js';
import { Touch } from './touch.js';

const CURSORS = { n: 'ns-resize', s: 'ns-resize', e: 'ew-resize', w: 'ew-resize', nw: 'nwse-resize', se: 'nwse-resize', ne: 'nesw-resize', sw: 'nesw-resize' };

class Gestures {
  #drag = null;
  #touch;

  constructor(view, store, actions, pixelOf) {
    Object.assign(this, { view, store, actions, pixelOf, isSpaceDown: false });
    this.#touch = new Touch(this);
    const on = (name, fn) => view.addEventListener(name, fn, { passive: false });
    on('pointerdown', (event) => this.#down(event));
    on('pointermove', (event) => this.#move(event));
    on('pointerup', (event) => this.#up(event));
    on('pointercancel', (event) => this.#cancel(event));
    on('pointerleave', () => this.#leave());
    on('contextmenu', (event) => event.preventDefault());
    on('wheel', (event) => this.#wheel(event));
    on('auxclick', (event) => event.preventDefault());
    document.addEventListener('keydown', (event) => this.#key(event));
    document.addEventListener('keyup', (event) => this.#key(event));
    on('blur', () => { delete view.dataset.by; });
    window.addEventListener('blur', () => this.#space(false));
  }

  /** Where an event lies on the stage, CSS pixels. */
  placeOf(event) {
    const frame = this.view.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  get isDragging() {
    return this.#drag !== null;
  }

  /** Break off what is being dragged, without a trace. @returns {boolean} whether there was something */
  breakOff() {
    if (!this.#drag) return false;
    this.#drag.cancel?.();
    this.#drag = null;
    this.store.set({ isPanning: false });
    return true;
  }

  #down(event) {
    const at = this.placeOf(event);
    // A ring around the whole stage is for those who come by keyboard; a pointer shows itself where it is.
    this.view.dataset.by = 'pointer';
    this.view.focus({ preventScroll: true });
    this.store.set({ crosshair: null });
    if (!picture(this.store.get())?.width) return;
    try {
      this.view.setPointerCapture(event.pointerId);
    } catch { /* a pointer that is up already cannot be held; its events come all the same */ }
    if (event.pointerType === 'touch' && this.#touch.down(event, at)) return;
    if (this.#drag) return;
    if (event.button === 1) event.preventDefault();
    this.#drag = beginDrag(this, event, at);
    this.#drag?.move(event, at, true);
  }

  #move(event) {
    const at = this.placeOf(event);
    if (event.pointerType === 'touch' && this.#touch.move(event, at)) return;
    this.#point(at, event);
    if (this.#drag) {
      this.#drag.move(event, at);
      return;
    }
    if (event.pointerType !== 'touch') this.hover(event, at);
  }

  #point(at, event) {
    const state = this.store.get();
    if (event.pointerType === 'touch' && !this.#drag) return;
    const isOver = this.#drag !== null || this.pixelOf(at) !== null;
    this.store.set({ pointer: isOver && picture(state)?.width ? toPicture(state.view, at.x, at.y) : null });
  }

  /** Look at what lies under the pointer. */
  hover(event, at) {
    const state = this.store.get();
    const handle = boxHandleAt(state, at);
    const point = pointAt(state, at);
    const over = handle ? CURSORS[handle] : point === null ? null : 'grab';
    if (state.over !== over) this.store.set({ over });
    const pixel = this.pixelOf(at);
    if (!pixel || this.isSpaceDown || over) {
      this.#unhover(state);
      return;
    }
    if (state.tool === 'everything') this.actions.hoverEverything(pixel.x, pixel.y);
    else if (state.tool !== 'box' || current(state)) {
      const label = event.shiftKey ? 0 : undefined;
      this.actions.hoverAt(pixel.x, pixel.y, { label, since: event.timeStamp });
    }
  }

  #unhover(state) {
    if (state.tool === 'everything' && picture(state)?.everything.hover !== null) this.actions.hoverEverything(null);
    this.actions.leave();
  }

  #up(event) {
    const at = this.placeOf(event);
    if (event.pointerType === 'touch' && this.#touch.up(event, at)) return;
    const drag = this.#drag;
    this.#drag = null;
    drag?.end(event, at);
    if (event.pointerType === 'touch') this.store.set({ pointer: null });
  }

  #cancel(event) {
    this.breakOff();
    this.#touch.cancel(event);
  }

  #leave() {
    if (this.#drag) return;
    this.#unhover(this.store.get());
    this.store.set({ pointer: null, over: null });
  }

  #wheel(event) {
    event.preventDefault();
    const state = this.store.get();
    if (!picture(state)?.width) return;
    if (event.altKey) {
      this.actions.stepCandidate(event.deltaY || event.deltaX);
      return;
    }
    const lines = event.deltaMode === 1 ? 16 : 1;
    // A pinch on a touchpad comes as a wheel with Ctrl and small steps.
    const rate = event.ctrlKey ? 0.01 : 0.0015;
    const factor = Math.exp(-Math.max(Math.min(event.deltaY * lines, 240), -240) * rate);
    this.actions.zoomBy(factor, this.placeOf(event));
  }

  #key(event) {
    if (/^(Arrow|Tab)/.test(event.key)) delete this.view.dataset.by;
    if (event.key === ' ' && this.#isSpaceForStage()) {
      // Neither does the page scroll nor is a button pressed that only happens to have the focus.
      event.preventDefault();
      this.#space(event.type === 'keydown');
    }
    if (event.type === 'keydown' && event.key === 'Escape' && this.breakOff()) {
      event.stopImmediatePropagation();
      event.preventDefault();
    }
  }

  /** Space pans where the stage has the focus, or the pointer is over it and no key has moved the focus elsewhere. */
  #isSpaceForStage() {
    const active = document.activeElement ?? document.body;
    if (active === this.view || this.isSpaceDown) return true;
    const isBusy = this.store.get().dialog || active.matches('input:not([type="range"]), textarea, select, :focus-visible');
    return !isBusy && this.view.matches(':hover');
  }

  #space(isDown) {
    if (this.isSpaceDown === isDown) return;
    this.isSpaceDown = isDown;
    this.store.set({ canPan: isDown });
  }
}

/**
 * @param {HTMLElement} view
 * @param {object} store
 * @param {object} actions
 * @param {(at: {x: number, y: number}) => {x: number, y: number}|null} pixelOf
 */
export function mountGestures(view, store, actions, pixelOf) {
  return new Gestures(view, store, actions, pixelOf);
}

/**
 * Draws the stage: the picture, the masks and the marks, each on its own canvas so that a moving pointer redraws the marks alone.
 *
 * Masks are drawn by a worker for the part in sight at the screen's own resolution (mask_slots.js). While a person zooms, the old
 * drawing is shown moved and stretched until the new one comes.
 */
import { layersOf, maskFacts } from './layers.js';
import { drawMarks } from './marks.js';
import { MaskSlots } from './mask_slots.js';
import { measureDrawn } from './measures.js';
import { drawPicture } from './picture_layer.js';
import { picture } from './state.js';

export class Painter {
  #store;
  #slots = new MaskSlots(() => this.#invalidate('masks'));
  #canvases = null;
  #dirty = new Set();
  #frame = 0;
  #ratio = 1;
  #count = 0;

  /** @param {object} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {{picture: HTMLCanvasElement, masks: HTMLCanvasElement, marks: HTMLCanvasElement}} canvases */
  attach(canvases) {
    this.#canvases = canvases;
    this.#store.watch((state) => state.stageSize, () => this.refresh());
    this.#store.watch((state) => state, () => this.#settle());
    this.#store.watch((state) => state.view, () => this.#moved());
    this.#store.watch((state) => picture(state)?.bitmap, () => this.#invalidate('picture'));
  }

  /** The stage has another size, or the screen another pixel ratio. */
  refresh() {
    if (!this.#canvases) return;
    this.#ratio = window.devicePixelRatio || 1;
    const { width, height } = this.#store.get().stageSize;
    for (const canvas of Object.values(this.#canvases)) {
      canvas.width = Math.round(width * this.#ratio);
      canvas.height = Math.round(height * this.#ratio);
    }
    this.#moved();
  }

  #scene() {
    const state = this.#store.get();
    const { width, height } = this.#canvases.masks;
    return { entry: picture(state), view: state.view, pointer: state.pointer, ratio: this.#ratio, width, height };
  }

  #settle() {
    this.#slots.settle(layersOf(this.#store.get()), this.#scene());
    this.#invalidate('masks', 'marks');
  }

  #moved() {
    this.#slots.moved(this.#scene());
    this.#invalidate('picture', 'masks', 'marks');
  }

  #invalidate(...parts) {
    for (const part of parts) this.#dirty.add(part);
    if (this.#canvases && !this.#frame) this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now) {
    this.#frame = 0;
    // Not every browser says when a window comes to a screen of another kind.
    if (window.devicePixelRatio !== this.#ratio) this.refresh();
    const dirty = this.#dirty;
    this.#dirty = new Set();
    const state = this.#store.get();
    if (dirty.has('picture')) drawPicture(this.#canvases.picture, state, this.#ratio);
    if (dirty.has('marks')) drawMarks(this.#canvases.marks, state, this.#ratio);
    if (dirty.has('masks') && this.#drawMasks(state, now)) this.#invalidate('masks');
  }

  #drawMasks(state, now) {
    const { masks } = this.#canvases;
    const context = masks.getContext('2d');
    context.clearRect(0, 0, masks.width, masks.height);
    const isMoving = this.#slots.draw(context, now);
    this.#count += 1;
    masks.dataset.drawn = String(this.#count);
    const facts = maskFacts(state);
    if (facts) masks.dataset.mask = JSON.stringify(facts);
    else delete masks.dataset.mask;
    measureDrawn(state, this.#slots.drawn);
    return isMoving;
  }
}

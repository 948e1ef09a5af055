/** The drawings of masks that the worker has made, one slot for each kind of mask, and the asking for new ones. */
import { SLOTS } from './layers.js';
import { drawRipple, RIPPLE_MS } from './ripple.js';

const SOFT_MS = 150;

const same = (a, b) => a.length === b.length && a.every((value, k) => Object.is(value, b[k]));
const isStill = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** How much two boxes are one, 0 to 1. */
function overlap(a, b) {
  if (!a || !b) return 0;
  const [w, h] = [Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1])];
  if (w <= 0 || h <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (w * h) / (area(a) + area(b) - w * h);
}

/** What should be in a slot, what is in it, what was before it, and whether the worker is busy with it. */
const newSlot = () => ({ wanted: null, drawn: null, before: null, since: 0, asked: null, isStale: false, ripple: null });

export class MaskSlots {
  #slots = new Map(SLOTS.map((name) => [name, newSlot()]));
  #worker = new Worker(new URL('./painter_worker.js', import.meta.url), { type: 'module' });
  #sent = { key: null, codes: null, size: 0, numbers: new Set() };
  #onChange;

  /** @param {() => void} onChange called when there is something new to draw */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#worker.addEventListener('message', ({ data }) => this.#take(data));
  }

  /** @returns {object[]} the layers that stand on the canvas now */
  get drawn() {
    return [...this.#slots.values()].map((slot) => slot.drawn?.wanted).filter(Boolean);
  }

  /**
   * Compare what is wanted with what is there, and ask for what differs.
   * @param {import('./layers.js').Layer[]} layers
   * @param {object} scene {entry, view, ratio, width, height} of the canvas
   */
  settle(layers, scene) {
    this.scene = scene;
    if (scene.entry) this.#sendCodes(scene.entry);
    const wanted = new Map(layers.map((layer) => [layer.slot, layer]));
    for (const [name, slot] of this.#slots) {
      const layer = wanted.get(name) ?? null;
      const isOfOnePicture = layer !== null && layer.pictureKey === slot.wanted?.pictureKey;
      if (isOfOnePicture && same(layer.deps, slot.wanted.deps)) {
        slot.wanted.alpha = layer.alpha;
        continue;
      }
      if (!isOfOnePicture) this.#clear(slot);
      slot.wanted = layer;
      this.#ask(name, slot);
    }
  }

  /** The view or the canvas has changed: what is there is shown moved until it has been drawn anew. */
  moved(scene) {
    this.scene = scene;
    for (const [name, slot] of this.#slots) {
      slot.isStale = true;
      this.#ask(name, slot);
    }
  }

  #sendCodes({ key, everything: { codes } }) {
    const sent = this.#sent;
    if (sent.key === key && sent.codes === codes && sent.size === codes.size) return;
    if (sent.key !== key || codes.size < sent.size) {
      sent.numbers.clear();
      this.#worker.postMessage({ key, codes: [], isFresh: true });
    }
    const fresh = [...codes].filter(([number]) => !sent.numbers.has(number));
    for (const [number] of fresh) sent.numbers.add(number);
    Object.assign(sent, { key, codes, size: codes.size });
    if (fresh.length) this.#worker.postMessage({ key, codes: fresh });
  }

  #ask(slotName, slot) {
    const { entry, view, ratio, width, height } = this.scene;
    if (!slot.wanted || slot.asked || !entry || !width) return;
    const margin = Math.ceil(4 * ratio);
    slot.isStale = false;
    slot.asked = { wanted: slot.wanted, view };
    this.#worker.postMessage({
      slot: slotName, size: [entry.height, entry.width], spec: slot.wanted.spec, pixelRatio: ratio,
      view: { scale: view.scale * ratio, x: view.x * ratio, y: view.y * ratio },
      // A little more than what is in sight, so that no outline runs along the edge of the window.
      shown: { x0: -margin, y0: -margin, x1: width + margin, y1: height + margin },
    });
  }

  #take({ slot: name, bitmap, shown, fault }) {
    const slot = this.#slots.get(name);
    const { wanted, view } = slot.asked;
    slot.asked = null;
    if (fault) reportError(new Error(fault));
    if (slot.wanted && slot.wanted.pictureKey === wanted.pictureKey) this.#place(slot, { bitmap, shown, view, wanted });
    else bitmap?.close();
    if (slot.isStale || slot.wanted !== wanted) this.#ask(name, slot);
  }

  #place(slot, drawn) {
    const isNew = slot.drawn?.wanted !== drawn.wanted;
    if (isNew && drawn.wanted.isSoft && !isStill()) {
      slot.before?.bitmap?.close();
      slot.before = slot.drawn;
      slot.since = performance.now();
      const { pointer } = this.scene;
      const isOther = overlap(slot.before?.wanted.box, drawn.wanted.box) < 0.5;
      if (drawn.wanted.ripple && isOther && pointer) slot.ripple = { from: { ...pointer }, since: slot.since };
    } else {
      slot.drawn?.bitmap?.close();
    }
    slot.drawn = drawn;
    this.#onChange();
  }

  #clear(slot) {
    slot.drawn?.bitmap?.close();
    slot.before?.bitmap?.close();
    Object.assign(slot, { drawn: null, before: null, ripple: null });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} now milliseconds
   * @returns {boolean} whether something is still moving
   */
  draw(context, now) {
    let isMoving = false;
    for (const slot of this.#slots.values()) isMoving = this.#drawSlot(context, slot, now) || isMoving;
    return isMoving;
  }

  #drawSlot(context, slot, now) {
    if (!slot.drawn) return false;
    const isSoft = slot.drawn.wanted.isSoft && !isStill();
    const share = isSoft ? Math.min(Math.max((now - slot.since) / SOFT_MS, 0.05), 1) : 1;
    const alpha = slot.wanted?.alpha ?? 1;
    if (slot.before) this.#stamp(context, slot.before, alpha * (1 - share));
    this.#stamp(context, slot.drawn, alpha * share);
    if (share === 1 && slot.before) {
      slot.before.bitmap?.close();
      slot.before = null;
    }
    if (slot.ripple && now - slot.ripple.since > RIPPLE_MS) slot.ripple = null;
    if (slot.ripple && slot.drawn.bitmap) drawRipple(context, this.#placeOf(slot.drawn), slot.drawn.bitmap, this.#wave(slot.ripple, now));
    return share < 1 || slot.ripple !== null;
  }

  /** Where on the canvas a drawing made for another view lies now. */
  #placeOf({ bitmap, shown, view }) {
    const { view: now, ratio } = this.scene;
    const grown = now.scale / view.scale;
    return {
      x: (shown.x0 - view.x * ratio) * grown + now.x * ratio, y: (shown.y0 - view.y * ratio) * grown + now.y * ratio,
      width: bitmap.width * grown, height: bitmap.height * grown, grown,
    };
  }

  #wave({ from, since }, now) {
    const { view, ratio } = this.scene;
    return { x: (from.x * view.scale + view.x) * ratio, y: (from.y * view.scale + view.y) * ratio, share: (now - since) / RIPPLE_MS, ratio };
  }

  #stamp(context, drawn, alpha) {
    if (!drawn.bitmap || alpha <= 0) return;
    const { x, y, width, height, grown } = this.#placeOf(drawn);
    context.globalAlpha = alpha;
    context.imageSmoothingEnabled = grown !== 1;
    context.drawImage(drawn.bitmap, x, y, width, height);
    context.globalAlpha = 1;
  }
}

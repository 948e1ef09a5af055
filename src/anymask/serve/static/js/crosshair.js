/** Pointing without a pointer: a crosshair that arrows move and Space places points with. */
import { draftBox } from './drags.js';
import { toPicture, toScreen } from './pure/view.js';
import { current, picture } from './state.js';
import { words } from './words.js';

const STEP_PX = 10;
const MARGIN_PX = 32;

export class Crosshair {
  #last = null;
  #key = null;

  /**
   * @param {object} store
   * @param {object} actions
   */
  constructor(store, actions) {
    Object.assign(this, { store, actions });
  }

  /** The stage has lost the focus; the place is remembered. */
  hide() {
    if (!this.store.get().crosshair) return;
    this.store.set({ crosshair: null, pointer: null, focusedPoint: null });
    this.actions.leave();
  }

  /** Where the crosshair is, or begins: where it was last, else in the middle of what is in sight. */
  #place() {
    const state = this.store.get();
    const entry = picture(state);
    if (this.#key !== entry.key) this.#last = null;
    this.#key = entry.key;
    if (state.crosshair ?? this.#last) return { at: state.crosshair ?? this.#last, isNew: !state.crosshair };
    const middle = toPicture(state.view, state.stageSize.width / 2, state.stageSize.height / 2);
    const within = (value, side) => Math.min(Math.max(Math.floor(value), 0), side - 1);
    return { at: { x: within(middle.x, entry.width), y: within(middle.y, entry.height) }, isNew: true };
  }

  move(dx, dy, isFine) {
    const state = this.store.get();
    const entry = picture(state);
    if (!entry?.width) return;
    const { at, isNew } = this.#place();
    const step = isNew ? 0 : isFine ? 1 : STEP_PX;
    const to = { x: Math.min(Math.max(at.x + dx * step, 0), entry.width - 1), y: Math.min(Math.max(at.y + dy * step, 0), entry.height - 1) };
    this.#last = to;
    const focused = current(state)?.points.findIndex((point) => Math.hypot(point.x - to.x, point.y - to.y) <= 4) ?? -1;
    this.store.set({ crosshair: to, pointer: { x: to.x + 0.5, y: to.y + 0.5 }, focusedPoint: focused < 0 ? null : focused, announce: words.stage.point(to.x, to.y) });
    this.#keepInSight(to);
    this.#look(to);
  }

  #look(to) {
    const state = this.store.get();
    if (state.draft?.kind === 'box') this.store.set({ draft: { ...draftBox(state, state.draft.from, to), isByKeys: true } });
    else if (state.tool === 'everything') this.actions.hoverEverything(to.x, to.y);
    else if (state.tool !== 'box' || current(state)) this.actions.hoverAt(to.x, to.y);
  }

  #keepInSight(to) {
    const { view, stageSize } = this.store.get();
    const at = toScreen(view, to.x, to.y);
    const push = (value, side) => (value < MARGIN_PX ? MARGIN_PX - value : value > side - MARGIN_PX ? side - MARGIN_PX - value : 0);
    const [dx, dy] = [push(at.x, stageSize.width), push(at.y, stageSize.height)];
    if (dx || dy) this.actions.panBy(dx, dy);
  }

  /** Space: a point of the current sign, or a corner of a box; with Shift what Shift does to a click. */
  place({ isShift = false } = {}) {
    const state = this.store.get();
    if (!picture(state)?.width) return;
    if (!state.crosshair) {
      this.move(0, 0, true);
      return;
    }
    const { x, y } = state.crosshair;
    if (state.tool === 'everything') this.actions.selectAt(x, y, { add: isShift });
    else if (state.tool === 'box' && (state.draft || !current(state)?.box)) this.#corner({ x, y });
    else this.actions.clickAt(x, y, isShift ? 0 : state.sign);
  }

  #corner(at) {
    const state = this.store.get();
    if (!state.draft) {
      this.store.set({ draft: { ...draftBox(state, at, at), isByKeys: true } });
      return;
    }
    const { from } = state.draft;
    this.store.set({ draft: null });
    this.actions.setBox(draftBox(state, from, at).box);
  }
}

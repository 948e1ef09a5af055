/** How the picture and the masks are looked at: zoom, pan, opacity, outlines, patterns. */
import { bound } from '../bound.js';
import * as view from '../pure/view.js';
import { picture } from '../state.js';

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** Put a view that keeps some of the picture in sight. */
function look(store, made) {
  const { stageSize } = store.get();
  const entry = picture(store.get());
  if (!entry?.width || !stageSize.width) return;
  store.set({ view: view.keepInSight(made, entry, stageSize) });
}

function zoomBy({ store }, factor, at) {
  const { view: before, stageSize } = store.get();
  const { x, y } = at ?? { x: stageSize.width / 2, y: stageSize.height / 2 };
  look(store, view.zoomAt(before, factor, x, y));
}

function fit({ store }) {
  const entry = picture(store.get());
  const { stageSize } = store.get();
  if (entry?.width && stageSize.width) store.set({ view: view.fit(entry, stageSize) });
}

const change = (store, patch) => store.set((state) => ({ look: { ...state.look, ...patch } }));

/** @returns {Record<string, Function>} */
export function makeLookActions(store) {
  return bound({ store }, {
    zoomBy, fit,
    panBy: (page, dx, dy) => look(store, view.pan(store.get().view, dx, dy)),
    setOpacity: (page, value) => change(store, { opacity: clamp(value, 0, 1) }),
    toggleOutline: () => change(store, { outlineOnly: !store.get().look.outlineOnly }),
    togglePattern: () => change(store, { pattern: !store.get().look.pattern }),
  });
}

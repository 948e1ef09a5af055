/** The stage: three canvases on each other, the element that has the focus, and its size. */
import { mountEncodingBar } from './encoding_bar.js';
import { mountGestures } from './gestures.js';
import { fit, pixelAt } from './pure/view.js';
import { current, picture } from './state.js';
import { words } from './words.js';

function makeCanvas(testid) {
  const canvas = document.createElement('canvas');
  canvas.dataset.testid = testid;
  canvas.setAttribute('aria-hidden', 'true');
  Object.assign(canvas.style, { position: 'absolute', inset: '0', width: '100%', height: '100%', pointerEvents: 'none' });
  return canvas;
}

function makeView() {
  const view = document.createElement('div');
  view.className = 'canvases';
  view.dataset.testid = 'stage';
  view.tabIndex = 0;
  view.setAttribute('role', 'application');
  Object.assign(view.style, { position: 'absolute', inset: '0', overflow: 'hidden', touchAction: 'none', userSelect: 'none' });
  return view;
}

function stateOf(state) {
  const entry = picture(state);
  if (!entry) return 'empty';
  return entry.status === 'ready' ? 'ready' : entry.status === 'failed' ? 'failed' : 'encoding';
}

function cursorOf(state) {
  const entry = picture(state);
  if (!entry) return 'default';
  if (state.isPanning) return 'grabbing';
  if (state.canPan) return 'grab';
  if (state.brush) return 'none';
  if (state.over) return state.over;
  if (state.thinking || ['sending', 'reading', 'encoding'].includes(entry.status)) return 'progress';
  return state.tool === 'everything' ? 'pointer' : 'crosshair';
}

/** What tests and other programs may read of the view. */
function tell(view, store) {
  store.watch((state) => state.view, ({ scale, x, y }) => Object.assign(view.dataset, { scale, x, y }));
  store.watch(stateOf, (state) => { view.dataset.state = state; });
  store.watch((state) => picture(state) !== null, (isThere) => view.setAttribute('aria-label', isThere ? words.stage.label : words.stage.labelEmpty));
  store.watch((state) => Boolean(current(state)), (is) => { view.dataset.current = String(is); });
  store.watch(cursorOf, (cursor) => { view.style.cursor = cursor; });
  const live = document.getElementById('live');
  store.watch((state) => state.announce, (text) => { if (live) live.textContent = text; });
}

/** A picture that was fitted stays so; one that a person has zoomed into keeps what is in the middle. */
function resized(store, actions, before, size) {
  const entry = picture(store.get());
  const { view } = store.get();
  store.set({ stageSize: size });
  if (!entry?.width || !before.width) {
    actions.fit();
    return;
  }
  const fitted = fit(entry, before);
  const isFitted = Math.hypot(fitted.x - view.x, fitted.y - view.y) < 1 && Math.abs(fitted.scale - view.scale) < 1e-6;
  if (isFitted) actions.fit();
  else actions.panBy((size.width - before.width) / 2, (size.height - before.height) / 2);
}

function watchSize(view, store, actions) {
  const look = () => {
    const before = store.get().stageSize;
    const size = { width: view.clientWidth, height: view.clientHeight };
    if (size.width !== before.width || size.height !== before.height) resized(store, actions, before, size);
  };
  new ResizeObserver(look).observe(view);
  look();
}

function watchRatio(painter) {
  const query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
  query.addEventListener('change', () => { painter.refresh(); watchRatio(painter); }, { once: true });
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 * @param {object} painter
 */
export function mountStage(element, store, actions, painter) {
  const view = makeView();
  const canvases = { picture: makeCanvas('picture-canvas'), masks: makeCanvas('mask-canvas'), marks: makeCanvas('mark-canvas') };
  view.append(canvases.picture, canvases.masks, canvases.marks);
  if (getComputedStyle(element).position === 'static') element.style.position = 'relative';
  element.append(view);
  watchSize(view, store, actions);
  painter.attach(canvases);
  watchRatio(painter);
  tell(view, store);
  store.watch((state) => picture(state)?.key, () => actions.fit());
  store.watch((state) => picture(state)?.width, () => actions.fit());
  mountEncodingBar(element, store, actions);
  mountGestures(view, store, actions, (at) => pixelAt(store.get().view, at.x, at.y, picture(store.get()) ?? { width: 0, height: 0 }));
}

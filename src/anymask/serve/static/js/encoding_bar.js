/** The thin bar on the picture's lower edge while it is being sent, read and encoded, with the time left and a way to stop it. */
import { picture } from './state.js';
import { words } from './words.js';

const WORTH_STOPPING_S = 2;

function makeParts(cancel) {
  const [bar, fill, label, stop] = ['div', 'div', 'div', 'button'].map((tag) => document.createElement(tag));
  bar.className = 'encoding-bar';
  bar.setAttribute('role', 'progressbar');
  bar.setAttribute('aria-valuemin', '0');
  bar.setAttribute('aria-valuemax', '100');
  Object.assign(bar.style, { position: 'absolute', height: '6px', background: 'rgba(20, 20, 20, 0.55)', pointerEvents: 'none' });
  Object.assign(fill.style, { height: '100%', background: 'rgb(0, 114, 189)' });
  Object.assign(label.style, {
    position: 'absolute', padding: '4px 10px', borderRadius: '8px', font: '13px system-ui, sans-serif', maxWidth: 'calc(100% - 120px)',
    color: 'white', background: 'rgba(20, 20, 20, 0.82)', pointerEvents: 'none', boxSizing: 'border-box',
  });
  Object.assign(stop, { type: 'button', className: 'button', textContent: words.stage.cancel });
  stop.dataset.testid = 'cancel-encoding';
  Object.assign(stop.style, { position: 'absolute', minHeight: '44px' });
  stop.addEventListener('click', cancel);
  bar.append(fill);
  return { bar, fill, label, stop };
}

function sentenceOf(entry) {
  const text = words.stage;
  const stages = { sending: () => text.sending(Math.round(100 * entry.share)), reading: () => text.reading, encoding: () => text.encoding(entry.secondsLeft) };
  return entry.queued ? `${stages[entry.status]()} · ${text.queued}` : stages[entry.status]();
}

function show({ bar, fill, label, stop }, state) {
  const entry = picture(state);
  const isBusy = Boolean(entry) && ['sending', 'reading', 'encoding'].includes(entry.status);
  const isLong = isBusy && (entry.status !== 'encoding' || entry.secondsLeft >= WORTH_STOPPING_S);
  for (const [part, isSeen] of [[bar, isBusy && entry.width > 0], [label, isBusy], [stop, isLong]]) part.style.display = isSeen ? '' : 'none';
  if (!isBusy) return;
  const { view, stageSize } = state;
  const left = Math.max(view.x, 0);
  const bottom = Math.min(view.y + entry.height * view.scale, stageSize.height);
  const width = Math.min(entry.width * view.scale, stageSize.width - left);
  Object.assign(bar.style, { left: `${left}px`, width: `${width}px`, top: `${bottom - 6}px` });
  const low = entry.width ? stageSize.height - bottom + 12 : stageSize.height / 2;
  Object.assign(label.style, { left: `${left + 8}px`, bottom: `${low}px` });
  Object.assign(stop.style, { right: `${Math.max(stageSize.width - left - width, 0) + 8}px`, bottom: `${low}px` });
  const share = Math.round(100 * entry.share);
  fill.style.width = `${share}%`;
  label.textContent = sentenceOf(entry);
  if (entry.queued) label.dataset.testid = 'queued';
  else delete label.dataset.testid;
  bar.setAttribute('aria-valuenow', String(share));
  bar.setAttribute('aria-label', label.textContent);
}

/**
 * @param {HTMLElement} element the stage
 * @param {object} store
 * @param {object} actions
 */
export function mountEncodingBar(element, store, actions) {
  const parts = makeParts(() => actions.cancelEncoding());
  element.append(parts.bar, parts.label, parts.stop);
  for (const selector of [picture, (state) => state.view, (state) => state.stageSize]) store.watch(selector, () => show(parts, store.get()));
}

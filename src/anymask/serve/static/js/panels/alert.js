/** The strip under the header: one sentence of trouble, one action, details to copy, a way to close it. */
import { button, h, icon, replace } from '../dom.js';
import { words } from '../words.js';

/** What a report may say: what happened and where, never the picture or its name. */
function report(alert, state) {
  const facts = { sentence: alert.sentence, details: alert.details ?? {}, tool: state.tool, server: state.server?.version, model: state.server?.model, browser: navigator.userAgent };
  return JSON.stringify(facts, null, 2);
}

async function copyReport(event, alert, state) {
  const label = event.currentTarget.querySelector('span');
  try {
    await navigator.clipboard.writeText(report(alert, state));
    label.textContent = words.card.alertCopied;
  } catch {
    // Without a clipboard the report can still be marked and copied by hand.
    event.target.closest('.alert')?.append(h('textarea', { class: 'input', readonly: true, rows: '6', 'aria-label': words.card.alertDetails }, report(alert, state)));
  }
}

function tokenForm(actions) {
  const text = words.card;
  const input = h('input', { class: 'input', type: 'password', name: 'token', testid: 'token', autocomplete: 'off', required: true, 'aria-label': text.token, placeholder: text.token });
  const form = h('form', { class: 'alert-buttons' }, input, h('button', { type: 'submit', class: 'button' }, text.tokenSend));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    actions.setToken?.(input.value);
  });
  return form;
}

function strip(alert, state, actions) {
  const text = words.card;
  const buttons = h('div', { class: 'alert-buttons' });
  if (alert.action) buttons.append(button({ label: alert.action.label }, { testid: 'alert-action', onclick: () => alert.action.run() }));
  // Of what was done there is nothing to report.
  const isNote = alert.id === 'note';
  if (!isNote) buttons.append(button({ label: text.alertDetails, class: 'button quiet' }, { title: text.alertDetailsHint, onclick: (event) => copyReport(event, alert, state) }));
  buttons.append(button({ icon: 'close', label: text.alertClose, class: 'button quiet', iconOnly: true }, { testid: 'alert-close', onclick: () => actions.closeAlert() }));
  return h('div', { class: isNote ? 'alert note' : 'alert' }, icon(isNote ? 'help' : 'alert'), h('p', { class: 'alert-text', testid: 'alert', role: isNote ? 'status' : 'alert' }, alert.sentence),
    alert.id === 'token' ? tokenForm(actions) : null, buttons);
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountAlert(element, store, actions) {
  store.watch((state) => state.alert, (alert) => {
    if (alert === null) replace(element);
    else replace(element, strip(alert, store.get(), actions));
  });
}

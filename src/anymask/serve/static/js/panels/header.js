/** The header: name, one line, and three links. */
import { h, icon } from '../dom.js';
import { words } from '../words.js';

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountHeader(element, store, actions) {
  const text = words.card;
  const demo = h('a', { class: 'link', href: '/', 'aria-current': 'page' }, h('span', null, text.demo));
  const help = h('button', { type: 'button', class: 'link', testid: 'help', 'aria-haspopup': 'dialog', onclick: () => actions.openDialog('help') },
    h('span', null, text.help));
  // The page is served as it was written: its first module is its source.
  const source = h('a', { class: 'link', href: '/static/js/main.js', target: '_blank', rel: 'noopener' }, h('span', null, text.source));
  element.append(
    h('div', { class: 'brand' }, icon('mark'), h('h1', null, text.name)),
    h('p', { class: 'subtitle' }, text.subtitle),
    h('nav', { class: 'links', 'aria-label': text.links }, demo, help, source),
  );
  // A click on "Demo" must not throw the work away.
  demo.addEventListener('click', (event) => event.preventDefault());
}

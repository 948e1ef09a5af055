/** Opens the page: store, server, painter, actions, and every panel on its place. */
import { makeActions } from './actions.js';
import { mountKeyboard } from './keyboard.js';
import { Painter } from './painter.js';
import { mountAlert } from './panels/alert.js';
import { mountCandidates } from './panels/candidates.js';
import { mountCard } from './panels/card.js';
import { mountDialogs } from './panels/dialogs.js';
import { mountEmpty } from './panels/empty.js';
import { mountExportMenu } from './panels/export_menu.js';
import { mountGallery } from './panels/gallery.js';
import { mountHeader } from './panels/header.js';
import { mountHelp } from './panels/help.js';
import { mountObjectsTray } from './panels/objects_tray.js';
import { mountStatus } from './panels/status.js';
import { mountStrip } from './panels/strip.js';
import { Server } from './server.js';
import { mountStage } from './stage.js';
import { startPage } from './start.js';
import { initialState, makeStore } from './state.js';
import { Storage } from './storage.js';

/** Every panel and the id of the element it lives in. */
const PANELS = [
  [mountHeader, 'header'], [mountCard, 'card'], [mountCandidates, 'candidates'], [mountAlert, 'alert'], [mountStatus, 'status'],
  [mountStrip, 'strip'], [mountEmpty, 'empty'], [mountObjectsTray, 'tray'],
  [mountHelp, 'dialogs'], [mountGallery, 'dialogs'], [mountDialogs, 'dialogs'], [mountExportMenu, 'dialogs'],
];

function open() {
  const store = makeStore(initialState());
  const storage = new Storage(store);
  store.set(storage.settings());
  const server = new Server(store);
  const painter = new Painter(store);
  const actions = makeActions(store, server, painter, storage);
  mountStage(document.getElementById('stage'), store, actions, painter);
  mountKeyboard(document, store, actions);
  for (const [mount, id] of PANELS) mount(document.getElementById(id), store, actions);
  startPage(store, server, actions, storage);
}

open();

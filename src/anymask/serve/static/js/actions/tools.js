/** Which tool is in the hand, and which dialog is open. */
import { bound } from '../bound.js';

function chooseTool({ store, actions }, tool) {
  if (store.get().tool === tool) return;
  actions.leave();
  store.set({ tool, brush: null, draft: null, warning: null });
}

function setBrush({ store, actions }, brush) {
  actions.leave();
  store.set((state) => ({ brush: state.brush === brush ? null : brush }));
}

/** @returns {Record<string, Function>} */
export function makeToolActions(store, server, painter, actions) {
  return bound({ store, actions }, {
    chooseTool, setBrush,
    setSign: (page, sign) => store.set({ sign: sign ? 1 : 0 }),
    setMultimask: (page, isOn) => store.set({ multimask: Boolean(isOn) }),
    setBrushRadius: (page, radius) => store.set({ brushRadius: Math.min(Math.max(radius, 1), 400) }),
    openDialog: (page, dialog) => { actions.leave(); store.set({ dialog }); },
    closeDialog: () => store.set({ dialog: null }),
    setToken: (page, token) => { server.setToken(token); store.set({ alert: null }); return actions.retry(); },
  });
}
